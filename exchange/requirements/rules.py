"""Evaluates a service's requirements on what is on file: facts and a day in, states out (``domain.md`` 4 and 5).

Pure: ``today`` is an argument, the papers are metadata, nothing is opened or asked.

States, best first: valid, old_copy, unverified, undetermined, stale, expired, missing. Beside them ``at_counter`` (a form,
or a paper that is never stored), ``party_missing`` (nobody has this role in the request), and ``ask`` for types whose
existence must not be told (``masking``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from exchange.requirements.catalogue import Catalogue, Requirement, Service
from exchange.requirements.papers import Paper, judged_paper

__all__ = ["Evaluation", "Holding", "Paper", "RequirementState", "combined", "evaluate"]

ORDER = (
    "valid", "old_copy", "at_counter", "ask", "unverified", "undetermined", "stale", "expired", "missing",
    "party_missing",
)  # fmt: skip
RANK = {state: rank for rank, state in enumerate(ORDER)}
SATISFIED = frozenset(("valid", "old_copy", "at_counter"))
# One copy serves everybody of the role: a family card is one for all its members.
SHARED_HOLDERS = frozenset(("family", "couple", "business", "vehicle", "land", "deceased"))
# Papers about a thing stand in the folder of whoever has it: the buyer's request finds the seller's title.
THINGS = frozenset(("vehicle", "land"))


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


def evaluate(
    catalogue: Catalogue,
    service: Service,
    *,
    papers: Sequence[Paper],
    parties: Mapping[str, Sequence[str]],
    answers: Mapping[str, bool],
    today: date,
) -> Evaluation:
    """``parties`` maps roles to subject references, ``applicant`` always among them; ``answers`` conditions to yes/no.

    Entries whose condition is answered with no are not listed: they do not apply.
    """
    judge = _Judge(catalogue, service, papers, parties, answers, today)
    rows: list[RequirementState] = []
    for number, requirement in enumerate(service.requirements):
        rows += judge.rows(requirement, str(number))
    entries = [row for row in rows if "/" not in row.path]
    return Evaluation(all(row.satisfied for row in entries), tuple(rows))


def combined(row: RequirementState, members: Sequence[RequirementState]) -> RequirementState:
    """The entry with the state that its members give it; for a document, status or form the row itself.

    "Or" is as good as its best alternative, "and" as its worst part. Where all members ask the same parties, this is
    decided for each party, and the entry is as good as its worst party: one may show a KTP and the other a suket.
    """
    if row.head == "all_of":
        counted, choose = [member for member in members if not member.optional], _worst
    elif row.head in {"any_of", "group"}:
        # A form or a thing shown at the counter never hides a paper that is on file, nor stands for one that is not.
        counted, choose = [m for m in members if m.state != "at_counter"] or list(members), _best
    else:
        return _undetermined(row) if row.unanswered else row
    holdings: tuple[Holding, ...] = ()
    if not counted:
        found = Holding(
            "", *(("valid", None) if row.head == "all_of" else ("missing", "no_alternative_applies"))
        )
    elif counted[0].holdings and len({member.subjects for member in counted}) == 1:
        holdings = tuple(
            choose(alternatives) for alternatives in zip(*(m.holdings for m in counted), strict=True)
        )
        found = _worst(holdings)
    else:
        found = choose([Holding("", m.state, m.reason, m.paper, m.valid_until) for m in counted])
    row = _found(row, found, holdings)
    if row.head == "all_of":
        row = replace(row, paper=None, valid_until=None)
    asks = () if row.state in SATISFIED else tuple(code for member in members for code in member.asks)
    row = replace(row, asks=tuple(dict.fromkeys((*row.unanswered, *asks))))
    return _undetermined(row) if row.unanswered else row


def _best(holdings: Sequence[Holding]) -> Holding:
    return min(holdings, key=lambda holding: RANK[holding.state])


def _worst(holdings: Sequence[Holding]) -> Holding:
    return max(holdings, key=lambda holding: (RANK[holding.state], holding.paper is not None))


def _found(row: RequirementState, found: Holding, holdings: tuple[Holding, ...]) -> RequirementState:
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
    return replace(_found(row, blank, holdings), asks=row.asks or row.unanswered)


class _Judge:
    def __init__(
        self,
        catalogue: Catalogue,
        service: Service,
        papers: Sequence[Paper],
        parties: Mapping[str, Sequence[str]],
        answers: Mapping[str, bool],
        today: date,
    ) -> None:
        self._catalogue = catalogue
        self._service = service
        self._papers = papers
        self._parties = {role: tuple(dict.fromkeys(refs)) for role, refs in parties.items()}
        self._answers = answers
        self._today = today

    def rows(
        self, requirement: Requirement, path: str, outer: tuple[str, ...] = ()
    ) -> list[RequirementState]:
        """The entry, then its members; nothing when a condition says that it does not apply.

        ``outer`` are the open questions of the entries around it: below one of them nothing is told either.
        """
        if any(self._answers.get(condition) is False for condition in requirement.when):
            return []
        own = (condition for condition in requirement.when if condition not in self._answers)
        unanswered = tuple(dict.fromkeys((*outer, *own)))
        below = [
            self.rows(member, f"{path}/{number}", unanswered)
            for number, member in enumerate(requirement.members)
        ]
        row = combined(self._leaf(requirement, path, unanswered), [rows[0] for rows in below if rows])
        return [row, *(row for rows in below for row in rows)]

    def _leaf(self, requirement: Requirement, path: str, unanswered: tuple[str, ...]) -> RequirementState:
        role = self._role(requirement)
        row = RequirementState(
            path=path,
            head=requirement.head,
            code=requirement.code,
            party=role if requirement.head not in {"form", "any_of", "all_of"} else None,
            state="missing",
            original=requirement.original,
            optional=requirement.optional,
            unanswered=unanswered,
        )
        if requirement.members:
            return row
        refs = self._refs(role)
        if requirement.head == "form" or (
            requirement.head == "doc" and self._catalogue.at_counter(requirement.code or "")
        ):
            return _found(row, Holding("", "at_counter"), tuple(Holding(ref, "at_counter") for ref in refs))
        if not refs:
            return _found(row, Holding("", "party_missing", "no_party_in_this_role"), ())
        if requirement.head == "doc":
            holdings = self._holdings(requirement, role, refs)
        else:
            holdings = tuple(Holding(ref, "unverified", "no_connected_source") for ref in refs)
        return _found(row, _worst(holdings), holdings)

    def _holdings(self, requirement: Requirement, role: str, refs: Sequence[str]) -> tuple[Holding, ...]:
        """What each party has of this type. A shared copy may be anybody's of the role."""
        kind = self._catalogue.document_types[requirement.code or ""]
        replaced = self._service.replaces_copy_of(kind.code, role)
        found: dict[str, list[Holding]] = {ref: [] for ref in refs}
        for paper in sorted(self._papers, key=lambda paper: paper.issued_on or date.min, reverse=True):
            if paper.type == kind.code and paper.subject_ref in found:
                judged = judged_paper(paper, kind, requirement, replaced=replaced, today=self._today)
                fits = judged.state != "missing"
                until = judged.valid_until if fits else None
                found[paper.subject_ref].append(
                    Holding(paper.subject_ref, judged.state, judged.reason, paper if fits else None, until)
                )
        own = {ref: _best(held or [Holding(ref, "missing")]) for ref, held in found.items()}
        if kind.holder not in SHARED_HOLDERS:
            return tuple(own.values())
        best = _best(list(own.values()))
        return tuple(
            replace(best, subject_ref=ref, paper=best.paper if ref == best.subject_ref else None)
            for ref in refs
        )

    def _role(self, requirement: Requirement) -> str:
        """Absent = the applicant, or the thing of the request for vehicle and land papers."""
        kind = (
            self._catalogue.document_types.get(requirement.code or "") if requirement.head == "doc" else None
        )
        thing = kind.holder if kind and kind.holder in THINGS else None
        return requirement.subject or thing or "applicant"

    def _refs(self, role: str) -> tuple[str, ...]:
        if self._parties.get(role):
            return self._parties[role]
        if role == "parents":
            return self._together(("father", "mother"))
        if role in THINGS:
            return self._together(("applicant", *(name for name in self._parties if name != "proxy")))
        return ()

    def _together(self, roles: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ref for role in roles for ref in self._parties.get(role, ())))
