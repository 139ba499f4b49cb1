"""How an entry stands, and how an entry follows from its members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from exchange.requirements.papers import Paper

ORDER = (
    "valid", "old_copy", "at_counter", "ask", "unverified", "undetermined", "stale", "expired", "missing",
    "party_missing",
)  # fmt: skip
RANK = {state: rank for rank, state in enumerate(ORDER)}
SATISFIED = frozenset(("valid", "old_copy", "at_counter"))
# What may be asked for: fulfils the entry, or cannot be judged from here.
USABLE = frozenset(("valid", "old_copy", "unverified"))


@dataclass(frozen=True, slots=True)
class Holding:
    """What one party of the role has for an entry. A shared copy gives all the same state; one of them holds it."""

    subject_ref: str
    state: str
    reason: str | None = None
    paper: Paper | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class RequirementState:
    """One entry or member. ``path`` is its place ("3", "2/1"); ``asks`` are condition codes that nobody answered.

    ``unanswered`` are those of the entry itself and of the entries around it. ``holdings`` has one item for each party and stays inside.
    """

    path: str
    head: str
    code: str | None
    party: str | None
    state: str
    reason: str | None = None
    paper: Paper | None = None
    valid_until: date | None = None
    original: str | None = None
    asks: tuple[str, ...] = ()
    optional: bool = False
    unanswered: tuple[str, ...] = ()
    holdings: tuple[Holding, ...] = ()

    @property
    def satisfied(self) -> bool:
        return self.optional or self.state in SATISFIED

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(holding.subject_ref for holding in self.holdings)

    def as_dict(self) -> dict[str, Any]:
        """For the API: members that say nothing are left out."""
        shown = {
            "path": self.path,
            "head": self.head,
            "code": self.code,
            "party": self.party,
            "state": self.state,
            "reason": self.reason,
            "document_id": self.paper.document_id if self.paper else None,
            "version": self.paper.version if self.paper else None,
            "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "original": self.original,
            "asks": list(self.asks) or None,
            "optional": self.optional or None,
        }
        always = {"path", "head", "code", "party", "state", "reason"}
        return {name: value for name, value in shown.items() if value is not None or name in always}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``requirements`` holds entries and their members, each with its own path, in the order of the service."""

    complete: bool
    requirements: tuple[RequirementState, ...]

    @property
    def entries(self) -> tuple[RequirementState, ...]:
        return tuple(row for row in self.requirements if "/" not in row.path)


def combined(row: RequirementState, members: Sequence[RequirementState]) -> RequirementState:
    """The entry with the state that its members give it; for a document, status or form the row itself.

    "Or" is as good as its best alternative, "and" as its worst part. Where all members ask the same parties, this is
    decided for each party, and the entry is as good as its worst party: one may show a KTP and the other a suket.
    """
    if row.head not in {"all_of", "any_of", "group"}:
        return _undetermined(row) if row.unanswered else row
    choose = worst if row.head == "all_of" else best
    counted = [member for member in members if not (row.head == "all_of" and member.optional)]
    # A form or a thing shown at the counter never hides a paper that is on file, nor stands for one that is not.
    counted = [member for member in counted if member.state != "at_counter"] or counted
    holdings: tuple[Holding, ...] = ()
    if not counted:
        found = Holding(
            "", *(("valid", None) if row.head == "all_of" else ("missing", "no_alternative_applies"))
        )
    elif counted[0].holdings and len({member.subjects for member in counted}) == 1:
        holdings = tuple(
            choose(alternatives) for alternatives in zip(*(m.holdings for m in counted), strict=True)
        )
        found = worst(holdings)
    else:
        found = choose([Holding("", m.state, m.reason, m.paper, m.valid_until) for m in counted])
    row = found_in(row, found, holdings)
    if row.head == "all_of":
        row = replace(row, paper=None, valid_until=None)
    asks = () if row.state in SATISFIED else tuple(code for member in members for code in member.asks)
    row = replace(row, asks=tuple(dict.fromkeys((*row.unanswered, *asks))))
    return _undetermined(row) if row.unanswered else row


def best(holdings: Sequence[Holding]) -> Holding:
    return min(holdings, key=lambda holding: RANK[holding.state])


def worst(holdings: Sequence[Holding]) -> Holding:
    return max(holdings, key=lambda holding: (RANK[holding.state], holding.paper is not None))


def found_in(row: RequirementState, found: Holding, holdings: tuple[Holding, ...]) -> RequirementState:
    return replace(
        row,
        state=found.state,
        reason=found.reason,
        paper=found.paper,
        valid_until=found.valid_until,
        holdings=holdings,
    )


def _undetermined(row: RequirementState) -> RequirementState:
    """Nobody has said whether the entry applies: nothing is told of what is on file, and nothing may be requested."""
    blank = Holding("", "undetermined", "condition_unanswered")
    holdings = tuple(replace(blank, subject_ref=subject_ref) for subject_ref in row.subjects)
    return replace(found_in(row, blank, holdings), asks=row.asks or row.unanswered)
