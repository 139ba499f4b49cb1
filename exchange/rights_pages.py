"""Withdrawals, cases and rights as their words say them: messages, pages, and the part of Jejak Data Saya that is about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from exchange.answers import agency_code, letter, name_in, reference, site_of
from exchange.citizen import Letter
from exchange.deps import Parts
from exchange.flows.answer_case import Opened
from exchange.flows.answer_withdrawal import Answer
from exchange.flows.own_rights import Case, Clock, Frozen, OwnRights
from exchange.pages import rights as vocabulary
from exchange.pages import rights_messages as words
from exchange.pages import rights_views as views
from exchange.pages.languages import sayer
from exchange.pages.views import LiveConsent


def number(record_id: str) -> str:
    """The number of a withdrawal or a case, as people say it: kind, and the last eight characters of the id."""
    kind = {"wd": "TRK", "cs": "HAK", "dr": "KEM", "vo": "BTL"}[record_id.partition("_")[0]]
    return f"{kind}-{record_id[-8:-4]}-{record_id[-4:]}"


def answer_text(parts: Parts) -> Letter[[str, str, Answer, str]]:
    """The notice that a recipient has answered: (agency id, kind, answer, request id) -> text."""

    def text(link: str, agency_id: str, kind: str, said: Answer, request_id: str) -> str:
        return words.withdrawal_answer_notice(
            site=parts.site_name,
            agency=agency_code(agency_id),
            kind=kind,
            answer=said.word,
            article=said.article,
            reference=reference(request_id),
            trail_link=link,
        )

    return letter(parts, text)


def asked_text(parts: Parts) -> Letter[[Sequence[Case], bool]]:
    """The notice that something was asked: (cases, something is frozen) -> text."""

    def text(link: str, cases: Sequence[Case], frozen: bool) -> str:
        return words.case_notice(
            site=parts.site_name,
            what=vocabulary.kind_words(cases[0].kind).lower(),
            numbers=[number(case.id) for case in cases],
            frozen=frozen,
            deadline=cases[0].deadline,
            trail_link=link,
            zone=parts.zone,
        )

    return letter(parts, text)


def case_answer_text(parts: Parts) -> Letter[[Case, str]]:
    """The notice that a case was answered: (case, outcome) -> text."""

    def text(link: str, case: Case, outcome: str) -> str:
        return words.case_answer_notice(
            site=parts.site_name,
            agency=agency_code(case.agency_id),
            what=vocabulary.kind_words(case.kind).lower(),
            number=number(case.id),
            outcome=vocabulary.outcome_words(outcome).lower(),
            erased_on=case.effective_at,
            trail_link=link,
            zone=parts.zone,
        )

    return letter(parts, text)


def reminder_text(site: str, zone: str) -> Callable[[str, str, datetime, bool], str]:
    """The words of a data officer's reminder: (agency id, number's id, deadline, overdue) -> text."""

    def text(agency_id: str, record_id: str, deadline: datetime, overdue: bool) -> str:
        return words.deadline_notice(
            site=site,
            agency=agency_code(agency_id),
            number=number(record_id),
            deadline=deadline,
            overdue=overdue,
            zone=zone,
        )

    return text


def rights_view(
    parts: Parts, here: str, own: OwnRights, now: datetime, *, newest: int | None = None
) -> views.OwnRights:
    """``newest``: of what is settled only so many; what waits is always shown."""
    clocks = [
        row for at, row in enumerate(own.withdrawals) if not row.answer or newest is None or at < newest
    ]
    cases = [
        row for at, row in enumerate(own.cases) if row.state != "closed" or newest is None or at < newest
    ]
    return views.OwnRights(
        here,
        tuple(_clock(own, row, now) for row in clocks),
        tuple(case_line(case, now) for case in cases),
        tuple(frozen_consent(parts, row) for row in own.frozen),
    )


def case_line(case: Case, now: datetime) -> views.CaseLine:
    return views.CaseLine(
        case_id=case.id,
        number=number(case.id),
        kind=case.kind,
        agency=agency_code(case.agency_id),
        opened_at=case.opened_at,
        deadline=case.deadline,
        state=case.state,
        outcome=case.outcome,
        late=case.state == "open" and now >= case.deadline,
        effective_at=case.effective_at,
    )


def frozen_consent(parts: Parts, row: Frozen) -> LiveConsent:
    service = parts.catalogue.services.get(row.consent.service)
    return LiveConsent(
        consent_id=row.consent.id,
        reference=reference(row.consent.request_id),
        agency=agency_code(row.consent.agency_id),
        service=name_in(parts, service) if service else row.consent.service,
        documents=tuple(_paper(parts, code) for code in row.types),
        use_until=row.consent.valid_until,
    )


def form_view(
    parts: Parts,
    here: str,
    csrf: str,
    kind: str,
    targets: Sequence[tuple[str, str]],
    *,
    text: str = "",
    error: str | None = None,
) -> views.RightsForm:
    reasons = tuple(vocabulary.REASONS[kind].items())
    return views.RightsForm(site_of(parts), csrf, here, kind, tuple(targets), reasons, text, error)


def targets_of(
    parts: Parts, kind: str, papers: Sequence[tuple[str, str]], own: OwnRights
) -> list[tuple[str, str]]:
    """(value, words): what this right may be about. An objection is about one thing, which is named by where it began."""
    if kind == "copy":
        return [("everything", target_words(parts, "copy"))]
    found = [(f"document:{document_id}", _paper(parts, code)) for document_id, code in papers]
    if kind == "correction":
        return [("identity", target_words(parts, "identity")), *found]
    if kind == "suspension":
        found = [
            (f"agency:{agency}", target_words(parts, "agency", agency=agency_code(agency)))
            for agency in own.agencies
        ] + found
    return [*found, ("everything", target_words(parts, "everything"))]


def target_words(parts: Parts, target: str, **values: str) -> str:
    """What a request is about, in the language of the pages."""
    return sayer(parts.pages.language)(vocabulary.TARGETS[target]).format(**values)


def case_page(
    parts: Parts, here: str, csrf: str, found: Opened, own: OwnRights, now: datetime
) -> views.CasePage:
    case = found.case
    frozen = next((row for row in own.frozen if row.consent.id == case.consent_id), None)
    return views.CasePage(
        site=site_of(parts),
        csrf=csrf,
        here=here,
        case=case_line(case, now),
        reason=vocabulary.reason_of(case.kind, case.reason),
        text=found.text,
        answer=found.answer,
        offers_thaw=case.offers_thaw,
        frozen=frozen_consent(parts, frozen) if frozen else None,
    )


def _clock(own: OwnRights, row: Clock, now: datetime) -> views.Clock:
    return views.Clock(
        number=number(row.id),
        agency=agency_code(row.agency_id),
        kind=row.kind,
        reference=reference(own.requests.get(row.consent_id, row.consent_id)),
        received_at=row.received_at,
        deadline=row.deadline,
        answer=row.answer,
        article=row.article,
        late=not row.answer and now >= row.deadline,
    )


def _paper(parts: Parts, code: str) -> str:
    known = parts.catalogue.document_types
    return name_in(parts, known[code]) if code in known else code
