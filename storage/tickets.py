"""What a ticket has done: one row per ticket and document version, written by the batch that released it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class TicketUse:
    """``open`` while a delivery is under way; ``delivered`` once the whole body was handed to the network.

    ``caller`` is the session (later: the key) that redeemed it: only it may repeat an interrupted delivery.
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
    opened_at: datetime
    delivered: bool


@dataclass(frozen=True, slots=True)
class HourlyBudget:
    """How many looks an officer has had in one hour; ``id`` is ``<officer>/<yyyy-mm-ddThh>``."""

    id: str
    used: int


USES = FactTable(TicketUse, "ticket_use")
BUDGETS = FactTable(HourlyBudget, "hourly_budget")


def use_id(ticket_id: str, document_id: str, version: int) -> str:
    """Begins with the ticket's ULID, so that the index grows at its end."""
    return f"{ticket_id}/{document_id}/{version}"


async def abandoned_uses(reading: Reading, before: datetime) -> list[TicketUse]:
    """Deliveries that were opened before ``before`` and of which no outcome is on record."""
    rows = await reading.raw.fetch(
        "SELECT id FROM ticket_use WHERE open AND opened_at < $1 ORDER BY id LIMIT 500", before
    )
    return await USES.load(reading.raw, "id", [row["id"] for row in rows])
