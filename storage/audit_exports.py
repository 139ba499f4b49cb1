"""Exports of entries as evidence: asked for by one person, approved by another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class AuditExport:
    """What was asked for. ``agency_id`` is the asker's, ``of_agency`` whose acts are meant (empty: everybody's), ``subject_ref`` and
    ``officer_id`` of whom (empty: of all), ``type`` of which kind, ``outcome`` allowed or refused (both empty: all).
    ``assignment`` is the number of the letter that orders the audit. ``state``: open, approved, rejected.
    """

    id: str
    agency_id: str
    of_agency: str
    subject_ref: str
    officer_id: str
    type: str
    outcome: str
    from_at: datetime
    to_at: datetime
    assignment: str
    requested_by: str
    requested_at: datetime
    state: str
    decided_by: str
    decided_at: datetime | None


AUDIT_EXPORTS = FactTable(AuditExport, "audit_export")


async def audit_export_by_id(reading: Reading, export_id: str) -> AuditExport | None:
    rows = await AUDIT_EXPORTS.load(reading.raw, "id", [export_id])
    return rows[0] if rows else None


async def newest_audit_exports(reading: Reading, of_agency: str | None, limit: int) -> list[AuditExport]:
    """Of one agency's acts; of all for None."""
    found = await reading.raw.fetch(
        "SELECT id FROM audit_export WHERE $1::text IS NULL OR of_agency = $1 ORDER BY id DESC LIMIT $2",
        of_agency,
        limit,
    )
    rows = await AUDIT_EXPORTS.load(reading.raw, "id", [row["id"] for row in found])
    return sorted(rows, key=lambda row: row.id, reverse=True)
