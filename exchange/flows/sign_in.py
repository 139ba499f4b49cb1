"""An officer signs in and out.

1. a name that was tried too often this minute is turned away, known or not
2. verify the password in a bounded pool (argon2id is slow on purpose)
3. one batch item: the session, and the entry, allowed or refused
An unknown username costs the same time and leaves no entry: anonymous callers must not grow the ledger. Tries are counted
apart from what the officer does: who guesses a password must not lock its owner out of a session.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from auth.callers import Officer, csrf_of, new_session_secret, session_of
from auth.grants import judge_session
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from storage.agencies import AGENCIES, OFFICERS, SESSIONS, Session, officer_by_username, signed_in
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.refusals import RefusalBudget
from storage.ledger.work import Event, Work

# RFC 9106, the library's low-memory profile; two threads leave a core for everything else.
HASHER = PasswordHasher()
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_waiting = 0
MAX_WAITING = 64
ATTEMPTS_PER_MINUTE = 10


class SignInBusy(Exception):
    """Too many passwords wait to be verified."""

    retry_after_s = 2


@dataclass(frozen=True, slots=True)
class SignedIn:
    """``secret`` is the cookie's value: it is given once and kept nowhere."""

    secret: str
    csrf: str
    officer: Officer


async def sign_in(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    attempts: RefusalBudget,
    *,
    username: str,
    password: str,
) -> SignedIn:
    """Raises ``AccessRefused`` with ``sign_in_failed`` for every cause alike, ``TooManyRefusals``."""
    name = hashlib.sha256(username.encode()).hexdigest()
    attempts.check(name)
    attempts.note(name)  # before the answer, so that parallel guesses count one by one
    signed = await _signed_in(database, keyring, appender, username=username, password=password)
    attempts.forgive(name)
    return signed


async def _signed_in(
    database: Database, keyring: Keyring, appender: Appender, *, username: str, password: str
) -> SignedIn:
    async with database.reading() as reading:
        row = await officer_by_username(reading, username)
    matches = await _verify(row.password_hash if row else None, password)
    if row is None:
        raise AccessRefused("sign_in_failed")
    secret = new_session_secret()
    session_id = session_of(secret)
    trail = keyring.site_trail()

    def judge(facts: Facts, _now: datetime) -> Verdict:
        officer, agency = facts.get(OFFICERS, row.id), facts.get(AGENCIES, row.agency_id)
        if not matches or officer is None or not officer.active or agency is None or not agency.active:
            return Refused("sign_in_failed")
        return ALLOWED

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        facts.put(SESSIONS, Session(session_id, row.id, row.agency_id, now, now, None))

    settled = await appender.submit(
        Work(
            kind="officer",
            caller="",  # counted by ``attempts``
            trail=trail,
            load=[Need(OFFICERS, row.id), Need(AGENCIES, row.agency_id)],
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event("officer", trail, f"officer:{row.id}", {"act": "sign_in", "agency": row.agency_id})
            ],
        )
    )
    settled.verdict.enforce()
    return SignedIn(secret, csrf_of(secret), await officer_of(database, session_id, now=settled.receipt.at))


async def officer_of(database: Database, session_id: str, *, now: datetime) -> Officer:
    """Who a session belongs to. Raises ``AccessRefused`` when it ended or its officer or agency is suspended; each act is
    judged once more in its own batch.
    """
    async with database.reading() as reading:
        found = await signed_in(reading, session_id)
    if found is None:
        raise AccessRefused("session_ended")
    session, officer, agency = found
    judge_session(session, officer, agency, now).enforce()
    return Officer(
        id=officer.id,
        name=officer.name,
        agency_id=agency.id,
        agency_code=agency.code,
        site=agency.site,
        counter=officer.counter,
        role=officer.role,
        session_id=session.id,
    )


async def sign_out(keyring: Keyring, appender: Appender, *, officer: Officer) -> None:
    trail = keyring.site_trail()

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        session = facts.get(SESSIONS, officer.session_id)
        if session is not None and session.ended_at is None:
            facts.put(SESSIONS, replace(session, ended_at=now))

    await appender.submit(
        Work(
            kind="officer",
            caller="",
            trail=trail,
            load=[Need(SESSIONS, officer.session_id)],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event("officer", trail, officer.actor, {"act": "sign_out", "agency": officer.agency_id})
            ],
        )
    )


async def hash_password(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_POOL, HASHER.hash, password)


@cache
def _nobody() -> str:
    """A hash to compare with when there is no such officer: an unknown name costs the same time (A61)."""
    return HASHER.hash("nobody has this password")


async def _verify(stored: str | None, password: str) -> bool:
    """Raises ``SignInBusy`` when too many passwords wait already (A64): the pool is slow on purpose."""
    global _waiting  # noqa: PLW0603 - counts what waits for the pool beside it

    def verify() -> bool:
        try:
            return HASHER.verify(stored or _nobody(), password)
        except (VerificationError, InvalidHashError):
            return False

    if _waiting >= MAX_WAITING:
        raise SignInBusy
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_POOL, verify)
    finally:
        _waiting -= 1
