"""The law that lets an agency process papers without asking: put on record by the operator, judged live (UU 27/2022 art. 20(2))."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class LegalGround:
    """``lawful_basis`` is legal_obligation, public_task or vital_interest; ``reference`` the article that says so; ``types`` the
    document types that it covers, with spaces between them. ``id`` is made by ``ground_id``.
    """

    id: str
    agency_id: str
    service: str
    lawful_basis: str
    reference: str
    types: str
    active: bool
    set_at: datetime


GROUNDS = FactTable(LegalGround, "legal_ground", groups=("agency_id",))


def ground_id(agency_id: str, service: str, lawful_basis: str) -> str:
    return f"{agency_id}/{service}/{lawful_basis}"


async def ground_by_id(reading: Reading, row_id: str) -> LegalGround | None:
    rows = await GROUNDS.load(reading.raw, "id", [row_id])
    return rows[0] if rows else None


async def all_grounds(reading: Reading) -> list[LegalGround]:
    """By id."""
    rows = await reading.raw.fetch("SELECT id FROM legal_ground ORDER BY id")
    loaded = await GROUNDS.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(loaded, key=lambda row: row.id)
