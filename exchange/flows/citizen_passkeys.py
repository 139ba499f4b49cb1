"""A citizen's passkeys: registered from Jejak Data Saya by who proved themselves there, shown in the place of a one-time code.

1. a challenge bound to the request or link and to the browser; nothing is kept of it
2. the passkey that the answer names; one that is unknown, or another citizen's, leaves no entry: a stranger with a link fills no list
3. verify outside the lock what was signed
4. one batch item: the passkey, challenge and sign count as they are then; that this browser has passed; the entry
No credential is named in a question, so nothing tells who has one (A22).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.challenges import new_challenge, registration_of
from auth.contacts import ContactRules, judge_passkey
from auth.grants import factor_passed, first_refusal
from auth.passkeys import (
    PASSKEYS_OF_ONE_CITIZEN,
    RelyingParty,
    creation_options,
    judge_assertion,
    judge_registration,
    remembered,
    request_options,
    verified_assertion,
    verified_registration,
)
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.factors import Proof, Target, end_proofs, proofs_needs, put_proof
from storage.consents import CHALLENGES, REQUESTS
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import MESSAGES, notices_to
from storage.subjects import CITIZEN_PASSKEYS, CONTACTS, CitizenPasskey

USERNAME = "Berkas"
"""What the phone's list shows: it may be synchronised elsewhere, and carries nothing about the person."""


@dataclass(frozen=True, slots=True)
class Held:
    """Whose link it is and in which browser."""

    target: Target
    browser: str


def ask(keyring: Keyring, party: RelyingParty, held: Held, now: datetime) -> dict[str, Any]:
    """What ``navigator.credentials.get`` takes."""
    return request_options(party, new_challenge(keyring.site("one-time-code"), _proof_of(held), now))


async def prove(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    party: RelyingParty,
    *,
    held: Held,
    rules: ContactRules,
    sent: Mapping[str, Any],
) -> Verdict:
    """Shown in the place of a code. Returns the verdict."""
    target, credential_id = held.target, str(sent["id"])
    async with database.reading() as reading:
        found = await CITIZEN_PASSKEYS.load(reading.raw, "id", [credential_id])
    if not found or found[0].subject_ref != target.subject_ref:
        return Refused("passkey_refused")
    key = keyring.site("one-time-code")
    shown = verified_assertion(
        party,
        key,
        sent,
        public_key=found[0].public_key,
        handle=_handle(keyring, target),
        purpose=_proof_of(held),
    )

    def judge(facts: Facts, now: datetime) -> Verdict:
        passkey = facts.get(CITIZEN_PASSKEYS, credential_id)
        verdict = judge_assertion(passkey, target.subject_ref, shown, now)
        request = facts.get(REQUESTS, target.request_id) if target.request_id else None
        asker = request.asked_by if request else None
        return first_refusal(verdict, judge_passkey(passkey, rules, asker, now) if passkey else ALLOWED)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        current = facts.get(CITIZEN_PASSKEYS, credential_id)
        if current is not None and not isinstance(shown, Refused):
            used = Json(remembered(current.used, shown.challenge, now))
            facts.put(CITIZEN_PASSKEYS, replace(current, sign_count=shown.sign_count, used=used))

    trail = await keyring.trail(target.subject_ref)
    proof = Proof("passkey", "passkey_shown", credential_id)
    needs = [Need(CITIZEN_PASSKEYS, credential_id)]
    return await put_proof(appender, trail, target, held.browser, proof, judge=judge, apply=apply, load=needs)


async def offer(
    database: Database, keyring: Keyring, party: RelyingParty, *, held: Held, now: datetime
) -> dict[str, Any]:
    """What ``navigator.credentials.create`` takes, for a browser that has passed. Nothing is kept of it."""
    challenge = new_challenge(keyring.site("one-time-code"), _registration_of(held), now)
    known = [passkey.id for passkey in await listed(database, subject_ref=held.target.subject_ref)]
    handle = _handle(keyring, held.target)
    return creation_options(party, challenge, handle=handle, username=USERNAME, known=known)


