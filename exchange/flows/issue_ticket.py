"""A live consent becomes a ticket (``protocols.md`` 5).

1. find the documents that the citizen granted, in their newest ready version
2. one batch item: caller, consent and documents judged live; the entry
3. sign the ticket: at most 5 minutes, bound to consent, versions, agency, and to the officer's session or the client's key
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth.callers import Caller, Machine
from auth.grants import first_refusal, judge_consent, judge_documents, judge_people, judge_version
from auth.tokens import TicketClaims, TicketDocument, TokenDesk, issue_ticket
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.citizen import Letter
from exchange.family import linked, trail_needs, trails_of
from exchange.limits import Limits, Reach
from storage.consents import CONSENTS, ITEMS, consent_by_id, items_of
from storage.database import Database, Reading
from storage.documents import VERSIONS, DocumentVersion, current, told_doc
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.outbox import addresses_of

MAX_DOCUMENTS = 50


@dataclass(frozen=True, slots=True)
class Issued:
    token: str
    expires_in_s: int
    versions: tuple[DocumentVersion, ...]
    renditions: tuple[str, ...]


async def issue(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    desk: TokenDesk,
    *,
    caller: Caller,
    consent_id: str,
    documents: Collection[str] | None,
    life_s: int,
    limits: Limits,
    notice: Letter[[Sequence[str], str, datetime]],
    rendition: Callable[[str, str], str],
    now: datetime,
) -> Issued:
    """``documents`` chooses among the granted ones; None means all. ``notice`` makes the citizen's message from
    types, service and time; ``rendition`` says how a type leaves for a service. Raises ``AccessRefused`` after the refusal is on record.
    """
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
        items = await items_of(reading, consent_id)
        types = caller.may_read(consent_id) if isinstance(caller, Machine) else None
        granted = {
            item.document_id
            for item in items
            if item.decision == "granted"
            and item.document_id
            and (types is None or item.document_type in types)
        }
        wanted = granted if documents is None else set(documents)
        versions = await _newest(reading, wanted)
    renditions = [rendition(consent.service if consent else "", version.type) for version in versions]
    ticket_id = new_id("t")
    # A consent that nobody knows still leaves its entry, on the site's own trail.
    trail = keyring.site_trail() if consent is None else await keyring.trail(consent.subject_ref)
    posted = None
    # Who cannot be reached and for whom another decided: that other is told.
    told = await trails_of(
        keyring, dict.fromkeys((consent.subject_ref, consent.decider_ref) if consent else ())
    )
    for own in told:
        addresses = await addresses_of(database, keyring, own.subject_ref)
        if consent and posted is None and addresses:
            named = [version.type for version in versions]
            posted = notice.write(keyring, own, addresses.values(), now, named, consent.service, now)
    others = await trails_of(
        keyring, sorted({ref for version in versions for ref in version.subjects.split()})
    )
    reach = Reach(caller, [consent.subject_ref] if consent else [], limits, now)
    few_enough = ALLOWED if len(wanted) <= MAX_DOCUMENTS else Refused("too_many_documents")
    in_token = ALLOWED if types is None or (wanted and wanted <= granted) else Refused("not_in_token")
    all_found = ALLOWED if len(versions) == len(wanted) else Refused("version_unknown")

    def judge(facts: Facts, now: datetime) -> Verdict:
        return first_refusal(
            judged_caller(facts, caller, now, service=consent.service if consent else None),
            judge_consent(facts.get(CONSENTS, consent_id), caller.agency_id, now),
            in_token,
            reach.judge(facts),
            few_enough,
            judge_documents(facts.group(ITEMS, "consent_id", consent_id), wanted),
            all_found,
            *(judge_version(facts.get(VERSIONS, version.id)) for version in versions),
            *(judge_people(facts.get(VERSIONS, version.id), version.subjects) for version in versions),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        reach.count(facts, now)
        if posted is not None:
            posted.keep(facts)

    def events(_facts: Facts, _now: datetime, _verdict: Verdict) -> list[Event]:
        details = caller_details(
            caller,
            service=consent.service if consent else None,
            lawful_basis=consent.lawful_basis if consent else None,
            consent=consent_id,
            ticket=ticket_id,
            document_types=[version.type for version in versions],
            docs=[told_doc(version) for version in versions],
        )
        event = Event("ticket", trail, caller.actor, details)
        return [event, *(told for one in others for told in _linked(event, one, versions))]

    settled = await appender.submit(
        Work(
            kind="ticket",
            caller=caller.actor,
            trail=trail,
            load=[
                *caller_needs(caller),
                *reach.needs,
                *trail_needs(others),
                Need(CONSENTS, consent_id),
                Need(ITEMS, consent_id, "consent_id"),
                *(Need(VERSIONS, version.id) for version in versions),
                *(posted.needs if posted else []),
            ],
            judge=judge,
            apply=apply,
            apply_refused=reach.stopped,
            events=events,
        )
    )
    settled.verdict.enforce()
    if consent is None:
        raise AccessRefused("consent_unknown")
    issued_at = settled.receipt.at  # the clock that will judge it (D11)
    claims = TicketClaims(
        jti=ticket_id,
        sub=keyring.pseudonym(caller.agency_id, consent.subject_ref),
        agency=caller.agency_id,
        **_holder(caller),
        purpose=consent.service,
        application_no=consent.application_no,
        consent_id=consent.id,
        consent_rev=consent.epoch,
        consent_sha256=consent.record_sha256,
        lawful_basis=consent.lawful_basis,
        docs=tuple(map(_ticket_document, versions, renditions)),
        issued_at=issued_at,
        expires_at=issued_at + timedelta(seconds=life_s),
    )
    return Issued(issue_ticket(desk, claims, issued_at), life_s, tuple(versions), tuple(renditions))


def _linked(event: Event, trail: Trail, versions: Sequence[DocumentVersion]) -> list[Event]:
    """For somebody whom papers of the ticket name: which kinds of paper, and nothing of the others."""
    types = [version.type for version in versions if trail.subject_ref in version.subjects.split()]
    return linked(event, [trail], document_types=types)


def _holder(caller: Caller) -> dict[str, str]:
    """Whose ticket it is: a session's, or a key's (RFC 7800)."""
    if isinstance(caller, Machine):
        return {"client_id": caller.id, "cnf_jkt": caller.jkt}
    return {"act_sub": caller.actor, "act_sid": caller.session_id, "act_counter": caller.counter}


async def _newest(reading: Reading, documents: Collection[str]) -> list[DocumentVersion]:
    """At most one more than a ticket may hold: a longer wish is refused by the judge, on record."""
    wanted = sorted(documents)[: MAX_DOCUMENTS + 1]
    rows = await VERSIONS.load(reading.raw, "document_id", wanted)
    return sorted(current(rows).values(), key=lambda row: row.document_id)


def _ticket_document(version: DocumentVersion, rendition: str) -> TicketDocument:
    return TicketDocument(
        id=version.document_id,
        ver=version.version,
        type=version.type,
        sha256=version.sha256,
        size=version.size,
        media=version.media_type,
        rendition=rendition,
    )
