"""An agency asks for what a service requires, and for nothing else.

1. evaluate the service on what is on file; the request covers exactly its requirements (M04)
2. sign the consent request object, so that what was asked can be proved
3. one batch item: an older open request of this agency for the same is replaced, the request, the message, the entry
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from auth.callers import Caller, counter_of
from auth.grants import changed, first_refusal, judge_messages
from auth.links import code_hash, new_code, new_pairing_code
from auth.tokens import TokenDesk
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller, may_look, refusal
from exchange.holdings import evaluated, own_service
from exchange.limits import Limits, Reach
from exchange.pages.messages import NO_COUNTER, link_message
from exchange.records import request_record
from exchange.requirements.catalogue import Catalogue, Service
from exchange.requirements.selection import NotRequired, RequestItem, requestable
from storage.consents import REQUESTS, ConsentRequest, items_of, request_by_id
from storage.database import Database
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.outbox import MESSAGES, address_of, new_message


@dataclass(frozen=True, slots=True)
class Place:
    """Where the asking happens: shown to the citizen. ``zone`` is an IANA name."""

    site: str
    zone: str
    agency: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller wants. ``documents`` only chooses among alternatives; ``channel`` is qr, sms, whatsapp or
    email.
    """

    subject_ref: str
    service: str
    channel: str
    application_no: str | None
    documents: Sequence[str] | None
    answers: Mapping[str, bool]
    parties: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    request: ConsentRequest
    link: str
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
    life: timedelta,
    valid_until: datetime,
    origin: str,
    today: date,
    now: datetime,
) -> Asked:
    """Raises ``AccessRefused`` after the refusal is on record."""
    subject_ref, channel = wanted.subject_ref, wanted.channel
    try:
        people = [subject_ref, *(ref for refs in wanted.parties.values() for ref in refs)]
        trail, *_ = [await keyring.trail(ref) for ref in people]
        service = await own_service(database, catalogue, caller, wanted.service)
        items = await _items(database, catalogue, service, wanted, today)
    except (KeyMissing, AccessRefused, NotRequired) as error:
        await _refused(keyring, appender, caller, wanted, error)
        raise
    code = new_code(keyring.site("link"))
    link = f"{origin}/p/{code}"
    hashed = code_hash(keyring.site("link"), code)
    address = None if channel == "qr" else await address_of(database, keyring, subject_ref, channel)
    request = _request(
        keyring, desk, trail, caller, service, items, wanted.application_no, channel, hashed or b"", life, valid_until, now
    )  # fmt: skip
    text = link_message(
        site=where.site,
        agency=where.agency,
        counter=counter_of(caller) or NO_COUNTER,
        service=service.name_id,
        documents=len(items),
        pairing_code=request.pairing_code,
        link=link,
        expires_at=request.expires_at,
        zone=where.zone,
    )
    message = None if address is None else new_message(trail, address, "link", text, now, link=link)
    reach = Reach(caller, people, limits, now)

    def judge(facts: Facts, now: datetime) -> Verdict:
        sent = [
            row.created_at
            for row in facts.group(REQUESTS, "subject_ref", subject_ref)
            if row.agency_id == caller.agency_id and "qr" not in {channel, row.channel}
        ]
        may_ask = (reach.judge(facts), judge_messages(sent, now))
        verdict = first_refusal(judged_caller(facts, caller, now, service=service.code), *may_ask)
        if verdict.allowed and not items:
            return Refused("nothing_to_ask")
        if verdict.allowed and channel != "qr" and address is None:
            return Refused("no_contact")
        return verdict

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        reach.count(facts, now)
        for older in facts.group(REQUESTS, "subject_ref", subject_ref):
            replaced = changed(older.state, "replace")
            if replaced and (older.agency_id, older.service) == (caller.agency_id, service.code):
                facts.put(REQUESTS, replace(older, state=replaced))
        facts.put(REQUESTS, request)
        if message is not None:
            facts.put(MESSAGES, message)

    def events(_facts: Facts, _now: datetime, _verdict: Verdict) -> list[Event]:
        details = caller_details(
            caller,
            service=service.code,
            lawful_basis="consent",
            request=request.id,
            request_sha256=request.request_sha256,
            document_types=[item.type for item in items],
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
                Need(REQUESTS, request.id),
                Need(REQUESTS, subject_ref, "subject_ref"),
                *([Need(MESSAGES, message.id)] if message else []),
            ],
            judge=judge,
            apply=apply,
            apply_refused=reach.count_refused,
            events=events,
        )
    )
    settled.verdict.enforce()
    return Asked(request, link, tuple(items))


