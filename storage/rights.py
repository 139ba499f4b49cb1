"""What citizens asked for after they had decided: withdrawals with their clock, cases with their answer, and deaths that ended everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Reading
from storage.ledger.facts import FactTable


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A recipient has to stop, and to say so (UU 27/2022 art. 40): one row for each consent that ended, and for each recipient of an
    erasure. ``kind`` is withdrawn, ended (by a death), erasure or voided (a paper was filed wrongly;
    ``case_id`` is then the report's, and the citizen the one under whom it was filed); ``deadline`` is 72 real hours after ``received_at``; ``answer`` is
    empty while it is owed, then stopped, deleted, kept (by ``article``) or nothing_received, which the ledger answers by itself;
    ``reminded`` is 0, 1 (a day is left) or 2 (too late).
    """

    id: str
    consent_id: str
    subject_ref: str
    agency_id: str
    service: str
    kind: str
    case_id: str
    received_at: datetime
    deadline: datetime
    answer: str
    article: str
    answered_by: str
    answered_at: datetime | None
    reminded: int


@dataclass(frozen=True, slots=True)
class RightsCase:
    """A right that a citizen exercised (UU 27/2022 art. 5 to 13), with ``agency_id`` whose data officer answers. ``kind`` is objection,
    correction, erasure, suspension or copy; ``reason`` a code of ours; ``about`` what it is about: ``consent``, ``entry``, ``document``,
    ``identity``, ``agency`` or ``everything``, and ``about_id`` which one. ``state`` is open, answered or closed (the citizen's word).
    ``text`` and ``answer`` are sealed under the citizen's trail key, empty for none. ``offers_thaw``: the data officer proposes that the
    frozen consent goes on, which is the citizen's to decide. ``effective_at``: when an erasure is complete, since the last backup that
    holds the destroyed key is gone by then.
    """

    id: str
    kind: str
    reason: str
    about: str
    about_id: str
    consent_id: str
    subject_ref: str
    agency_id: str
    asked_by: str
    opened_at: datetime
    deadline: datetime
    state: str
    text: bytes
    outcome: str
    answer: bytes
    offers_thaw: bool
    answered_by: str
    answered_at: datetime | None
    closed_at: datetime | None
    reminded: int
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeathReport:
    """Two officers of the register of deaths say that a citizen has died; ``sha256`` (hex) pins the death certificate they looked at.
    ``state`` is open, confirmed, rejected or undone; a report that was confirmed by mistake is undone by two persons as well.
    """

    id: str
    subject_ref: str
    agency_id: str
    document_id: str
    version: int
    sha256: str
    reported_by: str
    reported_at: datetime
    state: str
    decided_by: str
    decided_at: datetime | None
    undo_by: str
    undone_by: str
    undone_at: datetime | None


WITHDRAWALS = FactTable(Withdrawal, "withdrawal", groups=("subject_ref",))
sa.Index("ix_withdrawal_of_agency", WITHDRAWALS.table.c.agency_id, WITHDRAWALS.table.c.id)
sa.Index(
    "ix_withdrawal_owed",
    WITHDRAWALS.table.c.agency_id,
    WITHDRAWALS.table.c.id,
    postgresql_where=WITHDRAWALS.table.c.answer == sa.literal_column("''"),
)
CASES = FactTable(RightsCase, "rights_case", groups=("subject_ref",))
sa.Index("ix_rights_case_of_agency", CASES.table.c.agency_id, CASES.table.c.id)
sa.Index(
    "ix_rights_case_owed",
    CASES.table.c.agency_id,
    CASES.table.c.id,
    postgresql_where=CASES.table.c.state == sa.literal_column("'open'"),
)
DEATHS = FactTable(DeathReport, "death_report", groups=("subject_ref",))
sa.Index("ix_death_report_of_agency", DEATHS.table.c.agency_id, DEATHS.table.c.id)


async def withdrawals_owed(
    reading: Reading, agency_id: str, *, overdue: bool, after: str, limit: int
) -> list[Withdrawal]:
    """Unanswered ones of an agency, oldest first, with an id above ``after``; ``overdue``: only those that are too late."""
    rows = await reading.raw.fetch(
        "SELECT id FROM withdrawal WHERE agency_id = $1 AND answer = '' AND id > $2 "
        "AND (NOT $3 OR deadline <= clock_timestamp()) ORDER BY id LIMIT $4",
        agency_id,
        after,
        overdue,
        limit,
    )
    return await _withdrawals(reading, [row["id"] for row in rows])


