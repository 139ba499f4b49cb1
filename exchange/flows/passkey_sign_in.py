"""An officer signs in with a passkey, which is both factors, or shows with it who sits at an open session.

1. a challenge: random, dated, sealed with a key of the site; nothing is kept of it, so anonymous callers grow no table
2. the passkey that the answer names; an unknown one leaves no entry, like an unknown name
3. verify outside the lock what was signed
4. one batch item: standing, passkey, challenge and sign count judged as they are then; the session, the entry
A failure does not count toward the lock of ten: a signature is not guessed, and who knows a credential's id must not lock its
owner out. Tries are limited by the minute, in each process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from auth.callers import Officer, csrf_of, new_session_secret, session_of
from auth.challenges import SIGN_IN, new_challenge
from auth.grants import first_refusal
from auth.passkeys import RelyingParty, judge_assertion, remembered, request_options, verified_assertion
from auth.sign_in import judge_standing
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.sessions import SignedIn, admit, officer_of, refused_alike
from storage.agencies import AGENCIES, OFFICERS
from storage.agencies import Officer as Row
from storage.database import Database
from storage.factors import PASSKEYS, TRIES, Passkey
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.refusals import RefusalBudget
from storage.ledger.work import Event, Settled, Work


def offer(keyring: Keyring, party: RelyingParty, *, now: datetime) -> dict[str, Any]:
    """What ``navigator.credentials.get`` takes."""
    return request_options(party, new_challenge(keyring.site("one-time-code"), SIGN_IN, now))


async def sign_in(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    attempts: RefusalBudget,
    party: RelyingParty,
    *,
    sent: Mapping[str, Any],
) -> SignedIn:
    """Raises ``AccessRefused``, which reads the same and comes after the same time for every cause, and ``TooManyRefusals``."""
    credential_id = str(sent["id"])
    counted = hashlib.sha256(b"passkey\x00" + credential_id.encode()).hexdigest()
    attempts.check(counted)
    attempts.note(counted)  # before the answer, so that parallel tries count one by one
    async with refused_alike():
        async with database.reading() as reading:
            found = await PASSKEYS.load(reading.raw, "id", [credential_id])
            rows = await OFFICERS.load(reading.raw, "id", [passkey.officer_id for passkey in found])
        if not rows:
            raise AccessRefused("sign_in_failed")
        secret = new_session_secret()
        session = session_of(secret)
        settled = await _tried(
            keyring, appender, party, rows[0], found[0], sent, act="sign_in", session_id=session, caller=""
        )
    attempts.forgive(counted)
    return SignedIn(secret, csrf_of(secret), await officer_of(database, session, now=settled.receipt.at))


async def reauthenticate(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    party: RelyingParty,
    *,
    officer: Officer,
    sent: Mapping[str, Any],
) -> None:
    """Before a sensitive act, with a passkey of this very officer. Raises ``AccessRefused``."""
    async with database.reading() as reading:
        row = (await OFFICERS.load(reading.raw, "id", [officer.id]))[0]
        found = await PASSKEYS.load(reading.raw, "id", [str(sent["id"])])
    passkey = found[0] if found else None
    await _tried(
        keyring, appender, party, row, passkey, sent, act="reauthenticate", session_id=None,
        caller=officer.actor,
    )  # fmt: skip


async def _tried(
    keyring: Keyring,
    appender: Appender,
    party: RelyingParty,
    row: Row,
    passkey: Passkey | None,
    sent: Mapping[str, Any],
    *,
    act: str,
    session_id: str | None,
    caller: str,
) -> Settled[Verdict]:
    credential_id = str(sent["id"])
    shown = (
        Refused("passkey_inactive")
        if passkey is None
        else verified_assertion(
            party,
            keyring.site("one-time-code"),
            sent,
            public_key=passkey.public_key,
            handle=row.id,
        )
    )
    trail = keyring.site_trail()

    def judge(facts: Facts, now: datetime) -> Verdict:
        officer, agency = facts.get(OFFICERS, row.id), facts.get(AGENCIES, row.agency_id)
        return first_refusal(
            judge_standing(officer, agency, facts.get(TRIES, row.id), now),
            judge_assertion(facts.get(PASSKEYS, credential_id), row.id, shown, now),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        current = facts.get(PASSKEYS, credential_id)
        if current is not None and not isinstance(shown, Refused):
            used = Json(remembered(current.used, shown.challenge, now))
            facts.put(PASSKEYS, replace(current, sign_count=shown.sign_count, used=used))
        admit(facts, row, session_id, now, strong=True)

    details = {
        "act": act,
        "way": "passkey",
        "passkey": credential_id,
        "agency": row.agency_id,
        "counter": row.counter,
    }
    settled = await appender.submit(
        Work(
            kind="officer",
            caller=caller,
            trail=trail,
            load=[
                Need(OFFICERS, row.id),
                Need(AGENCIES, row.agency_id),
                Need(TRIES, row.id),
                Need(PASSKEYS, credential_id),
            ],
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event("officer", trail, f"officer:{row.id}", details)],
        )
    )
    settled.verdict.enforce()
    return settled
