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
from storage.ledger.history import opened
from storage.ledger.merkle import leaf_hash
from storage.ledger.work import Trail

_COLUMNS = "SELECT idx, item_id, part, subject_ref, body FROM audit_event"


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
    """At most ``limit`` entries of this citizen behind the ``subject_seq`` number ``after``, up to ``last``, in order."""
    rows = await reading.raw.fetch(
        f"{_COLUMNS} WHERE subject_ref = $1 AND subject_seq > $2 AND ($3::bigint IS NULL OR subject_seq <= $3) "
        "ORDER BY subject_seq LIMIT $4",
        trail.subject_ref,
        after,
        last,
        limit,
    )
    return [evidence_of(trail, row) for row in rows]


async def numbered_between(
    reading: Reading, trail: Trail, since: datetime | None, until: datetime | None
) -> tuple[int, int] | None:
    """The first and the last ``subject_seq`` from ``since`` on and before ``until`` (None: without end); None where there is no entry.
    By numbers, so that a clock which went back a little leaves no gap inside.
    """
    first, last = await reading.raw.fetchrow(
        "SELECT min(subject_seq), max(subject_seq) FROM audit_event WHERE subject_ref = $1 "
        "AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)",
        trail.subject_ref,
        since,
        until,
    )
    return None if first is None else (first, last)
