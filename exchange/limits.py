"""How many people somebody may look at (A62): counted in the ledger's batches, so that every replica counts the same.

Distinct citizens an hour, for each officer or client and for each agency; and numbers that follow one another, which nobody
who serves people types. What is turned away is an entry, and a 429.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Caller, Machine
from auth.grants import first_refusal, judge_reach, judge_sequence
from auth.verdict import Verdict
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.tickets import BUDGETS, SEEN, HourlyBudget, Seen

# Two numbers that are this close follow one another. Twins and a village on one morning are what the limit forgives.
NEIGHBOURS = 5
SPENT = frozenset({"citizens_spent", "budget_spent", "numbers_in_sequence"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Distinct citizens an hour; ``sequential`` is how many neighbouring numbers an hour are a coincidence."""

    citizens_per_officer: int
    citizens_per_client: int
    citizens_per_agency: int
    sequential: int


class Reach:
    """The citizens that one act of ``caller`` is about."""

    def __init__(self, caller: Caller, citizens: Iterable[str], limits: Limits, now: datetime) -> None:
        own = limits.citizens_per_client if isinstance(caller, Machine) else limits.citizens_per_officer
        hour = f"{now:%Y-%m-%dT%H}"
        self._citizens = list(dict.fromkeys(citizens))
        self._counted = {
            f"{caller.actor}/{hour}": own,
            f"{caller.agency_id}/{hour}": limits.citizens_per_agency,
        }

    @property
    def needs(self) -> list[Need]:
        seen = [Need(SEEN, self._row(who, citizen)) for who in self._counted for citizen in self._citizens]
        return [*(Need(BUDGETS, self._budget(who)) for who in self._counted), *seen]

    def judge(self, facts: Facts) -> list[Verdict]:
        return [
            judge_reach(self._used(facts, who) + len(self._new(facts, who)), limit)
            for who, limit in self._counted.items()
        ]

    def count(self, facts: Facts, now: datetime) -> None:
        for who in self._counted:
            new = self._new(facts, who)
            if new:
                facts.put(BUDGETS, HourlyBudget(self._budget(who), self._used(facts, who) + len(new)))
            for citizen in new:
                facts.put(SEEN, Seen(self._row(who, citizen), now))

    def count_unless_spent(self, facts: Facts, now: datetime, verdict: Verdict) -> None:
        """Who was refused for another reason has looked all the same."""
        if verdict.reason not in SPENT:
            self.count(facts, now)

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


async def standing(database: Database, reach: Reach, typed: TypedNumber) -> Verdict:
    """As the limits stand before anything is made; the batch judges once more."""
    async with database.reading() as reading:
        facts, _head = await Facts.read(reading.raw, [*reach.needs, *typed.needs])
    return first_refusal(*reach.judge(facts), typed.judge(facts))
