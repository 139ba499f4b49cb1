"""Trails of citizens whose time is over: who is due, and how their bodies go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading, Transaction
from storage.documents import GONE
from storage.ledger.history import first_index_at, indexes_of

# Whoever has a paper, stands on one, or for whom something is open is not due. The batch judges the citizen's own rows again.
_DUE = """
SELECT t.id, t.seq FROM subject_trail t JOIN subject s ON s.ref = t.id
WHERE NOT EXISTS (SELECT FROM document_version v WHERE v.subject_ref = t.id AND v.state <> ALL($2::text[]))
AND NOT EXISTS (SELECT FROM document_subject d JOIN document_version v ON v.id = d.version_id
                WHERE d.subject_ref = t.id AND d.named AND v.state <> ALL($2::text[]))
AND NOT EXISTS (SELECT FROM consent c WHERE (c.subject_ref = t.id OR c.decider_ref = t.id)
                AND c.state IN ('active', 'frozen') AND c.valid_until > clock_timestamp())
AND NOT EXISTS (SELECT FROM consent_request r WHERE r.subject_ref = t.id AND r.state = 'pending' AND r.expires_at > clock_timestamp())
AND NOT EXISTS (SELECT FROM rights_case r WHERE r.subject_ref = t.id AND r.state = 'open')
AND NOT EXISTS (SELECT FROM withdrawal w WHERE w.subject_ref = t.id AND w.answer = '')
AND NOT EXISTS (SELECT FROM trail_erasure e WHERE e.id = t.id)
AND t.last_idx < $1 ORDER BY t.last_idx LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class DueTrail:
    """``indexes`` are all entries of the citizen, newest first; ``last_at`` is the time of the newest."""

    subject_ref: str
    indexes: tuple[int, ...]
    last_at: datetime


async def due_trails(reading: Reading, before: datetime, *, limit: int) -> list[DueTrail]:
    """Whose last entry is older than ``before``, the longest at rest first."""
    rows = await reading.raw.fetch(_DUE, await first_index_at(reading, before), list(GONE), limit)
    due = []
    for row in rows:
        indexes = await indexes_of(reading, row["id"])
        last_at = await reading.raw.fetchval("SELECT at FROM audit_event WHERE idx = $1", indexes[0])
        if len(indexes) == row["seq"]:  # an entry came meanwhile, or the trail is not whole: not to be erased
            due.append(DueTrail(row["id"], tuple(indexes), last_at))
    return due


async def unfinished(reading: Reading) -> list[str]:
    """Whose erasure stands in the log while the row that leads to them is still there."""
    rows = await reading.raw.fetch("SELECT e.id FROM trail_erasure e JOIN subject s ON s.ref = e.id")
    return [row["id"] for row in rows]


async def erase_bodies(transaction: Transaction, subject_ref: str) -> int:
    """What was ordered, and the row that leads from a NIK to the reference; how many bodies went. The database refuses what the log has no
    erasure of.
    """
    gone = await transaction.raw.fetchval("SELECT berkas_erase_trail($1)", subject_ref)
    await transaction.raw.execute("DELETE FROM subject WHERE ref = $1", subject_ref)
    return int(gone)
