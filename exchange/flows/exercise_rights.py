"""The citizen's own view: who looked, what was allowed, and taking it back (UU 27/2022 art. 32, 40).

1. the long-lived link is looked up by its hash; the factor (``prove_self``) opens it
2. the trail is the ledger's own entries of this citizen, opened with the citizen's key
3. a withdrawal is one batch item: the consent ends, its epoch grows, no later fetch succeeds
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Officer
from auth.grants import CONSENT_CHANGES, changed, factor_passed, judge_consent, judge_withdrawal
from auth.links import code_hash
from auth.roles import WITHDRAW
from auth.tokens import TokenDesk
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import caller_needs, judged_caller
from exchange.records import withdrawn_record
from exchange.requirements.numbers import mask_name
from storage.consents import (
    CHALLENGES,
    CONSENTS,
    REQUESTS,
    CitizenLink,
    Consent,
    consent_by_id,
    consents_of,
    items_of,
    link_by_hash,
)
from storage.database import Database, Reading
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.history import events_of
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import MESSAGES, address_of, new_message
from storage.subjects import subject_identity

STOP_WITHIN = timedelta(hours=72)
"""Real hours, not working days (UU 27/2022 art. 40)."""


@dataclass(frozen=True, slots=True)
class LiveConsent:
    """A consent that can still be used; ``types`` are the granted document types."""

    consent: Consent
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnTrail:
    """``events`` are (index, body) of the newest entries, newest first; ``holder`` is the masked name; ``requests`` leads
    from each of the citizen's consents to its request, whose number people know.
    """

    holder: str
    requests: Mapping[str, str]
    consents: tuple[LiveConsent, ...]
    events: tuple[tuple[int, dict[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Holder:
    """The citizen's own link with the browser that holds it."""

    link: CitizenLink
    browser: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    consent: Consent
    types: tuple[str, ...]
    deadline: datetime


async def open_link(database: Database, keyring: Keyring, *, code: str, now: datetime) -> CitizenLink | None:
    """None for a code that is not ours, not known or past its end."""
    hashed = code_hash(keyring.site("link"), code)
    if hashed is None:
        return None
    async with database.reading() as reading:
        link = await link_by_hash(reading, hashed.hex())
    return link if link is not None and now < link.expires_at else None


async def own_trail(
    database: Database, keyring: Keyring, *, subject_ref: str, limit: int, before: int | None, now: datetime
) -> OwnTrail:
    """The newest ``limit`` entries with a ``subject_seq`` below ``before``."""
    trail = await keyring.trail(subject_ref)
    async with database.reading() as reading:
        rows = await consents_of(reading, subject_ref)
        live = [row for row in rows if judge_consent(row, row.agency_id, now).allowed]
        consents = [LiveConsent(row, await granted_types(reading, row.id)) for row in live]
        events = await events_of(reading, trail, limit=limit, before=before)
        sealed = await subject_identity(reading, subject_ref)
    identity = json.loads(await keyring.unseal(subject_ref, "identity", sealed or b""))
    requests = {row.id: row.request_id for row in rows}
    return OwnTrail(mask_name(identity["name"]), requests, tuple(consents), tuple(events))


async def granted_types(reading: Reading, consent_id: str) -> tuple[str, ...]:
    items = await items_of(reading, consent_id)
    return tuple(item.document_type for item in items if item.decision == "granted")


async def consent_of(database: Database, *, consent_id: str, subject_ref: str) -> LiveConsent | None:
    """An own consent, for the page that asks once more; None alike for another's and none."""
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
        if consent is None or consent.subject_ref != subject_ref:
            return None
        return LiveConsent(consent, await granted_types(reading, consent_id))


