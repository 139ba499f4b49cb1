"""Entries as evidence: found by what wrote them, by their number or in a citizen's own order, each with the salt that its commitment
needs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.database import Reading
from storage.ledger.entry import entry_bytes
from storage.ledger.history import CLOCK_SLACK, opened
from storage.ledger.merkle import leaf_hash
from storage.ledger.work import Trail

_COLUMNS = "SELECT idx, item_id, part, subject_ref, body FROM audit_event"
# From the newest back, like every way along a trail (``history.py``), and no further than is asked for.
_FOLLOWING = """
WITH RECURSIVE walk AS (
  SELECT a.* FROM subject_trail t JOIN audit_event a ON a.idx = t.last_idx WHERE t.id = $1 AND a.subject_ref = $1
  UNION ALL
  SELECT a.* FROM walk w JOIN audit_event a ON a.idx = w.prev_idx WHERE a.subject_ref = $1 AND a.subject_seq > $2
) SELECT idx, item_id, part, subject_ref, body FROM walk
WHERE subject_seq > $2 AND ($3::bigint IS NULL OR subject_seq <= $3) ORDER BY subject_seq LIMIT $4
"""
_NUMBERED = """
WITH RECURSIVE walk AS (
  SELECT a.idx, a.prev_idx, a.subject_seq, a.at FROM subject_trail t JOIN audit_event a ON a.idx = t.last_idx
  WHERE t.id = $1 AND a.subject_ref = $1
  UNION ALL
  SELECT a.idx, a.prev_idx, a.subject_seq, a.at FROM walk w JOIN audit_event a ON a.idx = w.prev_idx
  WHERE a.subject_ref = $1 AND ($2::timestamptz IS NULL OR a.at >= $2)
) SELECT min(subject_seq), max(subject_seq) FROM walk
WHERE ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at < $4)
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One entry, opened. ``body`` is the canonical event (RFC 8785), byte for byte what was committed to."""

    index: int
    item_id: str
    salt: bytes
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def entry(self) -> bytes:
        """What everybody may see of it: the 33 bytes in the log."""
        return entry_bytes(self.salt, self.body)

    @property
    def leaf_sha256(self) -> str:
        return leaf_hash(self.entry).hex()


async def row_of_item(reading: Reading, item_id: str) -> Any | None:
    """The first entry of what one item of a batch wrote, still sealed; None where there is none, or its body is gone."""
    return await reading.raw.fetchrow(f"{_COLUMNS} WHERE item_id = $1 AND part = 0", item_id)


async def row_at(reading: Reading, trail: Trail, index: int) -> Any | None:
    """One entry of this citizen, still sealed; None alike for another's and none."""
    return await reading.raw.fetchrow(
        f"{_COLUMNS} WHERE idx = $1 AND subject_ref = $2", index, trail.subject_ref
    )


def evidence_of(trail: Trail, row: Any) -> Evidence:
    """Raises ``SealBroken``."""
    salt, body = opened(trail, row)
    return Evidence(row["idx"], row["item_id"], salt, body)


async def following(
    reading: Reading, trail: Trail, after: int, limit: int, last: int | None = None
) -> list[Evidence]:
    """At most ``limit`` entries of this citizen behind the ``subject_seq`` number ``after``, up to ``last``, in order. What is newer is
    walked over.
    """
    rows = await reading.raw.fetch(_FOLLOWING, trail.subject_ref, after, last, limit)
    return [evidence_of(trail, row) for row in rows]


async def numbered_between(
    reading: Reading, trail: Trail, since: datetime | None, until: datetime | None
) -> tuple[int, int] | None:
    """The first and the last ``subject_seq`` from ``since`` on and before ``until`` (None: without end); None where there is no entry.
    By numbers, so that a clock which went back a little leaves no gap inside; without ``since`` from 1 on, whatever is there.
    """
    first, last = await reading.raw.fetchrow(
        _NUMBERED,
        trail.subject_ref,
        since and since - CLOCK_SLACK,
        since,
        until,
    )
    return None if first is None else (1 if since is None else first, last)
