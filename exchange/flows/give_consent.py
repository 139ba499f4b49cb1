"""The citizen decides, item by item, once.

1. the link's code is looked up by its hash; opening it changes nothing (M11, A24)
2. the factor (``prove_self``), bound to this request and this browser
3. sign the consent record (``exchange.records``) with what was decided and the hash of the page that was read
4. one batch item: request, consent, items, the long-lived link, the notice, the entry
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auth.grants import CONSENT_AFTER, judge_decision, must_change
from auth.links import code_hash, new_code
from auth.tokens import TokenDesk
from auth.verdict import AccessRefused, Verdict
from exchange.acts import name_of
from exchange.records import Choice, Terms, given_record
from storage.agencies import AGENCIES, Agency
from storage.consents import (
    CHALLENGES,
    CONSENTS,
    ITEMS,
    LINKS,
    REQUESTS,
    CitizenLink,
    Consent,
    ConsentItem,
    ConsentRequest,
    challenges_for,
    items_of,
    request_by_code,
    request_by_id,
)
from storage.database import Database
from storage.documents import VERSIONS, DocumentVersion
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.outbox import MESSAGES, address_of, new_message

Notice = Callable[[Sequence[str], Sequence[str], str], str]
"""Makes the citizen's message from granted types, refused types and the trail link."""


@dataclass(frozen=True, slots=True)
class AskedItem:
    """One paper of a request; ``on_file`` is its newest ready version, None when there is none."""

    key: str
    type: str
    document_id: str | None
    on_file: DocumentVersion | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A request as its link shows it."""

    request: ConsentRequest
    agency: Agency
    asker: str
    items: tuple[AskedItem, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """Document types in the order of the request. ``absent`` were asked for and never offered: they are not on file.
    ``trail_code`` is known only to the answer of the decision itself: of the link nothing but a hash is kept.
    """

    request: ConsentRequest
    granted: tuple[str, ...]
    refused: tuple[str, ...]
    absent: tuple[str, ...]
    trail_code: str | None


async def open_link(database: Database, keyring: Keyring, *, code: str) -> Opened | None:
    """What a link stands for; None for a code that is not ours or not known."""
    hashed = code_hash(keyring.site("link"), code)
    if hashed is None:
        return None
    async with database.reading() as reading:
        request = await request_by_code(reading, hashed.hex())
        if request is None:
            return None
        asked = json.loads(request.items)
        documents = [item["document_id"] for item in asked if item["document_id"]]
        versions = await VERSIONS.load(reading.raw, "document_id", documents)
        agency = (await AGENCIES.load(reading.raw, "id", [request.agency_id]))[0]
        asker = await name_of(reading, request.asked_by)
    ready = {version.document_id: version for version in versions if version.state == "ready"}
    items = tuple(
        AskedItem(str(number), item["type"], item["document_id"], ready.get(item["document_id"]))
        for number, item in enumerate(asked)
    )
    return Opened(request, agency, asker, items)


async def reopened(database: Database, opened: Opened) -> Opened:
    """With the request as it stands now."""
    async with database.reading() as reading:
        request = await request_by_id(reading, opened.request.id)
    return replace(opened, request=request or opened.request)


async def decide(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    desk: TokenDesk,
    *,
    opened: Opened,
    browser: str,
    ticked: Collection[str],
    terms: Terms,
    notice: Notice,
    link_life: timedelta,
    origin: str,
    now: datetime,
) -> Decided:
    """``ticked`` are keys of papers on file; none means "refuse all". Raises ``AccessRefused`` after the refusal is on
    record.
    """
    request = opened.request
    try:
        trail = await keyring.trail(request.subject_ref)
    except KeyMissing:
        raise AccessRefused("link_unknown") from None
    trail_code = new_code(keyring.site("link"))
    choices = [
        Choice(
            item.type, item.document_id if item.on_file else None, bool(item.on_file) and item.key in ticked
        )
        for item in opened.items
    ]
    granted, refused, absent = _sorted(choices)
    act = "grant_some" if granted and (refused or absent) else "grant_all" if granted else "refuse"
    async with database.reading() as reading:
        proofs = await challenges_for(reading, request.id)
    proved = [proof.verified_at for proof in proofs if proof.browser == browser and proof.verified_at]
    consent_id = new_id("c")
    record = given_record(
        desk,
        consent_id=consent_id,
        principal=keyring.pseudonym(request.agency_id, request.subject_ref),
        request=request,
        agency=opened.agency,
        terms=terms,
        choices=choices,
        proved_at=max(proved, default=None),
        now=now,
    )
    consent, items = _consent(trail, request, consent_id, act, choices, record, now)
    link = _link(keyring, trail, consent, trail_code, link_life, now)
    text = notice(granted, refused, f"{origin}/w/{trail_code}")
    address = await address_of(database, keyring, request.subject_ref)
    message = (
        new_message(trail, address, "notice", text, now, link=f"{origin}/w/{trail_code}") if address else None
    )

    def judge(facts: Facts, now: datetime) -> Verdict:
        return judge_decision(
            facts.get(REQUESTS, request.id),
            facts.group(CHALLENGES, "target_id", request.id),
            browser=browser,
            now=now,
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        before = facts.get(REQUESTS, request.id) or request
        decided = replace(
            before,
            state=must_change(before.state, act),
            decided_at=now,
            browser=browser,
            consent_id=consent.id,
        )
        facts.put(REQUESTS, decided)
        facts.put(CONSENTS, consent)
        for item in items:
            facts.put(ITEMS, item)
        facts.put(LINKS, link)
        if message is not None:
            facts.put(MESSAGES, message)

    def events(_facts: Facts, _now: datetime, _verdict: Verdict) -> list[Event]:
        details = {
            "agency": request.agency_id,
            "counter": request.counter,
            "service": request.service,
            "lawful_basis": "consent",
            "request": request.id,
            "consent": consent.id,
            "consent_sha256": consent.record_sha256,
            "shown_sha256": terms.shown_sha256,
            "granted": list(granted),
            "refused": list(refused),
            "absent": list(absent),
        }
        return [Event("grant" if granted else "refuse", trail, "citizen", details)]

    settled = await appender.submit(
        Work(
            kind="grant" if granted else "refuse",
            caller=f"citizen:{request.subject_ref}",
            trail=trail,
            load=[
                Need(REQUESTS, request.id),
                Need(CHALLENGES, request.id, "target_id"),
                Need(CONSENTS, consent.id),
                Need(LINKS, link.id),
                *(Need(ITEMS, item.id) for item in items),
                *([Need(MESSAGES, message.id)] if message else []),
            ],
            judge=judge,
            apply=apply,
            events=events,
        )
    )
    settled.verdict.enforce()
    decided = replace(request, state=must_change(request.state, act), decided_at=now, browser=browser)
    return Decided(decided, granted, refused, absent, trail_code)


async def decided_before(database: Database, *, request: ConsentRequest) -> Decided:
    """The decision again, for the browser that made it."""
    async with database.reading() as reading:
        items = await items_of(reading, request.consent_id or "")
    choices = [Choice(item.document_type, item.document_id, item.decision == "granted") for item in items]
    return Decided(request, *_sorted(choices), trail_code=None)


def _sorted(choices: Sequence[Choice]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Types that were granted, refused, never offered."""
    return (
        tuple(choice.type for choice in choices if choice.granted),
        tuple(choice.type for choice in choices if not choice.granted and choice.document_id),
        tuple(choice.type for choice in choices if not choice.document_id),
    )


