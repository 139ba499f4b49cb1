"""An officer's session, whatever way in was taken: begun inside a batch, looked up, ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Officer
from auth.grants import judge_session
from auth.verdict import ALLOWED, AccessRefused, Verdict
from storage.administration import INVITATIONS
from storage.agencies import SESSIONS, Session, signed_in
from storage.agencies import Officer as Row
from storage.database import Database
from storage.factors import FACTORS, PASSKEYS, TRIES, SignInTries, nothing_enrolled
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work

REFUSED_AFTER_S = 0.25


@dataclass(frozen=True, slots=True)
class SignedIn:
    """``secret`` is the cookie's value: it is given once and kept nowhere."""

    secret: str
    csrf: str
    officer: Officer


@contextlib.asynccontextmanager
async def refused_alike() -> AsyncIterator[None]:
    """Around a way in: who is unknown has no entry to write, and without this would be refused some milliseconds earlier (A61)."""
    began_s = time.monotonic()
    try:
        yield
    except AccessRefused:
        await asyncio.sleep(max(0.0, began_s + REFUSED_AFTER_S - time.monotonic()))
        raise


def admit(
    facts: Facts,
    row: Row,
    session_id: str | None,
    now: datetime,
    *,
    strong: bool,
    provider_session: str | None = None,
) -> None:
    """For the ``apply`` of a way in that loaded ``TRIES``: whoever got in starts counting anew. Without ``session_id`` the officer
    is signed in already and has shown once more who sits there.
    """
    if session_id is not None:
        session = Session(session_id, row.id, row.agency_id, now, now, None, provider_session, strong)
        facts.put(SESSIONS, session)
    if facts.get(TRIES, row.id) is not None:
        facts.put(TRIES, SignInTries(row.id, 0, 0, None))


def strengthen(facts: Facts, session_id: str) -> None:
    """A second factor was shown in it."""
    if (session := facts.get(SESSIONS, session_id)) is not None:
        facts.put(SESSIONS, replace(session, strong=True))


def end_sessions(facts: Facts, officer_id: str, now: datetime, *, but: str = "") -> None:
    """Whoever is in has to come in anew; for an ``apply`` that loaded the officer's ``SESSIONS``."""
    for session in facts.group(SESSIONS, "officer_id", officer_id):
        if session.ended_at is None and session.id != but:
            facts.put(SESSIONS, replace(session, ended_at=now))


def end_invitations(facts: Facts, officer_id: str, now: datetime) -> None:
    """For an ``apply`` that loaded the officer's ``INVITATIONS``: codes that are out open nothing any more."""
    for invitation in facts.group(INVITATIONS, "officer_id", officer_id):
        if invitation.used_at is None:
            facts.put(INVITATIONS, replace(invitation, used_at=now))


def forget_factor(facts: Facts, officer_id: str, now: datetime) -> None:
    """Nothing of it is left: who holds the lost phone cannot confirm it again. For an ``apply`` that loaded ``FACTORS``, ``PASSKEYS`` and
    ``SESSIONS``.
    """
    if facts.get(FACTORS, officer_id) is not None:
        facts.put(FACTORS, nothing_enrolled(officer_id))
    for passkey in facts.group(PASSKEYS, "officer_id", officer_id):
        facts.put(PASSKEYS, replace(passkey, active=False))
    end_sessions(facts, officer_id, now)


async def came_from_provider(database: Database, session_id: str) -> bool:
    async with database.reading() as reading:
        found = await SESSIONS.load(reading.raw, "id", [session_id])
    return any(session.provider_session is not None for session in found)


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
                Event(
                    "officer",
                    trail,
                    officer.actor,
                    {"act": "sign_out", "agency": officer.agency_id, "counter": officer.counter},
                )
            ],
        )
    )
