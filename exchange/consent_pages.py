"""The pages and texts of one consent request, made from its rows; and the token that says which page was read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from auth.callers import same_text
from exchange.answers import identity_way, name_in, passkey_way, reference, short_names, site_of
from exchange.decided import AskedItem
from exchange.deps import Browser, Parts, clock, form_token_for, translated
from exchange.flows.give_consent import Decided, Notice, Opened
from exchange.flows.prove_self import FactorState
from exchange.pages import TEXT_VERSION
from exchange.pages import messages as words
from exchange.pages.languages import LANGUAGES
from exchange.pages.provenance import PROVENANCE
from exchange.pages.views import (
    Ask,
    AskedPaper,
    CodeError,
    ConsentCode,
    ConsentDecide,
    ConsentDone,
    ConsentStart,
    Whose,
)
from exchange.pages.wording import local
from exchange.records import Terms

_TIME_DIGITS = 8
_TOKEN = re.compile(rf"[0-9a-f]{{{_TIME_DIGITS}}}[0-9a-f]{{64}}")


def current_page(
    parts: Parts, browser: Browser, opened: Opened, code: str, state: FactorState, now: datetime
) -> str:
    """Where this browser stands: start, code or decision."""
    if state.passed:
        return parts.pages.consent_decide(decide_view(parts, browser, opened, now))
    if state.code_sent:
        return code_page(parts, browser, opened, state, None)
    csrf = form_token_for(parts, browser, opened.request.id)
    told = opened.request.mode == "notice"
    ways = passkey_way(parts, f"/p/{code}"), identity_way(parts, f"/p/{code}")
    view = ConsentStart(site_of(parts), csrf, ask_of(parts, opened), told, *ways)
    return parts.pages.consent_start(view)


def code_page(
    parts: Parts, browser: Browser, opened: Opened, state: FactorState, error: CodeError | None
) -> str:
    view = ConsentCode(
        site=site_of(parts),
        csrf=form_token_for(parts, browser, opened.request.id),
        ask=ask_of(parts, opened),
        tries_left=state.tries_left,
        code_expires_at=state.code_expires_at or clock(),
        error=error,
    )
    return parts.pages.consent_code(view)


def decide_view(parts: Parts, browser: Browser, opened: Opened, shown_at: datetime) -> ConsentDecide:
    """The decision page as it is at ``shown_at``. Its form token carries that time and vouches, for this browser, for
    every word of the page: with it a POST proves which text was read, in which language, and when (UU 27/2022 art. 24).
    """
    request = opened.request
    whole_seconds = shown_at.replace(microsecond=0)
    kept = parts.settings.retention_days
    view = ConsentDecide(
        site=site_of(parts),
        csrf="",
        ask=ask_of(parts, opened, proved=True),
        officer=opened.asker,
        request_no=reference(request.id),
        papers=tuple(paper_of(parts, item) for item in opened.items),
        shown_at=whole_seconds,
        link=f"/p/{opened.code}",
        use_until=request.valid_until,
        retention_until=None
        if kept is None
        else local(request.valid_until, parts.zone).date() + timedelta(days=kept),
        application_no=request.application_no,
        service_law=parts.catalogue.services[request.service].legal,
    )
    at_s = int(whole_seconds.timestamp())
    purpose = f"{request.id} {at_s} {_shown_sha256(parts, view)}"
    return replace(view, csrf=f"{at_s:0{_TIME_DIGITS}x}{form_token_for(parts, browser, purpose)}")


def terms_read(parts: Parts, browser: Browser, opened: Opened, token: str) -> Terms | None:
    """What was read on the page that ``token`` stood on; None when no page of now is that page. The browser may have chosen
    another language since, in another tab: what was read stays what was read.
    """
    shown_at = _shown_at_of(token)
    if shown_at is None:
        return None
    for language in LANGUAGES:
        theirs = translated(parts, language)
        view = decide_view(theirs, browser, opened, shown_at)
        if same_text(token, view.csrf):
            return _terms_of(theirs, view)
    return None


def _shown_at_of(token: str) -> datetime | None:
    """The time that a decision's token names; nobody vouches for it until the whole token was compared."""
    if _TOKEN.fullmatch(token) is None:
        return None
    return datetime.fromtimestamp(int(token[:_TIME_DIGITS], 16), UTC)


