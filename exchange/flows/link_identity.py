"""An operator links an officer to an account of the office's identity provider, or takes the link away.

Nobody becomes an officer by signing in somewhere: the officer is there before, and the account is named by its ``sub``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from auth.sign_in import judge_link, names_somebody
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import administer
from exchange.sessions import end_sessions
from storage.agencies import IDENTITIES, OFFICERS, SESSIONS, OfficerIdentity, officer_by_username
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender


async def link(
    database: Database, keyring: Keyring, appender: Appender, *, username: str, issuer: str, subject: str
) -> None:
    """Raises ``AccessRefused`` when the officer is unknown or has an identity, or the identity an officer."""
    officer_id = await _officer_id(database, username)
    name = f"{issuer} {subject}"

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if not names_somebody(subject):
            return Refused("identity_unknown")
        own = facts.group(IDENTITIES, "officer_id", officer_id)
        return judge_link(facts.get(OFFICERS, officer_id), facts.get(IDENTITIES, name), own)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        facts.put(IDENTITIES, OfficerIdentity(name, officer_id, now, active=True))

    needs = [
        Need(OFFICERS, officer_id),
        Need(IDENTITIES, name),
        Need(IDENTITIES, officer_id, "officer_id"),
    ]
    await administer(
        keyring, appender, "officer", {"act": "link", "officer": officer_id}, needs, judge, apply
    )


async def unlink(database: Database, keyring: Keyring, appender: Appender, *, username: str) -> None:
    """Ends the officer's sessions too. Raises ``AccessRefused`` when there is no such officer or nothing to take away."""
    officer_id = await _officer_id(database, username)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if facts.get(OFFICERS, officer_id) is None:
            return Refused("officer_unknown")
        linked = any(row.active for row in facts.group(IDENTITIES, "officer_id", officer_id))
        return ALLOWED if linked else Refused("identity_unknown")

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        for row in facts.group(IDENTITIES, "officer_id", officer_id):
            facts.put(IDENTITIES, replace(row, active=False))
        end_sessions(facts, officer_id, now)

    needs = [
        Need(OFFICERS, officer_id),
        Need(IDENTITIES, officer_id, "officer_id"),
        Need(SESSIONS, officer_id, "officer_id"),
    ]
    await administer(
        keyring, appender, "officer", {"act": "unlink", "officer": officer_id}, needs, judge, apply
    )


async def _officer_id(database: Database, username: str) -> str:
    async with database.reading() as reading:
        row = await officer_by_username(reading, username)
    return row.id if row else ""
