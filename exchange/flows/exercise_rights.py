"""The citizen's own view: who looked, what was allowed, and taking it back (UU 27/2022 art. 32, 40).

1. the long-lived link is looked up by its hash; the factor (``prove_self``) opens it
2. the trail is the ledger's own entries of this citizen, opened with the citizen's key
3. a withdrawal is one batch item: the consent ends, its epoch grows, no later fetch succeeds
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.grants import CONSENT_CHANGES, changed, judge_consent, judge_withdrawal
from auth.links import code_hash
from auth.tokens import TokenDesk
from auth.verdict import AccessRefused, Verdict
from exchange.citizen import By, Letter, by_needs, counted_as
from exchange.family import trail_needs
from exchange.received import owed, received
from exchange.records import withdrawn_record
from exchange.representation import Behalf, behalf_of
from exchange.requirements.numbers import mask_name
from exchange.revisions import revisions_of, sha256_of
from exchange.slip_codes import ShownCode
from exchange.taking_back import (
    STOP_WITHIN,
    at_counter,
    caller_verdict,
    decider_trail,
    letters_to,
    officer_of,
    on_both,
)
from storage.agencies import all_agencies
from storage.consents import (
    CONSENTS,
    REQUESTS,
    CitizenLink,
    Consent,
    consent_by_id,
    consents_held,
    items_of,
    link_by_hash,
)
from storage.database import Database, Reading
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.history import selected
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work, nothing
from storage.rights import WITHDRAWALS
from storage.subjects import enrolled_at, subject_identity

LOOKED_AT = 1_000  # entries that are opened for one page of a list that is filtered


@dataclass(frozen=True, slots=True)
class LiveConsent:
    """A consent that can still be used; ``types`` are the granted document types, ``behalf`` whom it is about when the reader
    decided for another.
    """

    consent: Consent
    types: tuple[str, ...]
    behalf: Behalf | None = None


@dataclass(frozen=True, slots=True)
class OwnTrail:
    """``events`` are (index, body) of the newest entries that were chosen, newest first, ``next`` goes on behind them; ``holder`` is the
    masked name; ``requests`` leads from each of the citizen's consents to its request, whose number people know; ``began_at`` is the
    time of the first entry, ``agencies`` the ids of all there are.
    """

    holder: str
    requests: Mapping[str, str]
    consents: tuple[LiveConsent, ...]
    events: tuple[tuple[int, dict[str, Any]], ...]
    next: int | None
    began_at: datetime | None
    agencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which entries are shown: of one agency (empty: of all and of nobody), from ``since`` on and before ``until``."""

    agency: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, body: Mapping[str, Any]) -> bool:
        return not self.agency or self.agency in {body.get("agency"), *body.get("agencies", ())}


EVERYTHING = Chosen()


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """``id`` is that of the recipient's clock."""

    id: str
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
    database: Database,
    keyring: Keyring,
    *,
    subject_ref: str,
    limit: int,
    before: int | None,
    now: datetime,
    chosen: Chosen = EVERYTHING,
) -> OwnTrail:
    """The newest ``limit`` entries that are ``chosen``, with a ``subject_seq`` below ``before``."""
    trail = await keyring.trail(subject_ref)
    async with database.reading() as reading:
        rows = await consents_held(reading, subject_ref)
        live = [row for row in rows if judge_consent(row, row.agency_id, now).allowed]
        types = {row.id: await granted_types(reading, row.id) for row in live}
        page = await selected(
            reading,
            trail,
            chosen.wants,
            limit=limit,
            look=LOOKED_AT,
            before=before,
            since=chosen.since,
            until=chosen.until,
        )
        began_at = await enrolled_at(reading, subject_ref)
        agencies = await all_agencies(reading)
        sealed = await subject_identity(reading, subject_ref)
    consents = [
        LiveConsent(row, types[row.id], await _whose(database, keyring, row, subject_ref)) for row in live
    ]
    identity = json.loads(await keyring.unseal(subject_ref, "identity", sealed or b""))
    requests = {row.id: row.request_id for row in rows}
    return OwnTrail(
        holder=mask_name(identity["name"]),
        requests=requests,
        consents=tuple(consents),
        events=tuple(page.events),
        next=page.next,
        began_at=began_at,
        agencies=tuple(agency.id for agency in agencies),
    )


async def granted_types(reading: Reading, consent_id: str) -> tuple[str, ...]:
    items = await items_of(reading, consent_id)
    return tuple(item.document_type for item in items if item.decision == "granted")


