"""A delivery under way: how long it may take, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Caller
from auth.verdict import ALLOWED, Verdict
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Event, Trail, Work
from storage.tickets import USES
from storage.vault import Place

# 50 s, and for large papers the time of a line of 64 KiB a second: who is slower is cut off, so that no delivery is open
# without end and the reaper never closes one that is alive.
LIMIT_S = 50.0
SLOWEST_BYTES_PER_S = 65_536
REAPED_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the outcome entry needs to know, and how long the delivery may take."""

    id: str
    due_at: datetime
    limit_s: float
    place: Place
    trail: Trail
    caller: Caller
    details: Mapping[str, Any]
    consent_id: str


def limit_s(size: int) -> float:
    """Seconds for ``size`` bytes."""
    return LIMIT_S + size / SLOWEST_BYTES_PER_S


def due_at(released_at: datetime, size: int) -> datetime:
    """When an outcome that nobody recorded is written as unknown."""
    return released_at + timedelta(seconds=limit_s(size)) + REAPED_AFTER


def outcome_of(delivery: Delivery, *, sent_bytes: int, complete: bool) -> Work[Verdict]:
    """Closes the use and writes how the delivery ended. A late outcome never closes a later delivery, and a delivery that
    was complete is never forgotten.
    """
    outcome = "sent" if complete else "aborted"

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        use = facts.get(USES, delivery.id)
        if use is not None:
            still_open = use.open and use.due_at != delivery.due_at
            facts.put(USES, replace(use, open=still_open, delivered=use.delivered or complete))

    details = {
        **delivery.details,
        "outcome": outcome,
        "bytes": sent_bytes,
        "source_sha256": delivery.place.sha256,
        "served_sha256": delivery.place.sha256,
    }
    return Work(
        kind="outcome",
        caller="",
        trail=delivery.trail,
        load=[Need(USES, delivery.id)],
        judge=lambda _facts, _now: ALLOWED,
        apply=apply,
        events=lambda _facts, _now, _verdict: [
            Event("outcome", delivery.trail, delivery.caller.actor, details)
        ],
    )