def _shown_sha256(parts: Parts, view: ConsentDecide) -> str:
    return hashlib.sha256(parts.pages.consent_shown(view).encode()).hexdigest()


def _terms_of(parts: Parts, view: ConsentDecide) -> Terms:
    return Terms(
        shown_sha256=_shown_sha256(parts, view),
        shown_at=view.shown_at,
        text_version=TEXT_VERSION,
        controller=(parts.settings.site, parts.site_name),
        purpose=view.ask.service,
        language=parts.pages.language,
        retention_days=parts.settings.retention_days,
        trail_uri=f"{parts.settings.origin}/w/",
    )


def receipt_page(parts: Parts, opened: Opened, decided: Decided) -> str:
    names = {code: name_in(parts, row) for code, row in parts.catalogue.document_types.items()}
    link = f"{parts.settings.origin}/w/{decided.trail_code}" if decided.trail_code else None
    view = ConsentDone(
        site=site_of(parts),
        ask=ask_of(parts, opened, proved=True),
        reference=reference(decided.request.id),
        decided_at=decided.request.decided_at or clock(),
        granted=tuple(names[code] for code in decided.granted),
        refused=tuple(names[code] for code in decided.refused),
        trail_link=link,
        to_bring=tuple(names[code] for code in decided.absent),
        use_until=decided.request.valid_until if decided.granted else None,
        pdf=f"/p/{opened.code.lower()}/receipt.pdf",
    )
    return parts.pages.consent_done(view)


def code_text(parts: Parts, opened: Opened, one_time: str) -> str:
    """The code's text is the transaction: it names only what can be agreed to."""
    on_file = [item.type for item in opened.items if item.on_file and opened.request.mode != "notice"]
    return words.consent_code_message(
        code=one_time,
        agency=opened.agency.code,
        documents=short_names(parts, on_file),
        use_until=opened.request.valid_until,
        zone=parts.zone,
        whose=_whose_words(opened),
    )


def notice_of(parts: Parts, opened: Opened) -> Notice:
    def notice(granted: Sequence[str], refused: Sequence[str], link: str, to_subject: bool) -> str:
        return words.decision_notice(
            site=parts.site_name,
            agency=opened.agency.code,
            granted=short_names(parts, granted),
            refused=short_names(parts, refused),
            use_until=opened.request.valid_until,
            reference=reference(opened.request.id),
            trail_link=link,
            zone=parts.zone,
            whose=None if to_subject else _whose_words(opened),
            by=opened.request.relation if to_subject else None,
        )

    return notice


def paper_of(parts: Parts, item: AskedItem) -> AskedPaper:
    kind = parts.catalogue.document_types[item.type]
    return AskedPaper(
        key=item.key,
        code=item.type,
        name=name_in(parts, kind),
        issuer=kind.issuer,
        on_file=item.on_file is not None,
        sensitive=kind.pdp_class == "spesifik",
        issued_on=item.on_file.issued_on if item.on_file else None,
        valid_until=item.on_file.valid_until if item.on_file else None,
        tax_year=item.on_file.tax_year if item.on_file else None,
        provenance=PROVENANCE[item.on_file.provenance] if item.on_file else None,
        compared_by=item.compared_by,
    )


def ask_of(parts: Parts, opened: Opened, *, proved: bool = False) -> Ask:
    """Before identity is ``proved`` another's name is initials."""
    request, behalf = opened.request, opened.behalf
    service = name_in(parts, parts.catalogue.services[request.service])
    whose = behalf and Whose(words.WHOSE[behalf.relation], behalf.name if proved else behalf.initials)
    return Ask(
        opened.agency.name, service, request.counter, request.pairing_code, request.expires_at, whose or None
    )


def _whose_words(opened: Opened) -> str | None:
    """For messages: never more than initials."""
    behalf = opened.behalf
    return words.whose_words(behalf.relation, behalf.initials) if behalf else None
