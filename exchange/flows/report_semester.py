"""The semester report of one agency, counted from the ledger (Permendagri 102/2019; L38).

1. who may is judged, and that it was counted is an entry
2. the entries of the half year are opened window by window, and counted (``exchange.semester``); nothing of them is kept
3. the report says of which log it tells: the same size gives the same numbers, whoever counts them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auth.callers import Officer
from auth.verdict import ALLOWED, Refused
from exchange.acts import administer
from exchange.auditing import Look, Wanted
from exchange.limits import Limits
from exchange.semester import SCHEMA, Tally, exact, published, semester_bounds
from storage.agencies import AGENCIES
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.audit import LogEnd, Walk, bounds, log_end
from storage.ledger.facts import Need
from storage.ledger.log import Appender
from storage.ledger.page import read_edges

AT_ONCE = 200_000
"""Entries that are counted while somebody waits for an answer: about 3 s. More is the operator's, from the command line."""


@dataclass(frozen=True, slots=True)
class Semester:
    """``half`` 1 or 2 of ``year``, by ``zone``; ``open`` without small groups."""

    agency_id: str
    year: int
    half: int
    zone: str
    open: bool = False

    @property
    def name(self) -> str:
        return f"{self.year}/{self.half}"

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        return semester_bounds(self.year, self.half, self.zone)


async def report(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    semester: Semester,
    by: Officer | None = None,
    limits: Limits | None = None,
    now: datetime,
    size: int | None = None,
    tell: Callable[[int], Callable[[int], None]] = lambda _total: lambda _done: None,
) -> dict[str, Any]:
    """``by`` None: an operator, whose report may be of any length. ``size``: of the log as it once was; the whole log unless said
    otherwise. ``tell`` is told how many entries there are, and then how many were counted. Raises ``AccessRefused``.
    """
    async with database.reading() as reading:
        log = await log_end(reading)
        size = log.size if size is None else min(size, log.size)
        first, end = await bounds(reading, *semester.bounds, size)
        (edge,) = await read_edges(reading.raw, size)
    await _recorded(keyring, appender, semester, by, limits, now, end - first, size)
    tally = Tally(semester.agency_id)
    from_at, to_at = semester.bounds
    erased = 0
    advance = tell(end - first)
    async for window in Walk(database, keyring, first, end):
        erased += window.erased
        for entry in window.entries:
            if from_at <= entry.at < to_at:
                tally.take(entry.subject_ref, entry.event)
        advance(window.end - window.first)
    return _told(
        semester, tally, LogEnd(log.origin, size, edge.root() if edge else b""), end - first, erased, now
    )


async def _recorded(
    keyring: Keyring,
    appender: Appender,
    semester: Semester,
    by: Officer | None,
    limits: Limits | None,
    now: datetime,
    entries: int,
    size: int,
) -> None:
    from_at, to_at = semester.bounds
    members: dict[str, Any] = {
        "semester": semester.name,
        "entries": entries,
        "log_size": size,
        "published": True if semester.open else None,
    }
    begun = ALLOWED if from_at <= now else Refused("semester_in_the_future")
    if by is None or limits is None:
        details = {"act": "report", "of_agency": semester.agency_id, **members}
        told = {name: value for name, value in details.items() if value is not None}
        await administer(
            keyring, appender, "audit", told, [Need(AGENCIES, semester.agency_id)],
            lambda facts, _now: begun if facts.get(AGENCIES, semester.agency_id) else Refused("agency_unknown"),
            lambda _facts, _now, _verdict: None,
        )  # fmt: skip
        return
    few = Refused("period_too_large") if entries > AT_ONCE else begun
    wanted = Wanted(from_at, to_at, "", agency_id=semester.agency_id)
    await Look(keyring, by, "report", wanted, None, limits, now).recorded(appender, also=few, **members)


def _told(
    semester: Semester, tally: Tally, log: LogEnd, entries: int, erased: int, now: datetime
) -> dict[str, Any]:
    from_at, to_at = semester.bounds
    return {
        "schema": SCHEMA,
        "agency": semester.agency_id,
        "year": semester.year,
        "half": semester.half,
        "from": from_at.isoformat(),
        "to": to_at.isoformat(),
        "complete": to_at <= now,
        "published": semester.open,
        "log": {"origin": log.origin, "size": log.size, "root": log.root.hex() or None},
        "entries": entries,
        "erased": erased,
        **(published(tally) if semester.open else exact(tally)),
    }
