"""How much of each officer's work is consent without a phone, and who confirms whom: numbers, and nobody who was served."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from auth.assistance import too_often
from auth.callers import Officer
from auth.roles import OVERSEE, WHOLE_SITE
from exchange.acts import demand_right
from storage.assistance import Decisions, decisions_since
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.log import Appender

PAIRS_SHOWN = 100


@dataclass(slots=True)
class Counted:
    """``decided``: requests that this officer asked, or recorded for somebody else; of these ``recorded`` without a phone.
    ``confirmed`` are other officers' that this one confirmed.
    """

    agency_id: str
    decided: int = 0
    recorded: int = 0
    confirmed: int = 0

    @property
    def share(self) -> float:
        return self.recorded / self.decided if self.decided else 0.0


@dataclass(slots=True)
class Share:
    """``officers`` by id; ``pairs`` are (recorded by, confirmed by) with how often."""

    officers: dict[str, Counted] = field(default_factory=dict)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)


async def share(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer, days: int, now: datetime
) -> Share:
    """Of the own agency, or of all for who is over the whole site. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, OVERSEE, kind="officer", act="look_at_assistance")
    agency_id = None if by.role in WHOLE_SITE else by.agency_id
    async with database.reading() as reading:
        rows = await decisions_since(reading, now - timedelta(days=days), agency_id)
    found = Share()
    for row in rows:
        _count(found, row)
    return found


def _count(found: Share, row: Decisions) -> None:
    kind, _, asker = row.asked_by.partition(":")
    of = {asker} if kind == "officer" else set()
    if row.recorded_by is not None:
        of.add(row.recorded_by)
        found.officers.setdefault(row.recorded_by, Counted(row.agency_id)).recorded += row.number
    for officer in of:
        found.officers.setdefault(officer, Counted(row.agency_id)).decided += row.number
    if row.recorded_by is not None and row.confirmed_by is not None:
        found.officers.setdefault(row.confirmed_by, Counted(row.agency_id)).confirmed += row.number
        found.pairs[row.recorded_by, row.confirmed_by] += row.number


def shown(found: Share, share_alarm: float) -> dict[str, list[dict[str, str | int | float | bool]]]:
    """The highest share first; pairs by how often, with how often it was the other way round."""
    officers = sorted(found.officers.items(), key=lambda item: (-item[1].share, item[0]))
    return {
        "officers": [
            {
                "officer": officer,
                "agency": counted.agency_id,
                "decided": counted.decided,
                "recorded": counted.recorded,
                "confirmed": counted.confirmed,
                "share": round(counted.share, 3),
                "alarm": too_often(counted.recorded, counted.decided, share_alarm),
            }
            for officer, counted in officers
        ],
        "pairs": [
            {
                "recorded_by": recorded_by,
                "confirmed_by": confirmed_by,
                "number": number,
                "the_other_way": found.pairs[confirmed_by, recorded_by],
            }
            for (recorded_by, confirmed_by), number in found.pairs.most_common(PAIRS_SHOWN)
        ],
    }
