"""How many people somebody may look at (A62): counted in the ledger's batches, so that every replica counts the same.

Distinct citizens an hour, for each officer or client and for each agency; and numbers that follow one another, which nobody
who serves people types. What is turned away is an entry, and a 429.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Caller, Machine
from auth.grants import judge_reach, judge_sequence
from auth.verdict import Verdict
from storage.ledger.facts import Facts, Need
from storage.tickets import BUDGETS, SEEN, HourlyBudget, Seen


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
class Sequence:
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
        return f"{self.caller.actor}/{self.hour}/{number}"
