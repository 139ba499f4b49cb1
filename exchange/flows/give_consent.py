"""The citizen decides, item by item, once.

1. the link's code is looked up by its hash; opening it changes nothing (M11, A24)
2. the factor (``prove_self``), bound to this request and this browser
3. sign the consent record (``exchange.records``) with what was decided and the hash of the page that was read
4. one batch item: request, consent, items, the long-lived link, the notice, the entry
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from auth.grants import first_refusal, judge_decision, must_change
from auth.links import code_hash, new_code
from auth.rights import judge_alive
from auth.tokens import TokenDesk
from auth.verdict import ALLOWED, AccessRefused, Verdict
from exchange.acts import name_of
from exchange.decided import AskedItem, asked_items, decision_rows, outcome_of, told_subject
from exchange.records import Choice, Terms, by_proof, given_record
from exchange.representation import (
    Behalf,
    behalf_of,
    decision_needs,
    granted_by,
    judge_still,
    pinned,
    represented,
    told_to_both,
)
from storage.agencies import AGENCIES, Agency
from storage.consents import (
    CHALLENGES,
    LINKS,
    REQUESTS,
    CitizenLink,
    ConsentRequest,
    challenges_for,
    items_of,
    request_by_code,
    request_by_id,
)
from storage.database import Database
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import MESSAGES, Message, notices_to
from storage.rights import DEATHS

Notice = Callable[[Sequence[str], Sequence[str], str, bool], str]
"""Makes the message from granted types, refused types, the trail link, and whether it is for a citizen for whom another decided."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A request as its link shows it; ``behalf`` for whom it is decided, None when the citizen decides alone. ``code`` is the link's,
    as it was typed.
    """

    request: ConsentRequest
    agency: Agency
    asker: str
    items: tuple[AskedItem, ...]
    behalf: Behalf | None
    code: str = field(repr=False)


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
    """What a link stands for; None for a code that is not ours, not known, of what is answered with assistance, or of an erased citizen."""
    hashed = code_hash(keyring.site("link"), code)
    if hashed is None:
        return None
    async with database.reading() as reading:
        request = await request_by_code(reading, hashed.hex())
        if request is None or request.mode == "assisted":
            return None
        items = await asked_items(reading, request)
        agency = (await AGENCIES.load(reading.raw, "id", [request.agency_id]))[0]
        asker = await name_of(reading, request.asked_by)
    try:
        return Opened(request, agency, asker, items, await behalf_of(database, keyring, request), code)
    except KeyMissing:
        return None


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
    zone: str,
    now: datetime,
) -> Decided:
    """``ticked`` are keys of papers on file; none means "refuse all". Raises ``AccessRefused`` after the refusal is on
    record.
    """
    request = opened.request
    try:
        trail = await keyring.trail(request.subject_ref)
        decider = await keyring.trail(request.decider_ref) if represented(request) else None
    except KeyMissing:
        raise AccessRefused("link_unknown") from None
    trail_code = new_code(keyring.site("link"))
    choices = [
        Choice(
            item.type, item.document_id if item.on_file else None, bool(item.on_file) and item.key in ticked
        )
        for item in opened.items
    ]
    outcome = outcome_of(choices)
    granted, refused, absent = outcome
    act = outcome.act
    async with database.reading() as reading:
        proofs = await challenges_for(reading, request.id)
    proved = [proof for proof in proofs if proof.browser == browser and proof.verified_at]
    consent_id = new_id("c")
    record = given_record(
        desk,
        consent_id=consent_id,
        principal=keyring.pseudonym(request.agency_id, request.subject_ref),
        request=request,
        agency=opened.agency,
        terms=terms,
        choices=choices,
        granted_by=granted_by(keyring, request),
        authn=by_proof(max(proved, key=lambda proof: proof.verified_at or proof.sent_at, default=None)),
        now=now,
    )
    rows = decision_rows(
        keyring, trail, request, consent_id, choices, record,
        link_code=trail_code, link_life=link_life, now=now, holder=decider,
    )  # fmt: skip
    more: list[CitizenLink] = []
    text = notice(granted, refused, f"{origin}/w/{trail_code}", False)
    link = f"{origin}/w/{trail_code}"
    messages: list[Message] = await notices_to(database, keyring, decider or trail, text, now, link=link)
    if decider is not None:
        more, also = await told_subject(
            database, keyring, trail, consent_id,
            words=lambda own: notice(granted, refused, own, True),
            origin=origin, life=link_life, now=now,
        )  # fmt: skip
        messages += also

    def judge(facts: Facts, now: datetime) -> Verdict:
        challenges = facts.group(CHALLENGES, "target_id", request.id)
        return first_refusal(
            judge_decision(facts.get(REQUESTS, request.id), challenges, browser=browser, now=now),
            judge_alive(facts.group(DEATHS, "subject_ref", request.decider_ref)),
            judge_still(facts, request, zone, now) if granted else ALLOWED,
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        before = facts.get(REQUESTS, request.id) or request
        decided = replace(
            before,
            state=must_change(before.state, act),
            decided_at=now,
            browser=browser,
            consent_id=consent_id,
        )
        facts.put(REQUESTS, decided)
        rows.put(facts)
        for link in more:
            facts.put(LINKS, link)
        for message in messages:
            facts.put(MESSAGES, message)

    def events(_facts: Facts, _now: datetime, _verdict: Verdict) -> list[Event]:
        details = {
            "agency": request.agency_id,
            "counter": request.counter,
            "service": request.service,
            "lawful_basis": "consent",
            "request": request.id,
            "consent": consent_id,
            "consent_sha256": rows.consent.record_sha256,
            "shown_sha256": terms.shown_sha256,
            "granted": list(granted),
            "refused": list(refused),
            "absent": list(absent),
        }
        event = Event("grant" if granted else "refuse", trail, "citizen", details)
        return told_to_both(event, decider, request.relation, pinned(request))

    settled = await appender.submit(
        Work(
            kind="grant" if granted else "refuse",
            caller=f"citizen:{request.decider_ref}",
            trail=trail,
            load=[
                Need(REQUESTS, request.id),
                Need(CHALLENGES, request.id, "target_id"),
                Need(DEATHS, request.decider_ref, "subject_ref"),
                *rows.needs,
                *(Need(LINKS, link.id) for link in more),
                *(Need(MESSAGES, message.id) for message in messages),
                *decision_needs(request, [decider] if decider else []),
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
    return Decided(request, *outcome_of(choices), trail_code=None)
