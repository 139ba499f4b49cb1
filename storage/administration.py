"""What administrators leave to do: invitations to choose a password, and proposals that wait for a second person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class Invitation:
    """``id`` is a keyed hash of the one-time code that was handed to the officer."""

    id: str
    officer_id: str
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """``target`` is an officer or an agency, of ``agency_id``; ``role`` what ``appoint`` would give, else empty; ``state`` open,
    approved or rejected. One that is open ends after a day.
    """

    id: str
    act: str
    agency_id: str
    target: str
    role: str
    proposed_by: str
    proposed_at: datetime
    state: str
    decided_by: str
    decided_at: datetime | None


INVITATIONS = FactTable(Invitation, "invitation", groups=("officer_id",))
PROPOSALS = FactTable(Proposal, "proposal")


async def newest_proposals(reading: Reading, agency_id: str | None, limit: int) -> list[Proposal]:
    """Of one agency, or of all."""
    rows = await reading.raw.fetch(
        "SELECT id FROM proposal WHERE $1::text IS NULL OR agency_id = $1 ORDER BY id DESC LIMIT $2",
        agency_id,
        limit,
    )
    found = await PROPOSALS.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(found, key=lambda proposal: proposal.id, reverse=True)
