"""Papers that were filed wrongly: what an officer reported and another one confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class VoidReport:
    """One version does not belong where it is: ``reason`` is wrong_person or wrong_paper. ``state`` is open, confirmed or rejected; ``was``
    the version's state before, ready or superseded. ``agency_id`` took the paper in. ``belongs_to`` is the citizen whose paper it is, as
    the reporter says, empty for unknown: it stands here only, never in an entry that another citizen reads.
    """

    id: str
    version_id: str
    document_id: str
    version: int
    document_type: str
    subject_ref: str
    agency_id: str
    reason: str
    belongs_to: str
    was: str
    state: str
    reported_by: str
    reported_at: datetime
    decided_by: str
    decided_at: datetime | None


VOIDS = FactTable(VoidReport, "void_report")
sa.Index("ix_void_report_of_agency", VOIDS.table.c.agency_id, VOIDS.table.c.id)


async def void_by_id(reading: Reading, void_id: str) -> VoidReport | None:
    rows = await VOIDS.load(reading.raw, "id", [void_id])
    return rows[0] if rows else None


async def voids_by_id(reading: Reading, void_ids: Sequence[str]) -> dict[str, VoidReport]:
    return {row.id: row for row in await VOIDS.load(reading.raw, "id", void_ids)}


async def voids_of_agency(reading: Reading, agency_id: str, limit: int) -> list[VoidReport]:
    """Newest first."""
    rows = await reading.raw.fetch(
        "SELECT id FROM void_report WHERE agency_id = $1 ORDER BY id DESC LIMIT $2", agency_id, limit
    )
    found = await VOIDS.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(found, key=lambda row: row.id, reverse=True)
