"""An officer's authenticator (RFC 6238): a secret is given, confirmed with its first code, and then asked for at each sign-in.

The secret is shown once, the recovery codes are shown once; kept are the sealed secret and keyed hashes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Officer
from auth.grants import first_refusal
from auth.sign_in import (
    RECOVERY_CODES,
    enrolment_uri,
    judge_confirmation,
    judge_enrolment,
    new_secret,
    step_of,
)
from auth.verdict import Verdict
from exchange.acts import caller_needs, judged_caller, recovery_hash
from exchange.sessions import end_sessions
from storage.agencies import OFFICERS, SESSIONS
from storage.database import Database
from storage.factors import FACTORS, SecondFactor
from storage.keyring import SITE, Keyring, seal_field
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work


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
        facts.put(
            FACTORS, SecondFactor(officer.id, sealed, confirmed=False, last_step=0, recovery=Json("[]"))
        )

    await _submit(keyring, appender, officer, "begin_factor", judge, apply)
    return Enrolment(secret, enrolment_uri(secret, row.username, issuer))


async def confirm(
    database: Database, keyring: Keyring, appender: Appender, *, officer: Officer, code: str
) -> list[str]:
    """The recovery codes. From now on a code is asked for. Raises ``AccessRefused``."""
    async with database.reading() as reading:
        found = await FACTORS.load(reading.raw, "id", [officer.id])
    sealed = found[0].secret if found else None
    secret = (await keyring.unseal(SITE, f"totp/{officer.id}", sealed)).decode() if sealed else ""
    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]
    hashes = Json(json.dumps([recovery_hash(keyring, officer.id, code) for code in codes]))

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

    await _submit(keyring, appender, officer, "confirm_factor", judge, apply)
    return codes


async def _submit(
    keyring: Keyring,
    appender: Appender,
    officer: Officer,
    act: str,
    judge: Callable[[Facts, datetime], Verdict],
    apply: Callable[[Facts, datetime, Verdict], None],
) -> None:
    trail = keyring.site_trail()
    settled = await appender.submit(
        Work(
            kind="officer",
            caller=officer.actor,
            trail=trail,
            load=[
                *caller_needs(officer),
                Need(FACTORS, officer.id),
                Need(SESSIONS, officer.id, "officer_id"),
            ],
            judge=lambda facts, now: first_refusal(
                judged_caller(facts, officer, now, None), judge(facts, now)
            ),
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event("officer", trail, officer.actor, {"act": act, "agency": officer.agency_id})
            ],
        )
    )
    settled.verdict.enforce()
