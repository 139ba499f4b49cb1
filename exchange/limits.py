"""How many people somebody may look at (A62): counted in the ledger's batches, so that every replica counts the same.

Distinct citizens an hour, for each officer or client and for each agency; hardly any while the counter is closed; three times the
own 30-day mean; and numbers that follow one another, which nobody who serves people types. What is turned away is an entry, a 429,
and a message to the supervisors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from auth.callers import Caller, Machine
from auth.grants import first_refusal
from auth.limits import (
    DAYS_OF_A_MEAN,
    judge_codes,
    judge_outside_hours,
    judge_own_mean,
    judge_reach,
    judge_sequence,
)
from auth.verdict import ALLOWED, Verdict
from exchange.opening import OpeningHours
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.limits import ALERTS, BUDGETS, DAYS, SEEN, Alert, HourlyBudget, ReachedDays, Seen, codes_row

# Two numbers that are this close follow one another. Twins and a village on one morning are what the limit forgives.
NEIGHBOURS = 5
SPENT = frozenset(
    {"citizens_spent", "budget_spent", "numbers_in_sequence", "outside_hours", "above_own_mean"}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Distinct citizens an hour; ``sequential`` is how many neighbouring numbers an hour are a coincidence; ``hours`` None: always
    open; ``times_own_mean`` how many times the own 30-day mean a day may be; ``zone`` the clock of the site.
    """

    citizens_per_officer: int
    citizens_per_client: int
    citizens_per_agency: int
    sequential: int
    hours: OpeningHours | None
    outside_hours: int
    times_own_mean: int
    zone: str
    counted: bool = True  # False: an operator's import looks at nobody


class Reach:
    """The citizens that one act of ``caller`` is about, and the number that was typed for it: everything that the limits judge
    and count. A flow loads ``needs``, judges with ``judge``, counts in ``apply`` and hands ``stopped`` (or ``count_refused``) to
    ``apply_refused``.
    """

    def __init__(
        self,
        caller: Caller,
        citizens: Iterable[str],
        limits: Limits,
        now: datetime,
        typed: TypedNumber | None = None,
    ) -> None:
        own = limits.citizens_per_client if isinstance(caller, Machine) else limits.citizens_per_officer
        hour = f"{now:%Y-%m-%dT%H}"
        local = now.astimezone(ZoneInfo(limits.zone))
        self._caller = caller
        self._limits = limits
        self._typed = typed
        self._citizens = list(dict.fromkeys(citizens)) if limits.counted else []
        self._own = f"{caller.actor}/{hour}"
        self._closed = f"{self._own}/closed"  # reached in this hour while the counter is closed
        self._counted = {self._own: own, f"{caller.agency_id}/{hour}": limits.citizens_per_agency}
        self._today = f"{local:%Y-%m-%d}"
        self._first_day = f"{local - timedelta(days=DAYS_OF_A_MEAN):%Y-%m-%d}"
        # A back end works at night, and has no habits of its own.
        self._by_person = not isinstance(caller, Machine)
        self._is_open = limits.hours is None or limits.hours.is_open(local)

    @property
    def needs(self) -> list[Need]:
        seen = [Need(SEEN, self._row(who, citizen)) for who in self._counted for citizen in self._citizens]
        return [
            *(Need(BUDGETS, self._budget(who)) for who in (*self._counted, self._closed)),
            *seen,
            *([Need(DAYS, self._caller.actor)] if self._by_person else []),
            Need(ALERTS, self._own),
            *(self._typed.needs if self._typed else []),
        ]

    def judge(self, facts: Facts) -> Verdict:
        verdicts = [
            judge_reach(self._used(facts, who) + len(self._new(facts, who)), limit)
            for who, limit in self._counted.items()
        ]
        new = len(self._new(facts, self._own))
        if self._by_person and new:
            days = self._days(facts)
            today, before = days.pop(self._today, 0) + new, list(days.values())
            closed = self._used(facts, self._closed) + new
            verdicts += [
                judge_outside_hours(closed, self._limits.outside_hours, is_open=self._is_open),
                judge_own_mean(today, before, self._limits.times_own_mean, self._limits.citizens_per_officer),
            ]
        return first_refusal(*verdicts, *([self._typed.judge(facts)] if self._typed else []))

    def count(self, facts: Facts, now: datetime) -> None:
        if self._typed is not None:
            self._typed.count(facts, now)
        if self._by_person and (new := len(self._new(facts, self._own))):
            days = self._days(facts)
            days[self._today] = days.get(self._today, 0) + new
            facts.put(DAYS, ReachedDays(self._caller.actor, Json(json.dumps(days))))
            if not self._is_open:
                used = self._used(facts, self._closed) + new
                facts.put(BUDGETS, HourlyBudget(self._budget(self._closed), used))
        for who in self._counted:
            citizens = self._new(facts, who)
            if citizens:
                facts.put(BUDGETS, HourlyBudget(self._budget(who), self._used(facts, who) + len(citizens)))
            for citizen in citizens:
                facts.put(SEEN, Seen(self._row(who, citizen), now))

    def count_refused(self, facts: Facts, now: datetime, verdict: Verdict) -> None:
        """Who was refused for another reason has looked all the same."""
        if verdict.reason not in SPENT:
            self.count(facts, now)
        elif self._typed is not None:
            self._typed.count(facts, now)
        self.stopped(facts, now, verdict)

    def stopped(self, facts: Facts, now: datetime, verdict: Verdict) -> None:
        """Whom a limit stopped: the supervisors are told, once an hour."""
        if verdict.reason in SPENT and facts.get(ALERTS, self._own) is None:
            alert = Alert(
                self._own, self._caller.agency_id, self._caller.actor, verdict.reason or "", now, None
            )
            facts.put(ALERTS, alert)

    def _days(self, facts: Facts) -> dict[str, int]:
        """Of the last thirty days, today too."""
        row = facts.get(DAYS, self._caller.actor)
        days: dict[str, int] = json.loads(row.days) if row else {}
        return {day: used for day, used in days.items() if self._first_day <= day <= self._today}

    def _new(self, facts: Facts, who: str) -> list[str]:
        return [citizen for citizen in self._citizens if facts.get(SEEN, self._row(who, citizen)) is None]

    def _used(self, facts: Facts, who: str) -> int:
        budget = facts.get(BUDGETS, self._budget(who))
        return budget.used if budget else 0

    @staticmethod
    def _budget(who: str) -> str:
        return f"{who}/citizens"

    @staticmethod
    def _row(who: str, citizen: str) -> str:
        return f"{who}/{citizen}"


