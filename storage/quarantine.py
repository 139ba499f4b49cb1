"""Stored copies that are not what they were: what is known of each, until a deep check finds it whole again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class Quarantined:
    """``id`` is the version's; ``fault`` one of ``storage.shelf.FAULTS``; ``found_by`` is fetch or fsck. ``lifted_at`` is when a deep
    check found it whole again; the row stays.
    """

    id: str
    subject_ref: str
    fault: str
    found_by: str
    found_at: datetime
    lifted_at: datetime | None


QUARANTINED = FactTable(Quarantined, "quarantine", groups=("subject_ref",))
sa.Index(
    "ix_quarantine_open",
    QUARANTINED.table.c.found_at,
    postgresql_where=QUARANTINED.table.c.lifted_at.is_(None),
)


async def in_quarantine(reading: Reading) -> int:
    """How many versions wait there now."""
    return int(await reading.raw.fetchval("SELECT count(*) FROM quarantine WHERE lifted_at IS NULL"))
