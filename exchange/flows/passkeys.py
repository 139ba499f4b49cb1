"""An officer's passkeys: registered in an open session, listed, removed.

1. whoever sits there shows once more that the session is theirs (the route asks for it)
2. a challenge that is good for this session only
3. verify outside the lock what the authenticator signed
4. one batch item: the caller, an id that nobody has, a challenge that nobody used; the passkey, recovery codes, the entry
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from auth.callers import Officer
from auth.challenges import new_challenge, registration_of
from auth.passkeys import (
    RelyingParty,
    creation_options,
    judge_registration,
    remembered,
    verified_registration,
)
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import change_own_account, new_recovery_codes
from exchange.sessions import end_sessions, strengthen
from storage.agencies import OFFICERS, SESSIONS
from storage.database import Database
from storage.factors import FACTORS, PASSKEYS, Passkey, nothing_enrolled
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender


async def offer(
    database: Database, keyring: Keyring, party: RelyingParty, *, officer: Officer, now: datetime
) -> dict[str, Any]:
    """What ``navigator.credentials.create`` takes. Nothing is kept of it. The user handle is the officer's id, the name in the
    authenticator's list the username: a passkey that is synchronised elsewhere carries no more.
    """
    async with database.reading() as reading:
        row = (await OFFICERS.load(reading.raw, "id", [officer.id]))[0]
    challenge = new_challenge(keyring.site("one-time-code"), registration_of(officer.session_id), now)
    known = [passkey.id for passkey in await listed(database, officer=officer)]
    return creation_options(party, challenge, handle=officer.id, username=row.username, known=known)


async def register(
    keyring: Keyring,
    appender: Appender,
    party: RelyingParty,
    *,
    officer: Officer,
    name: str,
    sent: Mapping[str, Any],
) -> tuple[str, list[str]]:
    """(credential id, recovery codes: ten for who has none left, else none). Ends the officer's other sessions: from now on the
    password alone signs nobody in. Raises ``AccessRefused``.
    """
    purpose = registration_of(officer.session_id)
    shown = verified_registration(party, keyring.site("one-time-code"), purpose, sent)
    credential_id = str(sent["id"])
    codes, hashes = new_recovery_codes(keyring, officer.id)
    given: list[str] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        own = facts.group(PASSKEYS, "officer_id", officer.id)
        return judge_registration(facts.get(PASSKEYS, credential_id), own, shown, now)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        nonlocal given
        if isinstance(shown, Refused):
            return
        used = Json(remembered("{}", shown.challenge, now))
        row = Passkey(
            credential_id, officer.id, shown.public_key, shown.sign_count, name, now, used, active=True
        )
        facts.put(PASSKEYS, row)
        factor = facts.get(FACTORS, officer.id) or nothing_enrolled(officer.id)
        if not json.loads(factor.recovery):
            facts.put(FACTORS, replace(factor, recovery=hashes))
            given = codes
        end_sessions(facts, officer.id, now, but=officer.session_id)
        strengthen(facts, officer.session_id)

    needs = [
        Need(PASSKEYS, credential_id),
        Need(PASSKEYS, officer.id, "officer_id"),
        Need(FACTORS, officer.id),
        Need(SESSIONS, officer.id, "officer_id"),
    ]
    details = {"act": "add_passkey", "passkey": credential_id}
    await change_own_account(keyring, appender, officer, details, needs, judge, apply)
    return credential_id, given


async def listed(database: Database, *, officer: Officer) -> list[Passkey]:
    """Those that sign in, oldest first."""
    async with database.reading() as reading:
        rows = await PASSKEYS.load(reading.raw, "officer_id", [officer.id])
    return sorted((row for row in rows if row.active), key=lambda row: row.added_at)


async def remove(keyring: Keyring, appender: Appender, *, officer: Officer, credential_id: str) -> None:
    """For ever: its id is never registered again. The officer's other sessions end, for it may be a lost one. Raises
    ``AccessRefused``.
    """

    def judge(facts: Facts, _now: datetime) -> Verdict:
        passkey = facts.get(PASSKEYS, credential_id)
        own = passkey is not None and passkey.active and passkey.officer_id == officer.id
        return ALLOWED if own else Refused("passkey_unknown")

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if (passkey := facts.get(PASSKEYS, credential_id)) is not None:
            facts.put(PASSKEYS, replace(passkey, active=False))
        end_sessions(facts, officer.id, now, but=officer.session_id)

    needs = [Need(PASSKEYS, credential_id), Need(SESSIONS, officer.id, "officer_id")]
    details = {"act": "remove_passkey", "passkey": credential_id}
    await change_own_account(keyring, appender, officer, details, needs, judge, apply)
