"""An agency asks for what a service requires, and for nothing else.

1. evaluate the service on what is on file; the request covers exactly its requirements (M04)
2. sign the consent request object, so that what was asked can be proved
3. one batch item: can who decides prove themselves on an own device, or is it done with assistance; an older open request of this
   agency for the same is replaced; the request, the message, the entry
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from auth.callers import Caller, counter_of
from auth.contacts import ContactRules
from auth.grants import changed, first_refusal, judge_messages
from auth.links import code_hash, new_code
from auth.rights import judge_alive
from auth.tokens import TokenDesk
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller, refusal
from exchange.asking import Ground, new_request, requested_items
from exchange.holdings import own_service
from exchange.limits import Limits, Reach
from exchange.pages.messages import NO_COUNTER, link_message, whose_words
from exchange.representation import Majority, Proposed, behalf_of, deciding, told_to_both
from exchange.requirements.catalogue import Catalogue
from exchange.requirements.selection import NotRequired, RequestItem
from exchange.ways import SILENT, ways_to
from storage.consents import REQUESTS, ConsentRequest
from storage.database import Database
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import MESSAGES
from storage.rights import DEATHS

__all__ = ["SILENT", "Asked", "Place", "Wanted", "ask"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the asking happens: shown to the citizen. ``zone`` is an IANA name."""

    site: str
    zone: str
    agency: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller wants. ``documents`` only chooses among alternatives; ``channel`` is qr, sms, whatsapp, email, or assisted for a
    citizen without a phone; ``decided_by`` who shall decide when it is not the citizen.
    """

    subject_ref: str
    service: str
    channel: str
    application_no: str | None
    documents: Sequence[str] | None
    answers: Mapping[str, bool]
    parties: Mapping[str, Sequence[str]]
    decided_by: Proposed | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """``link`` is None where the answer is given at the counter; ``why`` then is a reason of ``auth.contacts``, None when it was asked so."""

    request: ConsentRequest
    link: str | None
    why: str | None
    items: tuple[RequestItem, ...]


async def ask(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    desk: TokenDesk,
    catalogue: Catalogue,
    *,
    caller: Caller,
    where: Place,
    wanted: Wanted,
    limits: Limits,
    majority: Majority,
    rules: ContactRules,
    life: timedelta,
    valid_until: datetime,
    origin: str,
    today: date,
    now: datetime,
    unassisted: Collection[str] = (),
) -> Asked:
    """``unassisted`` are the services for which the site takes no consent without a phone. Raises ``AccessRefused`` after the refusal
    is on record.
    """
    subject_ref, channel = wanted.subject_ref, wanted.channel
    try:
        people = [subject_ref, *(ref for refs in wanted.parties.values() for ref in refs)]
        trail, *_ = [await keyring.trail(ref) for ref in people]
        service = await own_service(database, catalogue, caller, wanted.service)
        who = await deciding(database, keyring, service, subject_ref, wanted.decided_by, majority, now)
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
    code = new_code(keyring.site("link"))
    link = f"{origin}/p/{code}"

    def made(mode: str) -> ConsentRequest:
        return new_request(
            keyring,
            desk,
            trail,
            caller,
            service,
            items,
            application_no=wanted.application_no,
            channel=channel,
            code_hash=code_hash(keyring.site("link"), code) or b"",
            decider=who.decider,
            ground=Ground(),
            life=life,
            valid_until=min(valid_until, who.until or valid_until),
            now=now,
            mode=mode,
        )

    # Which of the two is kept is decided by the facts of the batch; a request that is answered at the counter ends with the visit.
    by_link, at_counter = made("link"), made("assisted")
    behalf = await behalf_of(database, keyring, by_link)
    text = link_message(
        site=where.site,
        agency=where.agency,
        counter=counter_of(caller) or NO_COUNTER,
        service=service.name_id,
        documents=len(items),
        pairing_code=by_link.pairing_code,
        link=link,
        expires_at=by_link.expires_at,
        zone=where.zone,
        whose=None if behalf is None else whose_words(behalf.relation, behalf.initials),
    )
    ways = await ways_to(database, keyring, who.trail or trail, caller, channel, rules, text, link, now)
    reach = Reach(caller, [*people, who.decider.subject_ref], limits, now)

    def judge(facts: Facts, now: datetime) -> Verdict:
        sent = [
            row.created_at
            for row in facts.group(REQUESTS, "subject_ref", subject_ref)
            if row.agency_id == caller.agency_id
            and SILENT.isdisjoint({channel, row.channel})
            and row.mode == "link"
        ]
        living = [
            judge_alive(facts.group(DEATHS, "subject_ref", ref))
            for ref in (subject_ref, who.decider.subject_ref)
        ]
        verdict = first_refusal(
            judged_caller(facts, caller, now, service=service.code),
            *living,
            reach.judge(facts),
            judge_messages(sent, now),
            who.judge(facts, caller.actor, now),
        )
        if verdict.allowed and not items:
            return Refused("nothing_to_ask")
        # Where the contacts' rules end at the counter it is no error: the record of it will be refused, and paper is what is left.
        if verdict.allowed and channel == "assisted" and service.code in unassisted:
            return Refused("service_not_assisted")
        return verdict if not verdict.allowed else ways.judge(facts, now)

    kept = at_counter if channel == "assisted" else by_link
    why: str | None = None

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        nonlocal kept, why
        reach.count(facts, now)
        for older in facts.group(REQUESTS, "subject_ref", subject_ref):
            replaced = changed(older.state, "replace")
            if replaced and (older.agency_id, older.service) == (caller.agency_id, service.code):
                facts.put(REQUESTS, replace(older, state=replaced))
        why = ways.why_not(facts, now)
        kept = at_counter if ways.end_at_counter(facts, now) else by_link
        facts.put(REQUESTS, kept)
        if kept is by_link and (message := ways.message(facts, now)):
            facts.put(MESSAGES, message)

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details = caller_details(
            caller,
            mode=kept.mode if verdict.allowed else None,
            mode_reason=why,
            service=service.code,
            lawful_basis=kept.lawful_basis,
            request=kept.id,
            request_sha256=kept.request_sha256,
            document_types=[item.type for item in items],
        )
        event = Event("request", trail, caller.actor, details)
        # Whoever was named in vain may be a stranger, and is told nothing of this citizen's papers.
        decider = who.trail if verdict.allowed else None
        return told_to_both(event, decider, who.decider.relation, who.decider.evidence)

    settled = await appender.submit(
        Work(
            kind="request",
            caller=caller.actor,
            trail=trail,
            load=[
                *caller_needs(caller),
                *reach.needs,
                Need(REQUESTS, by_link.id),
                Need(REQUESTS, at_counter.id),
                Need(REQUESTS, subject_ref, "subject_ref"),
                Need(DEATHS, subject_ref, "subject_ref"),
                Need(DEATHS, who.decider.subject_ref, "subject_ref"),
                *who.needs,
                *ways.needs,
            ],
            judge=judge,
            apply=apply,
            apply_refused=reach.count_refused,
            events=events,
        )
    )
    settled.verdict.enforce()
    # The code of an assisted request is told to nobody: no link leads to it.
    return Asked(kept, link if kept is by_link else None, why, tuple(items))


async def _refused(
    keyring: Keyring, appender: Appender, caller: Caller, wanted: Wanted, error: Exception
) -> None:
    """Put a refusal on record that was decided before the batch."""
    reasons = {KeyMissing: "subject_unknown", NotRequired: "not_required"}
    reason = error.reason if isinstance(error, AccessRefused) else reasons[type(error)]
    trail = keyring.site_trail() if isinstance(error, KeyMissing) else await keyring.trail(wanted.subject_ref)
    details = caller_details(caller, service=wanted.service)
    await appender.submit(refusal("request", trail, caller, Refused(reason), details))