async def withdrawals_of_agency(
    reading: Reading, agency_id: str, *, answered: bool, after: str, limit: int
) -> list[Withdrawal]:
    """All of an agency, or those that it has answered; oldest first, with an id above ``after``."""
    rows = await reading.raw.fetch(
        "SELECT id FROM withdrawal WHERE agency_id = $1 AND id > $2 AND (NOT $3 OR answer <> '') ORDER BY id LIMIT $4",
        agency_id,
        after,
        answered,
        limit,
    )
    return await _withdrawals(reading, [row["id"] for row in rows])


async def withdrawals_of(reading: Reading, subject_ref: str) -> list[Withdrawal]:
    """Of a citizen, newest first."""
    rows = await WITHDRAWALS.load(reading.raw, "subject_ref", [subject_ref])
    return sorted(rows, key=lambda row: row.id, reverse=True)


async def withdrawal_by_id(reading: Reading, withdrawal_id: str) -> Withdrawal | None:
    rows = await WITHDRAWALS.load(reading.raw, "id", [withdrawal_id])
    return rows[0] if rows else None


async def withdrawals_to_remind_of(reading: Reading, limit: int) -> list[Withdrawal]:
    """Unanswered for two days and nobody was reminded, or too late and nobody was told."""
    rows = await reading.raw.fetch(
        "SELECT id FROM withdrawal WHERE answer = '' AND (reminded < 1 AND deadline <= clock_timestamp() + interval '24 hours' "
        "OR reminded < 2 AND deadline <= clock_timestamp()) ORDER BY agency_id, id LIMIT $1",
        limit,
    )
    return await _withdrawals(reading, [row["id"] for row in rows])


async def cases_of_agency(
    reading: Reading, agency_id: str, *, state: str, after: str, limit: int
) -> list[RightsCase]:
    """``state`` open, overdue, answered, closed or all; oldest first, with an id above ``after``."""
    rows = await reading.raw.fetch(
        "SELECT id FROM rights_case WHERE agency_id = $1 AND id > $2 AND ($3 = 'all' OR state = $3 "
        "OR $3 = 'overdue' AND state = 'open' AND deadline <= clock_timestamp()) ORDER BY id LIMIT $4",
        agency_id,
        after,
        state,
        limit,
    )
    found = await CASES.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(found, key=lambda row: row.id)


async def cases_of(reading: Reading, subject_ref: str) -> list[RightsCase]:
    """Of a citizen, newest first."""
    rows = await CASES.load(reading.raw, "subject_ref", [subject_ref])
    return sorted(rows, key=lambda row: row.id, reverse=True)


async def case_by_id(reading: Reading, case_id: str) -> RightsCase | None:
    rows = await CASES.load(reading.raw, "id", [case_id])
    return rows[0] if rows else None


async def cases_to_remind_of(reading: Reading, limit: int) -> list[RightsCase]:
    """As ``withdrawals_to_remind_of``."""
    rows = await reading.raw.fetch(
        "SELECT id FROM rights_case WHERE state = 'open' AND (reminded < 1 AND deadline <= clock_timestamp() + interval '24 hours' "
        "OR reminded < 2 AND deadline <= clock_timestamp()) ORDER BY agency_id, id LIMIT $1",
        limit,
    )
    return await CASES.load(reading.raw, "id", [row["id"] for row in rows])


async def death_report_by_id(reading: Reading, report_id: str) -> DeathReport | None:
    rows = await DEATHS.load(reading.raw, "id", [report_id])
    return rows[0] if rows else None


async def death_reports_of_agency(reading: Reading, agency_id: str, limit: int) -> list[DeathReport]:
    """Newest first."""
    rows = await reading.raw.fetch(
        "SELECT id FROM death_report WHERE agency_id = $1 ORDER BY id DESC LIMIT $2", agency_id, limit
    )
    found = await DEATHS.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(found, key=lambda row: row.id, reverse=True)


async def _withdrawals(reading: Reading, ids: list[str]) -> list[Withdrawal]:
    return sorted(await WITHDRAWALS.load(reading.raw, "id", ids), key=lambda row: row.id)
