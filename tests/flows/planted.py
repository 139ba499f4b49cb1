"""Bugs to start a replica with (``python -m tests.flows.planted NAME``): each is the obvious wrong version of a rule of DESIGN
section 2, and a campaign that does not find it is worth nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import ModuleType
from typing import Any

from auth import grants
from auth.verdict import ALLOWED, Verdict
from exchange import releases
from exchange.cli import run
from exchange.flows import fetch, give_consent, issue_ticket
from storage.consents import consent_by_id
from storage.ledger import facts, log


def _plant(room: ModuleType, name: str, wrong: Any) -> None:
    if not hasattr(room, name):
        raise LookupError(f"{room.__name__} has no {name} any more: the bug was not planted")
    setattr(room, name, wrong)


def a_consent_remembered_for_a_while() -> None:
    """The fetch asks a cache, and the ticket's revision is not compared."""
    kept: dict[str, Any] = {}

    def remembered(consent: Any, agency_id: str, now: datetime) -> Verdict:
        consent = kept.setdefault(consent.id, consent) if consent is not None else None
        return grants.judge_consent(consent, agency_id, now)

    _plant(releases, "judge_consent", remembered)
    _plant(releases, "judge_epoch", lambda _consent, _ticket: ALLOWED)


def a_fetch_judged_before_its_batch() -> None:
    """The consent is looked up when the request comes in, and judged in the batch as it was then; its revision is not compared."""
    early: dict[str, Any] = {}
    resolved = releases.resolved

    async def looked(database: Any, *rooms: Any, ticket: Any, **more: Any) -> Any:
        async with database.reading() as reading:
            early[ticket.consent_id] = await consent_by_id(reading, ticket.consent_id)
        return await resolved(database, *rooms, ticket=ticket, **more)

    _plant(fetch, "resolved", looked)
    _plant(releases, "judge_epoch", lambda _consent, _ticket: ALLOWED)
    _plant(
        releases,
        "judge_consent",
        lambda row, agency_id, now: grants.judge_consent(early[row.id], agency_id, now),
    )


def a_ticket_judged_before_its_batch() -> None:
    early: dict[str, Any] = {}

    async def looked(reading: Any, consent_id: str) -> Any:
        early[consent_id] = await consent_by_id(reading, consent_id)
        return early[consent_id]

    _plant(issue_ticket, "consent_by_id", looked)
    _plant(
        issue_ticket,
        "judge_consent",
        lambda row, agency_id, now: grants.judge_consent(early[row.id], agency_id, now),
    )


def a_ticket_that_is_never_used_up() -> None:
    _plant(releases, "judge_use", lambda _use, _caller, _now: ALLOWED)


def a_decision_judged_before_its_batch() -> None:
    """The page saw the request open; what it was decided meanwhile is written over."""

    def open_as_seen(request: Any, challenges: Any, *, browser: str, now: datetime) -> Verdict:
        seen = replace(request, state="pending")
        return grants.judge_decision(seen, challenges, browser=browser, now=now)

    _plant(give_consent, "judge_decision", open_as_seen)
    _plant(give_consent, "must_change", lambda _state, act: grants.LEGAL_CHANGES["pending", act])


def facts_read_by_the_statement_that_locks() -> None:
    """READ COMMITTED sees what was committed when a statement began, also when it then waited for a lock."""
    statement = facts._statement
    _plant(log, "_LOCK", "SELECT 1")
    _plant(facts, "_statement", lambda *wanted: f"{statement(*wanted)} FOR UPDATE OF h")


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        a_ticket_that_is_never_used_up,
        a_consent_remembered_for_a_while,
        a_fetch_judged_before_its_batch,
        a_ticket_judged_before_its_batch,
        a_decision_judged_before_its_batch,
        facts_read_by_the_statement_that_locks,
    )
}

if __name__ == "__main__":
    BUGS[sys.argv[1]]()
    run.serve()