async def register(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    party: RelyingParty,
    *,
    held: Held,
    words: str,
    sent: Mapping[str, Any],
    now: datetime,
) -> Verdict:
    """``words`` go to every contact. It serves when it has rested, like a contact. Returns the verdict."""
    subject_ref, credential_id = held.target.subject_ref, str(sent["id"])
    shown = verified_registration(party, keyring.site("one-time-code"), _registration_of(held), sent)

    def judge(facts: Facts, now: datetime) -> Verdict:
        own = facts.group(CITIZEN_PASSKEYS, "subject_ref", subject_ref)
        existing = facts.get(CITIZEN_PASSKEYS, credential_id)
        return judge_registration(existing, own, shown, now, most=PASSKEYS_OF_ONE_CITIZEN)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if isinstance(shown, Refused):
            return
        used = Json(remembered("{}", shown.challenge, now))
        row = CitizenPasskey(
            credential_id,
            subject_ref,
            shown.public_key,
            shown.sign_count,
            now,
            used,
            active=True,
            set_by=_setter(facts, held),
        )
        facts.put(CITIZEN_PASSKEYS, row)

    return await _changed(
        database, keyring, appender, held, "passkey_added", words, credential_id, judge, apply, now
    )


async def remove(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    held: Held,
    words: str,
    credential_id: str,
    now: datetime,
) -> Verdict:
    """For ever, and with it what it proved in the last minutes, in this browser too. Returns the verdict."""
    subject_ref = held.target.subject_ref

    def judge(facts: Facts, _now: datetime) -> Verdict:
        passkey = facts.get(CITIZEN_PASSKEYS, credential_id)
        own = passkey is not None and passkey.active and passkey.subject_ref == subject_ref
        return ALLOWED if own else Refused("passkey_unknown")

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if (passkey := facts.get(CITIZEN_PASSKEYS, credential_id)) is not None:
            facts.put(CITIZEN_PASSKEYS, replace(passkey, active=False))
        end_proofs(facts, subject_ref, credential_id, now)

    return await _changed(
        database, keyring, appender, held, "passkey_removed", words, credential_id, judge, apply, now
    )


async def listed(database: Database, *, subject_ref: str) -> list[CitizenPasskey]:
    """Those that can be shown, oldest first."""
    async with database.reading() as reading:
        rows = await CITIZEN_PASSKEYS.load(reading.raw, "subject_ref", [subject_ref])
    return sorted((row for row in rows if row.active), key=lambda row: row.added_at)


async def _changed(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    held: Held,
    act: str,
    words: str,
    credential_id: str,
    judge: Callable[[Facts, datetime], Verdict],
    apply: Callable[[Facts, datetime, Verdict], None],
    now: datetime,
) -> Verdict:
    """One batch item, of a browser that has passed for this link."""
    target = held.target
    trail = await keyring.trail(target.subject_ref)
    messages = await notices_to(database, keyring, trail, words, now)

    def judged(facts: Facts, now: datetime) -> Verdict:
        passed = factor_passed(facts.group(CHALLENGES, "target_id", target.id), held.browser, now)
        return first_refusal(ALLOWED if passed else Refused("factor_missing"), judge(facts, now))

    def applied(facts: Facts, now: datetime, verdict: Verdict) -> None:
        apply(facts, now, verdict)
        for message in messages:
            facts.put(MESSAGES, message)

    settled = await appender.submit(
        Work(
            kind="factor",
            caller=f"factor:{target.id}",
            trail=trail,
            load=[
                Need(CHALLENGES, target.id, "target_id"),
                Need(CITIZEN_PASSKEYS, credential_id),
                Need(CITIZEN_PASSKEYS, target.subject_ref, "subject_ref"),
                Need(CONTACTS, target.subject_ref, "subject_ref"),
                *proofs_needs(target.subject_ref),
            ],
            judge=judged,
            apply=applied,
            events=lambda _facts, _now, _verdict: [
                Event("factor", trail, "citizen", {"act": act, "for": target.id})
            ],
        )
    )
    return settled.verdict


def _setter(facts: Facts, held: Held) -> str:
    """Who set what this browser proved itself by last."""
    subject_ref = held.target.subject_ref
    setters = {one.id: one.set_by for one in facts.group(CONTACTS, "subject_ref", subject_ref)}
    setters |= {one.id: one.set_by for one in facts.group(CITIZEN_PASSKEYS, "subject_ref", subject_ref)}
    passed = [
        (one.verified_at, one.rests_on or "")
        for one in facts.group(CHALLENGES, "target_id", held.target.id)
        if one.browser == held.browser and one.verified_at is not None
    ]
    return setters.get(max(passed)[1], "") if passed else ""


def _proof_of(held: Held) -> str:
    """The purpose of a challenge: for this request or link, in this browser, and nowhere else."""
    return f"prove/{held.target.id}/{held.browser}"


def _registration_of(held: Held) -> str:
    return registration_of(f"{held.target.id}/{held.browser}")


def _handle(keyring: Keyring, target: Target) -> str:
    """64 characters that name the citizen to this passkey alone: no reference of ours leaves with it."""
    return keyring.keyed_hash("passkey-handle", target.subject_ref)