class OwnAct:
    """A citizen's own act reaches nobody, and no limit counts it. Used by a flow like ``Reach``."""

    needs: tuple[Need, ...] = ()

    def judge(self, _facts: Facts) -> Verdict:
        return ALLOWED

    def count(self, _facts: Facts, _now: datetime) -> None:
        pass

    def count_refused(self, _facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        pass


class CodesOfTheHour:
    """All one-time codes of this hour of the clock, in one row of the ledger's batches: every replica counts the same (A25). Used by a
    flow like ``Reach``.
    """

    def __init__(self, limit: int, now: datetime) -> None:
        self._limit = limit
        self._row = codes_row(now)

    @property
    def needs(self) -> list[Need]:
        return [Need(BUDGETS, self._row), Need(ALERTS, self._row)]

    def judge(self, facts: Facts) -> Verdict:
        return judge_codes(self._sent(facts), self._limit)

    def count(self, facts: Facts) -> None:
        facts.put(BUDGETS, HourlyBudget(self._row, self._sent(facts) + 1))

    def stopped(self, facts: Facts, now: datetime, verdict: Verdict) -> None:
        """Nobody's fault that is known: those who are over the whole site are told, once an hour."""
        if verdict.reason == "codes_spent_everywhere" and facts.get(ALERTS, self._row) is None:
            facts.put(ALERTS, Alert(self._row, "", "system", verdict.reason, now, None))

    def _sent(self, facts: Facts) -> int:
        budget = facts.get(BUDGETS, self._row)
        return budget.used if budget else 0


@dataclass(frozen=True, slots=True)
class TypedNumber:
    """A number that was typed, by its keyed hash, and its neighbours': who counts numbers up is found without keeping one."""

    caller: Caller
    number: str
    neighbours: tuple[str, ...]
    limit: int
    hour: str

    @property
    def needs(self) -> list[Need]:
        rows = [Need(SEEN, self._row(number)) for number in (self.number, *self.neighbours)]
        return [Need(BUDGETS, self._budget), *rows]

    def judge(self, facts: Facts) -> Verdict:
        return judge_sequence(self._used(facts) + self._follows(facts), self.limit)

    def count(self, facts: Facts, now: datetime) -> None:
        if self._follows(facts):
            budget = facts.get(BUDGETS, self._budget) or HourlyBudget(self._budget, 0)
            facts.put(BUDGETS, replace(budget, used=budget.used + 1))
        facts.put(SEEN, Seen(self._row(self.number), now))

    def _follows(self, facts: Facts) -> bool:
        """Typed for the first time, and a neighbour was typed before."""
        if facts.get(SEEN, self._row(self.number)) is not None:
            return False
        return any(facts.get(SEEN, self._row(number)) is not None for number in self.neighbours)

    def _used(self, facts: Facts) -> int:
        budget = facts.get(BUDGETS, self._budget)
        return budget.used if budget else 0

    @property
    def _budget(self) -> str:
        return f"{self.caller.actor}/{self.hour}/sequence"

    def _row(self, number: str) -> str:
        return f"{self.caller.actor}/{self.hour}/typed/{number}"  # apart from the citizens that were reached


def typed_number(keyring: Keyring, caller: Caller, nik: str, limits: Limits, now: datetime) -> TypedNumber:
    number = int(nik)
    steps = (0, *(step for step in range(-NEIGHBOURS, NEIGHBOURS + 1) if step and number + step >= 0))
    own, *neighbours = (keyring.nik_index(f"{number + step:016d}").hex() for step in steps)
    return TypedNumber(caller, own, tuple(neighbours), limits.sequential, f"{now:%Y-%m-%dT%H}")


async def standing(database: Database, reach: Reach) -> Verdict:
    """As the limits stand before anything is made; the batch judges once more."""
    async with database.reading() as reading:
        facts, _head = await Facts.read(reading.raw, reach.needs)
    return reach.judge(facts)