async def consent_of(database: Database, *, consent_id: str, subject_ref: str) -> LiveConsent | None:
    """An own consent, or one that this citizen gave for another, for the page that asks once more; None alike for another's and
    none.
    """
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
        if consent is None or subject_ref not in {consent.subject_ref, consent.decider_ref}:
            return None
        return LiveConsent(consent, await granted_types(reading, consent_id))


async def _whose(database: Database, keyring: Keyring, consent: Consent, reader: str) -> Behalf | None:
    """None for the reader's own; also when the one it is about was erased meanwhile."""
    if consent.subject_ref == reader:
        return None
    with contextlib.suppress(KeyMissing):
        return await behalf_of(database, keyring, consent)
    return None


async def withdraw(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    desk: TokenDesk,
    *,
    consent_id: str,
    by: By | ShownCode,
    notice: Letter[[str, Sequence[str], str, datetime]],
    now: datetime,
) -> Withdrawn:
    """``by`` is an officer of the consent's agency acting for the citizen at the counter, one of any agency with the code of the printed
    slip, or the citizen's own link; ``notice`` makes the message from agency id, types, request id and deadline. Raises ``AccessRefused`` after the refusal is on record.
    """
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
        types = await granted_types(reading, consent_id)
    officer = officer_of(by)
    withdrawal_id = new_id("wd")
    trail = keyring.site_trail() if consent is None else await keyring.trail(consent.subject_ref)
    others = await decider_trail(keyring, consent)
    if consent is None:
        revision, record, so_far = "", b"", None
    else:
        async with database.reading() as reading:
            so_far = await received(reading, trail, consent.valid_from)
        earlier = await revisions_of(keyring, consent)
        # What rests on law is refused below: nothing is signed that says otherwise.
        revision = withdrawn_record(desk, earlier[-1], now) if consent.lawful_basis == "consent" else ""
        record = seal_field(trail, "consent", "\n".join([*earlier, revision]).encode())
    request_id = consent.request_id if consent else ""
    letters = await letters_to(database, keyring, notice, consent, types, [trail, *others], now)

    def judge(facts: Facts, now: datetime) -> Verdict:
        current = facts.get(CONSENTS, consent_id)
        caller = caller_verdict(facts, by, current, now)
        return caller if not caller.allowed else judge_withdrawal(current)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        current = facts.get(CONSENTS, consent_id)
        if current is None:
            return
        facts.put(
            CONSENTS,
            replace(
                current,
                state=CONSENT_CHANGES[current.state, "withdraw"],
                epoch=current.epoch + 1,
                withdrawn_at=now,
                record=record,
                record_sha256=sha256_of(revision),
            ),
        )
        nothing = so_far is not None and so_far.nothing_under(facts, trail, consent_id)
        facts.put(WITHDRAWALS, owed(withdrawal_id, current, "withdrawn", now, nothing=nothing))
        request = facts.get(REQUESTS, request_id)
        if request is not None and (state := changed(request.state, "withdraw")):
            facts.put(REQUESTS, replace(request, state=state))
        for letter in letters:
            letter.keep(facts)

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details: dict[str, Any] = {"consent": consent_id, "lawful_basis": "consent"}
        if verdict.allowed:
            details |= {"withdrawal": withdrawal_id, "consent_sha256": sha256_of(revision)}
        if consent is not None:
            details |= {
                "agency": consent.agency_id,
                "service": consent.service,
                "document_types": list(types),
            }
        details |= at_counter(by, consent)
        event = Event("withdraw", trail, officer.actor if officer else "citizen", details)
        return on_both(event, consent, others, by)

    settled = await appender.submit(
        Work(
            kind="withdraw",
            caller=counted_as("withdraw", by.officer if isinstance(by, ShownCode) else by),
            trail=trail,
            load=[
                Need(CONSENTS, consent_id),
                Need(REQUESTS, request_id),
                *(by_needs(by.officer if isinstance(by, ShownCode) else by)),
                *(by.needs if isinstance(by, ShownCode) else []),
                *(need for letter in letters for need in letter.needs),
                *trail_needs(others),
            ],
            judge=judge,
            apply=apply,
            apply_refused=by.count if isinstance(by, ShownCode) else nothing,
            events=events,
        )
    )
    settled.verdict.enforce()
    if consent is None:
        raise AccessRefused("consent_unknown")
    return Withdrawn(withdrawal_id, consent, types, settled.receipt.at + STOP_WITHIN)
