"""Everybody's entries for who supervises: the log by index, window by window, opened with each citizen's key.

What is sealed can only be chosen after it was opened, so every look is bounded by the entries that it may open, and goes on
behind them. A time is found by bisection over the indexes: no index of the table but its own key is needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from storage.database import Database, Reading
from storage.keyring import Keyring
from storage.ledger.history import CLOCK_SLACK, first_index_at, opened
from storage.trail_keys import TrailKeys

WINDOW = 500
"""Entries that are opened before other callers get their turn: about 6 ms."""


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The log as it stood: what a look or a report refers to, so that it can be made again."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """``body`` is what was committed to, byte by byte; ``event`` the same, read."""

    index: int
    subject_ref: str
    at: datetime
    salt: bytes
    body: bytes
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """``first`` and ``end`` bound its indexes; ``erased`` counts entries in it that nobody can open any more."""

    entries: Sequence[Entry]
    erased: int
    first: int
    end: int


async def log_end(reading: Reading) -> LogEnd:
    row = await reading.raw.fetchrow("SELECT origin, size, root FROM log_head WHERE id = 1")
    return LogEnd(row["origin"], row["size"], bytes(row["root"])) if row else LogEnd("", 0, b"")


async def bounds(reading: Reading, from_at: datetime, to_at: datetime, size: int) -> tuple[int, int]:
    """(first, end) of the indexes in which every entry of this time lies, in a log of ``size``."""
    first = await first_index_at(reading, from_at - CLOCK_SLACK, size)
    return first, max(first, await first_index_at(reading, to_at + CLOCK_SLACK, size))


class Walk:
    """From ``first`` to ``end`` in windows of 500 entries, ``newest_first`` or in the ledger's order; memory for one window at a time."""

    def __init__(
        self, database: Database, keyring: Keyring, first: int, end: int, *, newest_first: bool = False
    ) -> None:
        self._database = database
        self._keys = TrailKeys(keyring)
        self._first, self._end = first, end
        self._newest_first = newest_first

    async def __aiter__(self) -> AsyncIterator[Window]:
        """Raises ``SealBroken``."""
        while self._first < self._end:
            window = await self._window(*self._next())
            if self._newest_first:
                self._end = window.first
            else:
                self._first = window.end
            yield window

    def _next(self) -> tuple[int, int]:
        if self._newest_first:
            return max(self._first, self._end - WINDOW), self._end
        return self._first, min(self._end, self._first + WINDOW)

    async def _window(self, first: int, end: int) -> Window:
        async with self._database.reading() as reading:
            rows = await reading.raw.fetch(
                "SELECT idx, item_id, part, subject_ref, at, body FROM audit_event WHERE idx >= $1 AND idx < $2 ORDER BY idx",
                first,
                end,
            )
            trails = await self._keys.of(reading, {row["subject_ref"] for row in rows})
        entries = []
        for row in rows:
            if (trail := trails.get(row["subject_ref"])) is not None:
                salt, body = opened(trail, row)
                entries.append(
                    Entry(row["idx"], row["subject_ref"], row["at"], salt, body, orjson.loads(body))
                )
        if self._newest_first:
            entries.reverse()
        return Window(entries, end - first - len(entries), first, end)
