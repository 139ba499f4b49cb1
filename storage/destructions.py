"""Destructions: a list of papers whose time is over, proposed by one person and approved by another, with what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable, Json


@dataclass(frozen=True, slots=True)
class Destruction:
    """``state`` is open, rejected, approved (papers are being destroyed) or done. ``effective_at``: when the last backup is gone that
    holds the keys of what was destroyed. Both persons are officers' ids, empty while nobody decided.
    """

    id: str
    agency_id: str
    until: datetime
    proposed_by: str
    proposed_at: datetime
    state: str
    decided_by: str
    decided_at: datetime | None
    finished_at: datetime | None
    effective_at: datetime | None


@dataclass(frozen=True, slots=True)
class DestructionPaper:
    """``reason`` is unused or superseded; ``versions`` a JSON list of ``{version, sha256, media_type, size}``: what would be destroyed,
    and afterwards what was. ``state`` is proposed, destroyed or left_out, with ``why`` it was left out. ``months`` is the period that
    was over.
    """

    id: str
    destruction_id: str
    document_id: str
    subject_ref: str
    type: str
    reason: str
    months: int
    last_used_at: datetime
    versions: Json
    state: str
    why: str
    at: datetime | None


DESTRUCTIONS = FactTable(Destruction, "destruction")
DESTRUCTION_PAPERS = FactTable(DestructionPaper, "destruction_paper", groups=("destruction_id",))


def paper_id(destruction_id: str, document_id: str) -> str:
    return f"{destruction_id}/{document_id}"


async def destruction_with_papers(
    reading: Reading, destruction_id: str
) -> tuple[Destruction | None, list[DestructionPaper]]:
    rows = await DESTRUCTIONS.load(reading.raw, "id", [destruction_id])
    papers = await DESTRUCTION_PAPERS.load(reading.raw, "destruction_id", [destruction_id])
    return (rows[0] if rows else None), sorted(papers, key=lambda paper: paper.id)
