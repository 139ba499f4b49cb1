"""What a ticket has done: one row per ticket and document version, written by the batch that released it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class TicketUse:
    """``open`` while a delivery is under way, at the latest until ``due_at``; ``delivered`` once the whole body was handed
    to the network. Each delivery of one use has a ``due_at`` of its own.

    ``caller`` is the session or the key that redeemed it: only it may repeat an interrupted delivery. ``proofs`` are the
    DPoP proofs that were shown for it, separated by spaces.
    """

    id: str
    ticket_id: str
    document_id: str
    version: int
    subject_ref: str
    consent_id: str
    caller: str
    released_at: datetime
    attempts: int
    open: bool
    due_at: datetime
    delivered: bool
    proofs: str


USES = FactTable(TicketUse, "ticket_use")
sa.Index("ix_ticket_use_open", USES.table.c.due_at, postgresql_where=USES.table.c.open)


def use_id(ticket_id: str, document_id: str, version: int) -> str:
    """Begins with the ticket's ULID, so that the index grows at its end."""
    return f"{ticket_id}/{document_id}/{version}"


async def overdue_uses(reading: Reading) -> list[TicketUse]:
    """Deliveries whose outcome is due and not on record."""
    rows = await reading.raw.fetch(
        "SELECT id FROM ticket_use WHERE open AND due_at < clock_timestamp() ORDER BY due_at LIMIT 500"
    )
    return await USES.load(reading.raw, "id", [row["id"] for row in rows])


async def still_open(reading: Reading, use: TicketUse) -> bool:
    """Has nobody closed this delivery meanwhile, nor opened another?"""
    rows = await USES.load(reading.raw, "id", [use.id])
    return bool(rows) and rows[0].open and rows[0].due_at == use.due_at
