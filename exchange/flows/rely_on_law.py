"""The law replaces consent: the citizen is told, not asked (UU 27/2022 art. 20(2) c to e; M20).

1. evaluate the service on what is on file, exactly as for a question: no basis opens more than what is required
2. sign the record; it names the article
3. one batch item: the ground as the operator put it on record, judged live; request, grant, the notice, the entry
What is opened under it goes the same way as under a consent: ticket, live judgement, receipt, entry; each says on what it rests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from auth.callers import Caller
from auth.grants import first_refusal, judge_messages
from auth.legal_bases import judge_ground
from auth.links import code_hash, new_code
from auth.rights import judge_alive
from auth.tokens import TokenDesk
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller, refusal
from exchange.asking import Decider, Ground, new_request, requested_items
from exchange.decided import decision_rows
from exchange.holdings import own_service
from exchange.limits import Limits, Reach
from exchange.records import Choice, law_record
from exchange.requirements.catalogue import Catalogue
from exchange.requirements.selection import NotRequired, RequestItem
from storage.agencies import AGENCIES
from storage.consents import REQUESTS, ConsentRequest
from storage.database import Database
from storage.errors import KeyMissing
from storage.grounds import GROUNDS, LegalGround, ground_by_id, ground_id
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import MESSAGES, notices_to
from storage.rights import DEATHS

Notice = Callable[[Sequence[str], str, str, str], str]
"""Makes the citizen's message from document types, article, request id and trail link."""


@dataclass(frozen=True, slots=True)
class Reliance:
    """What the caller relies on the law for; the members are those of a request for consent."""

    subject_ref: str
    service: str
    lawful_basis: str
    application_no: str | None
    documents: Sequence[str] | None
    answers: Mapping[str, bool]
    parties: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Relied:
    """``why`` is there for the likeness with a request for consent: nothing keeps a notice from its link."""

    request: ConsentRequest
    link: str
    items: tuple[RequestItem, ...]
    why: None = None


async def rely(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    desk: TokenDesk,
    catalogue: Catalogue,
    *,
    caller: Caller,
    wanted: Reliance,
    controller: tuple[str, str],
    limits: Limits,
    notice: Notice,
    life: timedelta,
    link_life: timedelta,
    valid_until: datetime,
    origin: str,
    today: date,
    now: datetime,
) -> Relied:
    """``life`` is how long the notice can be opened by its code; ``controller`` id and name of the site. Raises ``AccessRefused``
    after the refusal is on record.
    """
    subject_ref = wanted.subject_ref
    row_id = ground_id(caller.agency_id, wanted.service, wanted.lawful_basis)
    try:
        people = [subject_ref, *(ref for refs in wanted.parties.values() for ref in refs)]
        trail, *_ = [await keyring.trail(ref) for ref in people]
        service = await own_service(database, catalogue, caller, wanted.service)
        items = await requested_items(
            database,
            catalogue,
            service,
            subject_ref=subject_ref,
            parties=wanted.parties,
            answers=wanted.answers,
            documents=wanted.documents,
            today=today,
        )
    except (KeyMissing, AccessRefused, NotRequired) as error:
        await _refused(keyring, appender, caller, wanted, error)
        raise
    async with database.reading() as reading:
        ground = await ground_by_id(reading, row_id)
        agency = (await AGENCIES.load(reading.raw, "id", [caller.agency_id]))[0]
    reference = ground.reference if ground else ""
    code, trail_code = new_code(keyring.site("link")), new_code(keyring.site("link"))
    request = new_request(
        keyring,
        desk,
        trail,
        caller,
        service,
        items,
        application_no=wanted.application_no,
        channel="notice",
        code_hash=code_hash(keyring.site("link"), code) or b"",
        decider=Decider(subject_ref),
        ground=Ground(wanted.lawful_basis, reference),
        life=life,
        valid_until=valid_until,
        now=now,
    )
    consent_id = new_id("c")
    whole = all(item.document_id for item in items)
    request = replace(
        request,
        mode="notice",
        state="granted" if whole else "partial",
        decided_at=now,
        consent_id=consent_id,
    )
    record = law_record(
        desk,
        consent_id=consent_id,
        principal=keyring.pseudonym(caller.agency_id, subject_ref),
        request=request,
        agency=agency,
        controller=controller,
        purpose=service.name_id,
        items=[(item.type, item.document_id is not None) for item in items],
        now=now,
    )
    choices = [Choice(item.type, item.document_id, item.document_id is not None) for item in items]
    rows = decision_rows(
        keyring,
        trail,
        request,
        consent_id,
        choices,
        record,
        link_code=trail_code,
        link_life=link_life,
        now=now,
    )
    types = [item.type for item in items if item.document_id]
    trail_link = f"{origin}/w/{trail_code}"
    text = notice(types, reference, request.id, trail_link)
    messages = await notices_to(database, keyring, trail, text, now, link=trail_link)
    reach = Reach(caller, people, limits, now)

    def judge(facts: Facts, now: datetime) -> Verdict:
        found: LegalGround | None = facts.get(GROUNDS, row_id)
        notices = [
            row.created_at
            for row in facts.group(REQUESTS, "subject_ref", subject_ref)
            if (row.agency_id, row.mode) == (caller.agency_id, "notice")
        ]
        verdict = first_refusal(
            judged_caller(facts, caller, now, service=service.code),
            judge_ground(found, {item.type for item in items}, reference),
            reach.judge(facts),
            judge_messages(notices, now),
            judge_alive(facts.group(DEATHS, "subject_ref", subject_ref)),
        )
        return Refused("nothing_to_ask") if verdict.allowed and not types else verdict

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        reach.count(facts, now)
        facts.put(REQUESTS, request)
        rows.put(facts)
        for message in messages:
            facts.put(MESSAGES, message)

    def events(_facts: Facts, _now: datetime, _verdict: Verdict) -> list[Event]:
        details = caller_details(
            caller,
            act="notice",
            service=service.code,
            lawful_basis=wanted.lawful_basis,
            legal_reference=reference or None,
            request=request.id,
            consent=consent_id,
            consent_sha256=rows.consent.record_sha256,
            document_types=types,
        )
        return [Event("request", trail, caller.actor, details)]

    settled = await appender.submit(
        Work(
            kind="request",
            caller=caller.actor,
            trail=trail,
            load=[
                *caller_needs(caller),
                *reach.needs,
                Need(GROUNDS, row_id),
                Need(DEATHS, subject_ref, "subject_ref"),
                Need(REQUESTS, request.id),
                Need(REQUESTS, subject_ref, "subject_ref"),
                *rows.needs,
                *(Need(MESSAGES, message.id) for message in messages),
            ],
            judge=judge,
            apply=apply,
            apply_refused=reach.count_refused,
            events=events,
        )
    )
    settled.verdict.enforce()
    return Relied(request, f"{origin}/p/{code}", items)


async def _refused(
    keyring: Keyring, appender: Appender, caller: Caller, wanted: Reliance, error: Exception
) -> None:
    """Put a refusal on record that was decided before the batch."""
    reasons = {KeyMissing: "subject_unknown", NotRequired: "not_required"}
    reason = error.reason if isinstance(error, AccessRefused) else reasons[type(error)]
    trail = keyring.site_trail() if isinstance(error, KeyMissing) else await keyring.trail(wanted.subject_ref)
    details = caller_details(caller, act="notice", service=wanted.service)
    await appender.submit(refusal("request", trail, caller, Refused(reason), details))
