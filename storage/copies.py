"""Codes on copies that were handed out: what a public look-up finds, and nothing that leads to a person or a paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class CopyCode:
    """``id`` is the keyed hash of the code; ``use_id`` the ticket's use that it was printed for; ``printed_at`` the time of which
    the day stands on the copy.
    """

    id: str
    use_id: str
    consent_id: str
    printed_at: datetime


COPIES = FactTable(CopyCode, "copy_code")


async def copy_by_id(reading: Reading, code_id: str) -> CopyCode | None:
    rows = await COPIES.load(reading.raw, "id", [code_id])
    return rows[0] if rows else None
