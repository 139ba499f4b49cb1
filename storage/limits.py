"""What the limits against insiders count: looks, citizens, days, and whom they stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Reading, Transaction
from storage.ledger.facts import FactTable, Json


@dataclass(frozen=True, slots=True)
class HourlyBudget:
    """How many looks an officer has had in one hour; ``id`` is ``<officer>/<yyyy-mm-ddThh>``."""

    id: str
    used: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody looked at a citizen, or typed a number; ``id`` is ``<who>/<yyyy-mm-ddThh>/<whom>``. Forgotten after a day."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReachedDays:
    """``id`` is who; ``days`` a JSON object of the last days with the citizens reached on each."""

    id: str
    days: Json


@dataclass(frozen=True, slots=True)
class Alert:
    """A limit stopped ``actor`` of ``agency_id`` (empty: the whole deployment); ``id`` is ``<actor>/<yyyy-mm-ddThh>``, so that an hour has one. ``told_at`` is when
    messages to the supervisors were written.
    """

    id: str
    agency_id: str
    actor: str
    reason: str
    at: datetime
    told_at: datetime | None


SEEN = FactTable(Seen, "seen")
sa.Index("ix_seen_at", SEEN.table.c.at)
BUDGETS = FactTable(HourlyBudget, "hourly_budget")
DAYS = FactTable(ReachedDays, "reached_days")
ALERTS = FactTable(Alert, "alert", groups=("agency_id",))
sa.Index("ix_alert_untold", ALERTS.table.c.at, postgresql_where=ALERTS.table.c.told_at.is_(None))


def codes_row(now: datetime) -> str:
    """The budget of all one-time codes of this hour, and its alert."""
    return f"codes/{now:%Y-%m-%dT%H}"


async def codes_sent(reading: Reading, now: datetime) -> int:
    """How many one-time codes this hour has seen."""
    rows = await BUDGETS.load(reading.raw, "id", [codes_row(now)])
    return rows[0].used if rows else 0


async def forget_seen(transaction: Transaction) -> None:
    """Rows of hours that are over. No judge asks for them any more, so no batch holds one."""
    await transaction.raw.execute("DELETE FROM seen WHERE at < clock_timestamp() - interval '1 day'")


async def forget_budgets(transaction: Transaction) -> None:
    """Of hours that are over; the hour stands in the id behind the first stroke."""
    await transaction.raw.execute(
        "DELETE FROM hourly_budget WHERE split_part(id, '/', 2) < "
        "to_char(clock_timestamp() AT TIME ZONE 'UTC' - interval '1 day', 'YYYY-MM-DD\"T\"HH24')"
    )


async def untold_alerts(reading: Reading, limit: int) -> list[Alert]:
    rows = await reading.raw.fetch("SELECT id FROM alert WHERE told_at IS NULL ORDER BY at LIMIT $1", limit)
    return await ALERTS.load(reading.raw, "id", [row["id"] for row in rows])


async def known_alerts(reading: Reading, ids: list[str]) -> set[str]:
    """Which of these there are."""
    rows = await reading.raw.fetch("SELECT id FROM alert WHERE id = ANY($1::text[])", ids)
    return {row["id"] for row in rows}


async def newest_alerts(reading: Reading, agency_id: str | None, limit: int) -> list[Alert]:
    """Of one agency, or of all; newest first."""
    rows = await reading.raw.fetch(
        "SELECT id FROM alert WHERE $1::text IS NULL OR agency_id = $1 ORDER BY at DESC LIMIT $2",
        agency_id,
        limit,
    )
    found = await ALERTS.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(found, key=lambda alert: alert.at, reverse=True)