async def state_of(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    caller: Caller,
    request_id: str,
    now: datetime,
) -> ConsentRequest:
    """The request as its asker sees it. Raises ``AccessRefused`` alike for "not yours" and "not there", which differ in
    the ledger only.
    """
    async with database.reading() as reading:
        request = await request_by_id(reading, request_id)
        verdict = await may_look(reading, caller, request.service) if request else Refused("request_unknown")
    if request is not None and request.agency_id != caller.agency_id:
        verdict = Refused("request_of_another_agency")
    if request is None or not verdict.allowed:
        trail = keyring.site_trail() if request is None else await keyring.trail(request.subject_ref)
        details = caller_details(caller, act="look", request=request_id)
        await appender.submit(refusal("request", trail, caller, verdict, details))
        raise AccessRefused(verdict.reason or "")
    expired = changed(request.state, "expire") if now >= request.expires_at else None
    return replace(request, state=expired) if expired else request


async def _items(
    database: Database, catalogue: Catalogue, service: Service, wanted: Wanted, today: date
) -> tuple[RequestItem, ...]:
    evaluation = await evaluated(
        database,
        catalogue,
        service,
        wanted.subject_ref,
        wanted.parties,
        wanted.answers,
        today,
        chosen=wanted.documents,
    )
    return requestable(
        catalogue, service, evaluation, subject_ref=wanted.subject_ref, choose=wanted.documents
    )


async def _refused(
    keyring: Keyring, appender: Appender, caller: Caller, wanted: Wanted, error: Exception
) -> None:
    """Put a refusal on record that was decided before the batch."""
    reasons = {KeyMissing: "subject_unknown", NotRequired: "not_required"}
    reason = error.reason if isinstance(error, AccessRefused) else reasons[type(error)]
    trail = keyring.site_trail() if isinstance(error, KeyMissing) else await keyring.trail(wanted.subject_ref)
    details = caller_details(caller, service=wanted.service)
    await appender.submit(refusal("request", trail, caller, Refused(reason), details))


async def items_shown(database: Database, request: ConsentRequest) -> list[dict[str, str | None]]:
    """What was asked, with the decision once there is one."""
    asked = json.loads(request.items)
    decisions: dict[int, str] = {}
    if request.consent_id is not None:
        async with database.reading() as reading:
            items = await items_of(reading, request.consent_id)
        decisions = {number: item.decision for number, item in enumerate(items)}
    return [
        {
            "path": item["path"],
            "type": item["type"],
            "decision": decisions.get(number),
            "document_id": item["document_id"] if decisions.get(number) == "granted" else None,
        }
        for number, item in enumerate(asked)
    ]


def _request(
    keyring: Keyring,
    desk: TokenDesk,
    trail: Trail,
    caller: Caller,
    service: Service,
    items: Sequence[RequestItem],
    application_no: str | None,
    channel: str,
    hashed: bytes,
    life: timedelta,
    valid_until: datetime,
    now: datetime,
) -> ConsentRequest:
    request_id = new_id("cr")
    asked = [{"path": item.path, "type": item.type, "document_id": item.document_id} for item in items]
    principal = keyring.pseudonym(caller.agency_id, trail.subject_ref)
    asks = [(item.path, item.type) for item in items]
    signed = request_record(
        desk, request_id, principal, caller.agency_id, service.code, application_no, asks, valid_until, now
    )
    return ConsentRequest(
        id=request_id,
        code_hash=hashed.hex(),
        subject_ref=trail.subject_ref,
        agency_id=caller.agency_id,
        asked_by=caller.actor,
        counter=counter_of(caller) or NO_COUNTER,
        service=service.code,
        application_no=application_no,
        channel=channel,
        pairing_code=new_pairing_code(),
        items=Json(json.dumps(asked)),
        state="pending",
        created_at=now,
        expires_at=now + life,
        valid_until=valid_until,
        request=seal_field(trail, "request", signed.encode()),
        request_sha256=hashlib.sha256(signed.encode()).hexdigest(),
        decided_at=None,
        browser=None,
        consent_id=None,
    )