async def withdraw(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    desk: TokenDesk,
    *,
    consent_id: str,
    by: Officer | Holder,
    notice: Callable[[str, Sequence[str], str, datetime], str],
    now: datetime,
) -> Withdrawn:
    """``by`` is an officer acting for the citizen at the counter, or the citizen's own link; ``notice`` makes the
    message from agency id, types, request id and deadline. Raises ``AccessRefused`` after the refusal is on record.
    """
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
        types = await granted_types(reading, consent_id)
    officer = by if isinstance(by, Officer) else None
    trail = keyring.site_trail() if consent is None else await keyring.trail(consent.subject_ref)
    if consent is None:
        revision, record, address = b"", b"", None
    else:
        principal = keyring.pseudonym(consent.agency_id, consent.subject_ref)
        revision = withdrawn_record(desk, consent, principal, now).encode()
        earlier = await keyring.unseal(consent.subject_ref, "consent", consent.record)
        record = seal_field(trail, "consent", earlier + b"\n" + revision)
        address = await address_of(database, keyring, consent.subject_ref)
    text = notice(consent.agency_id, types, consent.request_id, now + STOP_WITHIN) if consent else ""
    message = new_message(trail, address, "notice", text, now) if address else None
    request_id = consent.request_id if consent else ""

    def judge(facts: Facts, now: datetime) -> Verdict:
        current = facts.get(CONSENTS, consent_id)
        caller = _caller_verdict(facts, by, current, now)
        return caller if not caller.allowed else judge_withdrawal(current)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        current = facts.get(CONSENTS, consent_id)
        if current is None:
            return
        digest = hashlib.sha256(revision).hexdigest()
        facts.put(
            CONSENTS,
            replace(
                current,
                state=CONSENT_CHANGES[current.state, "withdraw"],
                epoch=current.epoch + 1,
                withdrawn_at=now,
                record=record,
                record_sha256=digest,
            ),
        )
        request = facts.get(REQUESTS, request_id)
        if request is not None and (state := changed(request.state, "withdraw")):
            facts.put(REQUESTS, replace(request, state=state))
        if message is not None:
            facts.put(MESSAGES, message)

    def events(_facts: Facts, _now: datetime, _verdict: Verdict) -> list[Event]:
        details: dict[str, Any] = {"consent": consent_id, "lawful_basis": "consent"}
        if consent is not None:
            details |= {
                "agency": consent.agency_id,
                "service": consent.service,
                "document_types": list(types),
            }
        if officer is not None:
            details |= {"counter": officer.counter, "for_citizen": True}
        return [Event("withdraw", trail, officer.actor if officer else "citizen", details)]

    settled = await appender.submit(
        Work(
            kind="withdraw",
            # Counted apart: nothing that was refused elsewhere may keep a withdrawal waiting.
            caller=f"withdraw:{by.actor if isinstance(by, Officer) else by.browser}",
            trail=trail,
            load=[
                Need(CONSENTS, consent_id),
                Need(REQUESTS, request_id),
                *(caller_needs(officer) if officer else []),
                *([Need(CHALLENGES, by.link.id, "target_id")] if isinstance(by, Holder) else []),
                *([Need(MESSAGES, message.id)] if message else []),
            ],
            judge=judge,
            apply=apply,
            events=events,
        )
    )
    settled.verdict.enforce()
    if consent is None:
        raise AccessRefused("consent_unknown")
    return Withdrawn(consent, types, settled.receipt.at + STOP_WITHIN)


def _caller_verdict(facts: Facts, by: Officer | Holder, consent: Consent | None, now: datetime) -> Verdict:
    if isinstance(by, Officer):
        verdict = judged_caller(facts, by, now, WITHDRAW)
        if verdict.allowed and consent is not None and consent.agency_id != by.agency_id:
            return Refused("consent_of_another_agency")
        return verdict
    if not factor_passed(facts.group(CHALLENGES, "target_id", by.link.id), by.browser, now):
        return Refused("factor_missing")
    if consent is not None and consent.subject_ref != by.link.subject_ref:
        return Refused("consent_of_another_citizen")
    return ALLOWED
