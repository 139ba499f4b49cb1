"""Reading entries back: a citizen's own trail, opened with the citizen's key."""

from __future__ import annotations

import json
from typing import Any

from storage.database import Reading
from storage.ledger.entry import SALT_BYTES
from storage.ledger.work import Trail
from storage.sealing import event_ad, unwrap


async def events_of(
    reading: Reading, trail: Trail, *, limit: int, before: int | None = None
) -> list[tuple[int, dict[str, Any]]]:
    """(index, body), newest first; ``before`` is the lowest ``subject_seq`` already seen. Raises ``SealBroken``."""
    rows = await reading.raw.fetch(
        "SELECT idx, item_id, part, body FROM audit_event "
        "WHERE subject_ref = $1 AND ($2::bigint IS NULL OR subject_seq < $2) ORDER BY subject_seq DESC LIMIT $3",
        trail.subject_ref,
        before,
        limit,
    )
    return [(row["idx"], json.loads(opened(trail, row)[1])) for row in rows]


def opened(trail: Trail, row: Any) -> tuple[bytes, bytes]:
    """(salt, canonical body) of one ``audit_event`` row."""
    plain = unwrap(trail.key, bytes(row["body"]), event_ad(row["item_id"], row["part"]))
    return plain[:SALT_BYTES], plain[SALT_BYTES:]
