"""The breach register: what failed, since when 72 hours run, that the authority was told (UU 27/2022 art. 46; L28)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from auth.breaches import judge_open, judge_register, judge_scope
from auth.callers import Officer
from auth.grants import first_refusal
from auth.roles import BREACH, WHOLE_SITE
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import administer, demand_right
from exchange.breaches import looked_up
from storage.agencies import AGENCIES, OFFICERS
from storage.breaches import BREACHES, Breach, newest_breaches, told_counts
from storage.database import Database
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender

__all__ = ["Breach", "Report", "breach_of", "close_breach", "list_breaches", "note_authority", "open_breach"]

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What is put on record; see ``storage.breaches.Breach``."""

    noticed_at: datetime
    from_at: datetime
    to_at: datetime
    of_agency: str
    actor: str
    data: str
    how: str
    handling: str


async def open_breach(
    keyring: Keyring, appender: Appender, *, report: Report, by: Officer, now: datetime
) -> Breach:
    """Raises ``AccessRefused``."""
    row = Breach(
        id=new_id("br"),
        agency_id=by.agency_id,
        opened_by=by.actor,
        opened_at=now,
        noticed_at=report.noticed_at,
        from_at=report.from_at,
        to_at=report.to_at,
        of_agency=report.of_agency,
        actor=report.actor,
        data=report.data,
        how=report.how,
        handling=report.handling,
        authority_told_at=None,
        authority_reference="",
        closed_at=None,
    )

    def judge(facts: Facts, now: datetime) -> Verdict:
        officer = facts.get(OFFICERS, by.id)
        known = (
            ALLOWED
            if not report.of_agency or facts.get(AGENCIES, report.of_agency)
            else Refused("agency_unknown")
        )
        in_time = ALLOWED if report.noticed_at <= now else Refused("breach_in_the_future")
        mine = judge_scope(officer.role if officer else "", by.agency_id, report.of_agency)
        return first_refusal(mine, known, in_time)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        facts.put(BREACHES, replace(row, opened_at=now))

    details = {"act": "open", "breach": row.id}
    needs = [Need(BREACHES, row.id), Need(AGENCIES, report.of_agency)]
    await administer(keyring, appender, "breach", details, needs, judge, apply, by=by, right=BREACH)
    return row


async def list_breaches(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer
) -> list[tuple[Breach, int, int]]:
    """(breach, told by message, told by letter) of the own register, or of all. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, BREACH, kind="breach", act="look")
    async with database.reading() as reading:
        rows = await newest_breaches(reading, None if by.role in WHOLE_SITE else by.agency_id, SHOWN)
        told = await told_counts(reading, [row.id for row in rows])
    return [(row, told.get((row.id, "message"), 0), told.get((row.id, "letter"), 0)) for row in rows]


async def breach_of(
    database: Database, keyring: Keyring, appender: Appender, *, breach_id: str, by: Officer
) -> tuple[Breach, int]:
    """The breach, and how many were told: for the authority's letter. Raises ``AccessRefused``."""
    breach = await looked_up(database, keyring, appender, breach_id, by, "authority_letter")
    async with database.reading() as reading:
        told = await told_counts(reading, [breach_id])
    return breach, sum(told.values())


async def note_authority(
    keyring: Keyring, appender: Appender, *, breach_id: str, told_at: datetime, reference: str, by: Officer
) -> None:
    """The authority was told, outside of this system. Raises ``AccessRefused``."""
    await _change(
        keyring, appender, breach_id, "authority", by,
        lambda row, _now: replace(row, authority_told_at=told_at, authority_reference=reference),
    )  # fmt: skip


async def close_breach(keyring: Keyring, appender: Appender, *, breach_id: str, by: Officer) -> None:
    """Raises ``AccessRefused``: a register that nobody was told from is not closed in silence, the authority comes first."""
    await _change(keyring, appender, breach_id, "close", by, lambda row, now: replace(row, closed_at=now))


async def _change(
    keyring: Keyring,
    appender: Appender,
    breach_id: str,
    act: str,
    by: Officer,
    change: Callable[[Breach, datetime], Breach],
) -> None:
    def judge(facts: Facts, _now: datetime) -> Verdict:
        officer, row = facts.get(OFFICERS, by.id), facts.get(BREACHES, breach_id)
        told = (
            Refused("authority_not_told") if act == "close" and row and not row.authority_told_at else ALLOWED
        )
        mine = judge_register(row, officer.role if officer else "", by.agency_id)
        return first_refusal(mine, judge_open(row), told)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if (row := facts.get(BREACHES, breach_id)) is not None:
            facts.put(BREACHES, change(row, now))

    details = {"act": act, "breach": breach_id}
    needs = [Need(BREACHES, breach_id)]
    await administer(keyring, appender, "breach", details, needs, judge, apply, by=by, right=BREACH)
