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
    Raises ``SealBroken``.
    """
    rows = await reading.raw.fetch(
        "SELECT idx, item_id, part, body FROM audit_event "
        "WHERE subject_ref = $1 AND ($2::bigint IS NULL OR subject_seq < $2) AND ($4::timestamptz IS NULL OR at >= $4) "
        "AND ($5::timestamptz IS NULL OR at < $5) ORDER BY subject_seq DESC LIMIT $3",
        trail.subject_ref,
        before,
        limit,
        since,
        until,
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
    slack = timedelta(seconds=5)
    found: list[Any] = await reading.raw.fetch(
        "SELECT idx, item_id, part, subject_ref, body FROM audit_event WHERE idx > $1 AND at BETWEEN $2 AND $3 "
        "AND subject_ref <> 'site' AND ($5::text IS NULL OR subject_ref = $5) ORDER BY idx LIMIT $4",
        after,
        from_at - slack,
        to_at + slack,
        limit,
        subject_ref,
    )
    return found


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


async def first_entry_at(reading: Reading, trail: Trail) -> datetime | None:
    """When this citizen's list begins."""
    return await reading.raw.fetchval(  # type: ignore[no-any-return]
        "SELECT at FROM audit_event WHERE subject_ref = $1 ORDER BY subject_seq LIMIT 1", trail.subject_ref
    )


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