def _consent(
    trail: Trail,
    request: ConsentRequest,
    consent_id: str,
    act: str,
    choices: Sequence[Choice],
    record: str,
    now: datetime,
) -> tuple[Consent, list[ConsentItem]]:
    consent = Consent(
        id=consent_id,
        request_id=request.id,
        subject_ref=request.subject_ref,
        agency_id=request.agency_id,
        asked_by=request.asked_by,
        service=request.service,
        application_no=request.application_no,
        state=CONSENT_AFTER[act],
        epoch=1,
        valid_from=now,
        valid_until=request.valid_until,
        record=seal_field(trail, "consent", record.encode()),
        record_sha256=hashlib.sha256(record.encode()).hexdigest(),
        withdrawn_at=None,
    )
    items = [
        ConsentItem(
            id=f"{consent_id}/{number:02d}",
            consent_id=consent_id,
            document_type=choice.type,
            document_id=choice.document_id,
            decision="granted" if choice.granted else "refused",
        )
        for number, choice in enumerate(choices)
    ]
    return consent, items


def _link(
    keyring: Keyring, trail: Trail, consent: Consent, code: str, life: timedelta, now: datetime
) -> CitizenLink:
    hashed = code_hash(keyring.site("link"), code) or b""
    return CitizenLink(hashed.hex(), trail.subject_ref, consent.id, now, now + life)
