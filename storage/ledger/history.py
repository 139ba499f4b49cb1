"""Reading entries back: a citizen's own trail, opened with the citizen's key."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.database import Reading
from storage.ledger.entry import SALT_BYTES
from storage.ledger.work import Trail
from storage.sealing import event_ad, unwrap

# Each row leads to the one before it on the same trail: no index of all trails, whose every insertion would touch another page.
_WALK = """
WITH RECURSIVE walk AS (
  SELECT a.* FROM subject_trail t JOIN audit_event a ON a.idx = t.last_idx WHERE t.id = $1 AND a.subject_ref = $1
  UNION ALL
  SELECT a.* FROM walk w JOIN audit_event a ON a.idx = w.prev_idx
  WHERE a.subject_ref = $1 AND ($2::timestamptz IS NULL OR a.at >= $2)
) SELECT idx, item_id, part, subject_ref, subject_seq, at, body FROM walk
"""
CLOCK_SLACK = timedelta(seconds=5)
"""The ledger's order is not quite that of its clock, which may go back so far."""


async def events_of(
    reading: Reading,
    trail: Trail,
    *,
    limit: int,
    before: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[tuple[int, dict[str, Any]]]:
    """(index, body), newest first, from ``since`` on and before ``until``; ``before`` is the lowest ``subject_seq`` already seen.
    What is newer than that is walked over (5 us an entry). Raises ``SealBroken``.
    """
    rows = await reading.raw.fetch(
        f"{_WALK} WHERE ($3::bigint IS NULL OR subject_seq < $3) AND ($4::timestamptz IS NULL OR at >= $4) "
        "AND ($5::timestamptz IS NULL OR at < $5) LIMIT $6",
        trail.subject_ref,
        since and since - CLOCK_SLACK,
        before,
        since,
        until,
        limit,
    )
    return [(row["idx"], json.loads(opened(trail, row)[1])) for row in rows]


async def rows_between(
    reading: Reading,
    from_at: datetime,
    to_at: datetime,
    *,
    after: int,
    limit: int,
    subject_ref: str | None = None,
) -> list[Any]:
    """Rows of citizens' entries of a time, still sealed, by index above ``after``; of everybody or of one citizen. The ledger's order
    is not quite that of its clock (it may go back 5 s): both ends are widened by that.
    """
    from_at, to_at = from_at - CLOCK_SLACK, to_at + CLOCK_SLACK
    found: list[Any]
    if subject_ref is not None:
        found = await reading.raw.fetch(
            f"{_WALK} WHERE idx > $3 AND at BETWEEN $4 AND $5",
            subject_ref,
            from_at - CLOCK_SLACK,
            after,
            from_at,
            to_at,
        )
        return found[::-1][:limit]
    found = await reading.raw.fetch(
        "SELECT idx, item_id, part, subject_ref, body FROM audit_event WHERE idx > $1 AND idx >= $2 AND at BETWEEN $3 AND $4 "
        "AND subject_ref <> 'site' ORDER BY idx LIMIT $5",
        after,
        await first_index_at(reading, from_at - CLOCK_SLACK),
        from_at,
        to_at,
        limit,
    )
    return found


async def indexes_of(reading: Reading, subject_ref: str) -> list[int]:
    """All entries of a trail, newest first."""
    rows = await reading.raw.fetch(_WALK, subject_ref, None)
    return [row["idx"] for row in rows]


async def first_index_at(reading: Reading, moment: datetime, size: int | None = None) -> int:
    """Entries below it are older than ``moment`` (but for the clock's 5 s), found in one look for each bit of the log's size."""
    if size is None:
        size = int(await reading.raw.fetchval("SELECT size FROM log_head WHERE id = 1"))
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        row = await reading.raw.fetchrow(
            "SELECT idx, at FROM audit_event WHERE idx >= $1 AND idx < $2 ORDER BY idx LIMIT 1", middle, high
        )
        if row is not None and row["at"] < moment:
            low = row["idx"] + 1
        else:
            high = middle
    return low


@dataclass(frozen=True, slots=True)
class Selected:
    """``events`` are (index, body), newest first; ``next`` goes on behind them (``before``), None at the end."""

    events: list[tuple[int, dict[str, Any]]]
    next: int | None


async def selected(
    reading: Reading,
    trail: Trail,
    wanted: Callable[[dict[str, Any]], bool],
    *,
    limit: int,
    look: int,
    before: int | None,
    since: datetime | None,
    until: datetime | None,
) -> Selected:
    """What is sealed can only be chosen after it was opened: at most ``look`` entries are, and the next page goes on behind them."""
    found: list[tuple[int, dict[str, Any]]] = []
    looked = 0
    while looked < look:
        events = await events_of(reading, trail, limit=limit, before=before, since=since, until=until)
        for index, body in events:
            looked += 1
            before = body["subject_seq"]
            if wanted(body):
                found.append((index, body))
            if len(found) == limit:
                return Selected(found, before if before > 1 else None)
        if len(events) < limit:
            return Selected(found, None)
    return Selected(found, before)


def opened(trail: Trail, row: Any) -> tuple[bytes, bytes]:
    """(salt, canonical body) of one ``audit_event`` row."""
    plain = unwrap(trail.key, bytes(row["body"]), event_ad(row["item_id"], row["part"]))
    return plain[:SALT_BYTES], plain[SALT_BYTES:]


async def event_at(reading: Reading, trail: Trail, index: int) -> dict[str, Any] | None:
    """The body of one entry of this citizen; None alike for another's and none. Raises ``SealBroken``."""
    row = await reading.raw.fetchrow(
        "SELECT item_id, part, body FROM audit_event WHERE idx = $1 AND subject_ref = $2",
        index,
        trail.subject_ref,
    )
    return json.loads(opened(trail, row)[1]) if row else None
