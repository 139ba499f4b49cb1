"""A delivery under way: how long it may take, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Caller
from auth.grants import judge_consent
from auth.verdict import ALLOWED, Verdict
from exchange.family import linked, trail_needs
from storage.consents import consent_by_id
from storage.database import Database
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Event, Trail, Work
from storage.tickets import USES
from storage.vault import Place

# 50 s, and for large papers the time of a line of 64 KiB a second: who is slower is cut off, so that no delivery is open
# without end and the reaper never closes one that is alive.
LIMIT_S = 50.0
SLOWEST_BYTES_PER_S = 65_536
REAPED_AFTER = timedelta(seconds=10)
# A long delivery asks again whether the consent still lives: a withdrawal stops it within this time.
RECHECK_PERIOD = timedelta(seconds=5)
_SUFFIXES = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the outcome entry needs to know, and how long the delivery may take; ``others`` are the trails of those whom the paper
    names beside its holder. ``served_sha256`` (hex) is of what leaves; None as long as nothing is there to leave. ``release`` is the number
    of the entry that let it leave.
    """

    id: str
    release: int
    due_at: datetime
    limit_s: float
    place: Place
    trail: Trail
    caller: Caller
    details: Mapping[str, Any]
    consent_id: str
    others: tuple[Trail, ...] = ()
    served_sha256: str | None = None


def file_name(document_type: str, document_id: str, version: int, media_type: str) -> str:
    """Of what is served: never a name that somebody sent (A44)."""
    return f"{document_type}-{document_id}-{version}.{_SUFFIXES.get(media_type, 'bin')}"


def limit_s(size: int) -> float:
    """Seconds for ``size`` bytes."""
    return LIMIT_S + size / SLOWEST_BYTES_PER_S


def due_at(released_at: datetime, size: int) -> datetime:
    """When an outcome that nobody recorded is written as unknown."""
    return released_at + timedelta(seconds=limit_s(size)) + REAPED_AFTER


def outcome_of(
    delivery: Delivery, *, sent_bytes: int, complete: bool, to_the_end: bool = True
) -> Work[Verdict]:
    """Closes the use and writes how the delivery ended. A late outcome never closes a later delivery, and a delivery that
    was complete is never forgotten. Not ``to_the_end``: all that was asked for was sent, and that was not the end of the paper.
    """
    outcome = "sent" if complete else "aborted"
    delivered = complete and to_the_end

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        use = facts.get(USES, delivery.id)
        if use is not None:
            still_open = use.open and use.due_at != delivery.due_at
            facts.put(USES, replace(use, open=still_open, delivered=use.delivered or delivered))

    details = {
        **delivery.details,
        "outcome": outcome,
        "release": delivery.release,
        "bytes": sent_bytes,
        "source_sha256": delivery.place.sha256,
        **({"served_sha256": delivery.served_sha256} if delivery.served_sha256 else {}),
    }
    event = Event("outcome", delivery.trail, delivery.caller.actor, details)
    return Work(
        kind="outcome",
        caller="",
        trail=delivery.trail,
        load=[Need(USES, delivery.id), *trail_needs(delivery.others)],
        judge=lambda _facts, _now: ALLOWED,
        apply=apply,
        events=lambda _facts, _now, _verdict: [event, *linked(event, delivery.others)],
    )


async def still_granted(database: Database, consent_id: str, now: datetime) -> bool:
    """Asked while a long delivery runs: a withdrawal stops it."""
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
    return consent is not None and judge_consent(consent, consent.agency_id, now).allowed
