"""What every act of an officer shares: the facts to load, the session judged live, the members of the entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Officer
from auth.grants import judge_session
from auth.verdict import Verdict
from storage.agencies import AGENCIES, OFFICERS, SESSIONS
from storage.ledger.facts import Facts, Need

# A session's last use is written at most once a minute: an update for each request would double the writes.
TOUCH_PERIOD = timedelta(minutes=1)


def officer_needs(officer: Officer) -> list[Need]:
    return [
        Need(SESSIONS, officer.session_id),
        Need(OFFICERS, officer.id),
        Need(AGENCIES, officer.agency_id),
    ]


def judged_officer(facts: Facts, officer: Officer, now: datetime) -> Verdict:
    """Still signed in, still active, the agency too. Notes the use of the session."""
    session = facts.get(SESSIONS, officer.session_id)
    verdict = judge_session(
        session, facts.get(OFFICERS, officer.id), facts.get(AGENCIES, officer.agency_id), now
    )
    if verdict.allowed and session is not None and now - session.last_seen_at > TOUCH_PERIOD:
        facts.put(SESSIONS, replace(session, last_seen_at=now))
    return verdict


def officer_details(officer: Officer, **members: Any) -> dict[str, Any]:
    """The members of an entry that say who acted where; members that are None are left out."""
    details = {"agency": officer.agency_id, "counter": officer.counter, **members}
    return {name: value for name, value in details.items() if value is not None}
