"""An officer's authenticator (RFC 6238): a secret is given, confirmed with its first code, and then asked for at each sign-in.

The secret is shown once, the recovery codes are shown once; kept are the sealed secret and keyed hashes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Officer
from auth.sign_in import (
    enrolment_uri,
    judge_confirmation,
    judge_enrolment,
    new_secret,
    step_of,
)
from auth.verdict import Verdict
from exchange.acts import change_own_account, new_recovery_codes
from exchange.sessions import end_sessions, strengthen
from storage.agencies import OFFICERS, SESSIONS
from storage.database import Database
from storage.factors import FACTORS, nothing_enrolled
from storage.keyring import SITE, Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Shown once. ``uri`` is what an authenticator reads from a QR code."""

    secret: str
    uri: str


async def offer(
    database: Database, keyring: Keyring, appender: Appender, *, officer: Officer, issuer: str
) -> Enrolment:
    """Raises ``AccessRefused`` while one is confirmed. One that was never confirmed is replaced."""
    async with database.reading() as reading:
        row = (await OFFICERS.load(reading.raw, "id", [officer.id]))[0]
    secret = new_secret()
    sealed = seal_field(keyring.site_trail(), f"totp/{officer.id}", secret.encode())

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return judge_enrolment(facts.get(FACTORS, officer.id))

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        factor = facts.get(FACTORS, officer.id) or nothing_enrolled(officer.id)
        # The recovery codes stay: with a passkey they may be all that its owner has beside it.
        facts.put(FACTORS, replace(factor, secret=sealed, confirmed=False, last_step=0))

    needs = [Need(FACTORS, officer.id)]
    await change_own_account(keyring, appender, officer, {"act": "begin_factor"}, needs, judge, apply)
    return Enrolment(secret, enrolment_uri(secret, row.username, issuer))


async def confirm(
    database: Database, keyring: Keyring, appender: Appender, *, officer: Officer, code: str
) -> list[str]:
    """The recovery codes, in place of any before. From now on a code is asked for. Raises ``AccessRefused``."""
    async with database.reading() as reading:
        found = await FACTORS.load(reading.raw, "id", [officer.id])
    sealed = found[0].secret if found else None
    secret = (await keyring.unseal(SITE, f"totp/{officer.id}", sealed)).decode() if sealed else ""
    codes, hashes = new_recovery_codes(keyring, officer.id)

    def judge(facts: Facts, now: datetime) -> Verdict:
        factor = facts.get(FACTORS, officer.id)
        same = factor if factor is not None and sealed and factor.secret == sealed else None
        return judge_confirmation(same, secret, code, now)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        factor = facts.get(FACTORS, officer.id)
        if factor is not None:
            step = step_of(secret, code, factor.last_step, now) or 0
            facts.put(FACTORS, replace(factor, confirmed=True, last_step=step, recovery=hashes))
            end_sessions(facts, officer.id, now, but=officer.session_id)
            strengthen(facts, officer.session_id)

    needs = [Need(FACTORS, officer.id), Need(SESSIONS, officer.id, "officer_id")]
    await change_own_account(keyring, appender, officer, {"act": "confirm_factor"}, needs, judge, apply)
    return codes
