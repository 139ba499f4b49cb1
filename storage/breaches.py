"""The breach register (UU 27/2022 art. 46): what failed, whom it touched, who was told and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class Breach:
    """``agency_id`` keeps it in its register; the ledger is searched from ``from_at`` to ``to_at`` for what ``of_agency`` did (empty: all) and
    ``actor`` (``officer:off_..``, ``client:..``, empty: anybody). ``data``, ``how`` and ``handling`` are the three things that a letter must
    say. The 72 hours run from ``noticed_at``.
    """

    id: str
    agency_id: str
    opened_by: str
    opened_at: datetime
    noticed_at: datetime
    from_at: datetime
    to_at: datetime
    of_agency: str
    actor: str
    data: str
    how: str
    handling: str
    authority_told_at: datetime | None
    authority_reference: str
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class BreachPerson:
    """Somebody who was told. ``id`` is breach and citizen; ``way`` message or letter."""

    id: str
    breach_id: str
    subject_ref: str
    told_at: datetime
    way: str


BREACHES = FactTable(Breach, "breach", groups=("agency_id",))
BREACH_PERSONS = FactTable(BreachPerson, "breach_person", groups=("breach_id",))


def person_id(breach_id: str, subject_ref: str) -> str:
    return f"{breach_id}/{subject_ref}"


async def breach_by_id(reading: Reading, breach_id: str) -> Breach | None:
    rows = await BREACHES.load(reading.raw, "id", [breach_id])
    return rows[0] if rows else None


async def newest_breaches(reading: Reading, agency_id: str | None, limit: int) -> list[Breach]:
    """Of one register, or of all."""
    rows = await reading.raw.fetch(
        "SELECT id FROM breach WHERE $1::text IS NULL OR agency_id = $1 ORDER BY id DESC LIMIT $2",
        agency_id,
        limit,
    )
    found = await BREACHES.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(found, key=lambda breach: breach.id, reverse=True)


async def told_counts(reading: Reading, breach_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many were told, by breach and way."""
    rows = await reading.raw.fetch(
        "SELECT breach_id, way, count(*) AS told FROM breach_person WHERE breach_id = ANY($1) GROUP BY 1, 2",
        list(breach_ids),
    )
    return {(row["breach_id"], row["way"]): row["told"] for row in rows}


async def person_told(reading: Reading, breach_id: str, subject_ref: str) -> BreachPerson | None:
    rows = await BREACH_PERSONS.load(reading.raw, "id", [person_id(breach_id, subject_ref)])
    return rows[0] if rows else None
