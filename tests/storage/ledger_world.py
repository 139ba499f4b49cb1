"""Small acts on real tables for the tests of the appender: an agency is a consent, a budget is a ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from storage.agencies import AGENCIES, Agency
from storage.database import Database
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.publisher import open_log
from storage.ledger.work import Event, Settled, Trail, Work
from storage.limits import BUDGETS, HourlyBudget

TRAIL = Trail("site", "site", b"k" * 32)
CONSENT = "DPMPTSP@6472"


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    reason: str | None = None


YES = Verdict(allowed=True)


def no(reason: str) -> Verdict:
    return Verdict(allowed=False, reason=reason)


def _work(kind: str, judge: Any, apply: Any, load: Sequence[Need] = (), **more: Any) -> Work[Verdict]:
    caller = more.pop("caller", "officer:1")
    details = more.pop("details", {})
    return Work(
        kind=kind,
        caller=caller,
        trail=TRAIL,
        load=load,
        judge=judge,
        apply=apply,
        events=lambda _facts, _now, _verdict: [Event(kind, TRAIL, caller, details)],
        **more,
    )


def grant(consent: str = CONSENT) -> Work[Verdict]:
    """Only one grant of a consent is allowed."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return YES if facts.get(AGENCIES, consent) is None else no("granted_already")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        facts.put(AGENCIES, Agency(consent, "DPMPTSP", "6472", "DPMPTSP", active=True))

    return _work("grant", judge, apply, [Need(AGENCIES, consent)])


def withdraw(consent: str = CONSENT) -> Work[Verdict]:
    def judge(facts: Facts, _now: datetime) -> Verdict:
        row = facts.get(AGENCIES, consent)
        return YES if row is not None and row.active else no("not_active")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        row = facts.get(AGENCIES, consent)
        assert row is not None
        facts.put(AGENCIES, replace(row, active=False))

    return _work("withdraw", judge, apply, [Need(AGENCIES, consent)])


def fetch(ticket: str, consent: str = CONSENT, caller: str = "officer:1") -> Work[Verdict]:
    """Needs a live consent; a ticket works once."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        row = facts.get(AGENCIES, consent)
        if row is None or not row.active:
            return no("withdrawn")
        return YES if facts.get(BUDGETS, ticket) is None else no("used")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        facts.put(BUDGETS, HourlyBudget(ticket, 1))

    load = [Need(AGENCIES, consent), Need(BUDGETS, ticket)]
    return _work("release", judge, apply, load, released=("d_1", 1), caller=caller)


def noted(details: dict[str, Any] | None = None) -> Work[Verdict]:
    return _work("readiness", lambda _facts, _now: YES, lambda *_: None, details=details or {})


def raising() -> Work[Verdict]:
    def judge(_facts: Facts, _now: datetime) -> Verdict:
        raise ZeroDivisionError

    return _work("readiness", judge, lambda *_: None)


def unstorable() -> Work[Verdict]:
    """PostgreSQL cannot keep a NUL in text; nothing before the INSERT notices."""

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        facts.put(BUDGETS, HourlyBudget("nul\x00nul", 1))

    return _work("readiness", lambda _facts, _now: YES, apply)


class Ledger:
    """An appender with what a test wants to know about its log."""

    def __init__(self, database: Database, reader: Database | None = None) -> None:
        self.database = database
        self.reader = reader or database
        self.appender = Appender(database, site_trail=TRAIL)

    @classmethod
    async def opened(cls, database: Database, reader: Database | None = None) -> Ledger:
        await open_log(reader or database, "berkas.test/akses")
        return cls(database, reader)

    async def in_one_batch(self, *works: Work[Verdict]) -> list[Settled[Verdict] | BaseException]:
        """All wait before the appender starts, so they are taken together, in this order."""
        tasks = [asyncio.create_task(self.appender.submit(work)) for work in works]
        await asyncio.sleep(0)
        assert self.appender.waiting == len(works)
        await self.appender.start()
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def size(self) -> int:
        async with self.reader.transaction() as transaction:
            return int(await transaction.raw.fetchval("SELECT size FROM log_head"))

    async def types(self) -> list[str]:
        """Item ids in log order, to count entries of one item."""
        async with self.reader.transaction() as transaction:
            rows = await transaction.raw.fetch("SELECT item_id FROM audit_event ORDER BY idx")
        return [row["item_id"] for row in rows]


def allowed(results: list[Settled[Verdict] | BaseException]) -> list[bool]:
    return [isinstance(result, Settled) and result.verdict.allowed for result in results]
