"""The semester report of one agency, counted from opened entries: the usage report that the rules on population data ask for
(Permendagri 102/2019 with 17/2023; L38). Pure: bodies in, numbers out.

Exact for the agency's own supervisors. Where it is published, what fewer than ten persons are behind is not told (N12): a small number
beside its sum would be told by subtraction, so that the next smallest of its table is left out with it.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

SCHEMA = "berkas-semester/1"
SMALLEST_GROUP = 10
HALVES = (1, 2)
ANSWER_WITHIN = timedelta(hours=72)
# What reaches a citizen's papers or tells something of them; a question, a code or a notice does not.
REACHING = frozenset({"contact", "intake", "preview", "readiness", "redelivery", "release", "request", "supersede", "ticket"})  # fmt: skip
_FRESH = 65_536


def semester_bounds(year: int, half: int, zone: str) -> tuple[datetime, datetime]:
    """From the first day of January or July on, on the site's calendar, and before the next one."""
    place = ZoneInfo(zone)
    begins = datetime(year, 1 if half == 1 else 7, 1, tzinfo=place)
    return begins, datetime(year + half - 1, 7 if half == 1 else 1, 1, tzinfo=place)


class Distinct:
    """How many different ones, by 64 bits of a hash each (one mistake in 10,000 reports of a million citizens): eight bytes a
    citizen, and 65,536 that are not sorted in yet.
    """

    def __init__(self) -> None:
        self._sorted = array("Q")
        self._fresh: set[int] = set()

    def add(self, text: str) -> None:
        self._fresh.add(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()))
        if len(self._fresh) >= _FRESH:
            self._settle()

    def __len__(self) -> int:
        self._settle()
        return len(self._sorted)

    def _settle(self) -> None:
        if self._fresh:
            both = merge(self._sorted, sorted(self._fresh))
            self._sorted = array("Q", (number for number, _ in groupby(both)))
            self._fresh = set()


@dataclass(slots=True)
class Cell:
    """``people`` only until they are too many to be a small group."""

    number: int = 0
    people: set[str] = field(default_factory=set)

    def add(self, subject_ref: str) -> None:
        self.number += 1
        if len(self.people) < SMALLEST_GROUP:
            self.people.add(subject_ref)

    @property
    def small(self) -> bool:
        return len(self.people) < SMALLEST_GROUP


Table = defaultdict[str, Cell]


def _table() -> Table:
    return defaultdict(Cell)


TABLES = ("allowed_by_type", "refused_by_type", "by_service", "by_basis", "refused_by_reason")


@dataclass(slots=True)
class Tally:
    """One agency's entries of a time. ``late`` are answers to a withdrawal after 72 hours; ``waiting`` withdrawals without one, by
    their id, with when they came.
    """

    agency_id: str
    tables: dict[str, Table] = field(default_factory=lambda: {name: _table() for name in TABLES})
    reached: Distinct = field(default_factory=Distinct)
    withdrawn: int = 0
    answered: int = 0
    late: int = 0
    waiting: dict[str, datetime] = field(default_factory=dict)
    breaches: int = 0
    told: int = 0

    def take(self, subject_ref: str, event: Mapping[str, Any]) -> None:
        """One entry. Another agency's is passed over."""
        if event.get("agency") != self.agency_id:
            return
        kind, allowed = event["type"], event["result"]["allowed"]
        self.tables["allowed_by_type" if allowed else "refused_by_type"][kind].add(subject_ref)
        if not allowed:
            self.tables["refused_by_reason"][event["result"]["reason"]].add(subject_ref)
        elif kind in REACHING:
            self._reach(subject_ref, event)
        if allowed and kind == "withdraw":
            self._withdrawal(event)
        if allowed and kind == "breach":
            self.breaches += event.get("act") == "open"
            self.told += event.get("act") == "told"

    def _reach(self, subject_ref: str, event: Mapping[str, Any]) -> None:
        if subject_ref != "site":
            self.reached.add(subject_ref)
        for table, member in (("by_service", "service"), ("by_basis", "lawful_basis")):
            if event.get(member):
                self.tables[table][event[member]].add(subject_ref)

    def _withdrawal(self, event: Mapping[str, Any]) -> None:
        at = datetime.fromisoformat(event["t"])
        number = event.get("withdrawal", "")
        if event.get("act") != "answer":
            if number and number not in self.waiting:  # on two trails where somebody else decided
                self.withdrawn += 1
                self.waiting[number] = at
            return
        since = self.waiting.pop(number, None)
        self.answered += 1
        self.late += since is not None and at - since > ANSWER_WITHIN


def exact(tally: Tally) -> dict[str, Any]:
    tables = {
        name: {row: cell.number for row, cell in sorted(table.items())}
        for name, table in tally.tables.items()
    }
    return {**tables, **_sums(tally), "citizens_reached": len(tally.reached)}


def published(tally: Tally) -> dict[str, Any]:
    """The same without small groups: None where a number is not told."""
    tables = {
        name: {row: None if row in hidden else cell.number for row, cell in sorted(table.items())}
        for name, table in tally.tables.items()
        for hidden in [small_groups(table)]
    }
    sums: dict[str, Any] = {
        name: {row: None if 0 < number < SMALLEST_GROUP else number for row, number in of.items()}
        for name, of in _sums(tally).items()
    }
    reached = len(tally.reached)
    return {**tables, **sums, "citizens_reached": reached if not 0 < reached < SMALLEST_GROUP else None}


def small_groups(table: Mapping[str, Cell]) -> set[str]:
    """The rows with fewer than ten persons, and one more where it alone would follow from the sum."""
    hidden = {row for row, cell in table.items() if cell.small}
    behind: set[str] = set().union(*(table[row].people for row in hidden))
    others = sorted((cell.number, row) for row, cell in table.items() if row not in hidden)
    if hidden and others and (len(hidden) == 1 or len(behind) < SMALLEST_GROUP):
        hidden.add(others[0][1])
    return hidden


def _sums(tally: Tally) -> dict[str, dict[str, int]]:
    return {
        "withdrawals": {
            "received": tally.withdrawn,
            "answered": tally.answered,
            "answered_late": tally.late,
            "not_answered": len(tally.waiting),
        },
        "breaches": {"opened": tally.breaches, "persons_told": tally.told},
    }


def semester_rows(told: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """A report as (table, row, number), for a list, a spreadsheet or a page; what is not told is ``< 10``."""
    log = told["log"]
    rows = [
        ("report", "agency", str(told["agency"])),
        ("report", "semester", f"{told['year']}/{told['half']}"),
        ("report", "from", str(told["from"])),
        ("report", "to", str(told["to"])),
        ("report", "complete", "yes" if told["complete"] else "no"),
        ("log", "origin", str(log["origin"])),
        ("log", "size", str(log["size"])),
        ("log", "root", str(log["root"])),
        ("log", "entries", str(told["entries"])),
        ("log", "erased", str(told["erased"])),
        ("citizens", "reached", _number(told["citizens_reached"])),
    ]
    for table in (*TABLES, "withdrawals", "breaches"):
        rows += [(table, row, _number(number)) for row, number in told[table].items()]
    return rows


def _number(number: int | None) -> str:
    return f"< {SMALLEST_GROUP}" if number is None else str(number)
