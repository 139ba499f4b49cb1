"""Evaluates a service's requirements on what is on file: facts and a day in, states out (``domain.md`` 4 and 5).

Pure: ``today`` is an argument, the papers are metadata, nothing is opened or asked.

States, best first: valid, old_copy, unverified, undetermined, stale, expired, missing. Beside them ``at_counter`` (a form,
or a paper that is never stored), ``party_missing`` (nobody has this role in the request), and ``ask`` for types whose
existence must not be told (``masking``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from exchange.requirements.catalogue import Catalogue, Requirement, Service
from exchange.requirements.papers import Paper, judged_paper

__all__ = ["Evaluation", "Paper", "RequirementState", "evaluate"]

ORDER = ("valid", "old_copy", "unverified", "undetermined", "stale", "expired", "missing")
SATISFIED = frozenset(("valid", "old_copy", "at_counter"))
# One copy serves everybody of the role: a family card is one for all its members.
SHARED_HOLDERS = frozenset(("family", "couple", "business", "vehicle", "land", "deceased"))
_RANK = {state: rank for rank, state in enumerate(ORDER)} | {"at_counter": 1, "party_missing": 5, "ask": 2}


@dataclass(frozen=True, slots=True)
class RequirementState:
    """One entry or member. ``path`` is its place ("3", "2/1"); ``asks`` are condition codes that nobody answered."""

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

    @property
    def satisfied(self) -> bool:
        return self.optional or self.state in SATISFIED

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
    """``parties`` maps roles to subject references, ``applicant`` always among them; ``answers`` conditions to yes or
    no. Entries whose condition is answered with no are not listed: they do not apply.
    """
    judge = _Judge(catalogue, service, papers, parties, answers, today)
    rows: list[RequirementState] = []
    for number, requirement in enumerate(service.requirements):
        rows += judge.rows(requirement, str(number))
    entries = [row for row in rows if "/" not in row.path]
    return Evaluation(all(row.satisfied for row in entries), tuple(rows))


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
        self._parties = parties
        self._answers = answers
        self._today = today

    def rows(self, requirement: Requirement, path: str) -> list[RequirementState]:
        """The entry, then its members; nothing when a condition says that it does not apply."""
        if any(self._answers.get(condition) is False for condition in requirement.when):
            return []
        unknown = tuple(condition for condition in requirement.when if condition not in self._answers)
        members = [self.rows(member, f"{path}/{number}") for number, member in enumerate(requirement.members)]
        direct = [rows[0] for rows in members if rows]
        row = self._state(requirement, path, direct)
        if unknown and row.state not in {"valid", "old_copy"}:
            row = _with(row, state="undetermined", reason="condition_unanswered", asks=(*unknown, *row.asks))
        elif unknown:
            row = _with(row, asks=(*unknown, *row.asks))
        return [row, *(row for rows in members for row in rows)]

    def _state(
        self, requirement: Requirement, path: str, members: list[RequirementState]
    ) -> RequirementState:
        if requirement.head in {"any_of", "group"}:
            return self._best(requirement, path, members)
        if requirement.head == "all_of":
            return self._worst(requirement, path, members)
        if requirement.head == "status":
            return self._row(requirement, path, "unverified", "no_connected_source")
        if requirement.head == "form" or self._catalogue.at_counter(requirement.code or ""):
            return self._row(requirement, path, "at_counter", None)
        return self._document(requirement, path)

    def _best(self, requirement: Requirement, path: str, members: list[RequirementState]) -> RequirementState:
        """Or: the best alternative. A form or a thing shown at the counter never hides a paper that is on file."""
        if not members:
            return self._row(requirement, path, "missing", "no_alternative_applies")
        stored = [member for member in members if member.state != "at_counter"] or members
        best = min(stored, key=lambda member: _RANK[member.state])
        asks = () if best.state in SATISFIED else _all_asks(members)
        row = self._row(requirement, path, best.state, best.reason)
        return _with(row, paper=best.paper, valid_until=best.valid_until, asks=asks)

    def _worst(
        self, requirement: Requirement, path: str, members: list[RequirementState]
    ) -> RequirementState:
        """And: no better than the worst part."""
        needed = [member for member in members if not member.optional]
        worst = max(needed, key=lambda member: _RANK[member.state], default=None)
        state = worst.state if worst else "valid"
        row = self._row(requirement, path, state, worst.reason if worst else None)
        return _with(row, asks=_all_asks(members))

    def _document(self, requirement: Requirement, path: str) -> RequirementState:
        document_type = self._catalogue.document_types[requirement.code or ""]
        role = self._role(requirement)
        parties = list(self._parties.get(role, ()))
        if not parties:
            return self._row(requirement, path, "party_missing", "no_party_in_this_role")
        judged = [
            judged_paper(
                paper,
                document_type,
                requirement,
                replaced=requirement.code in self._service.replaces,
                today=self._today,
            )
            for paper in self._papers
            if paper.type == requirement.code and paper.subject_ref in parties
        ]
        if document_type.holder in SHARED_HOLDERS:
            found = min(judged, key=lambda item: _RANK[item.state], default=None)
        else:
            # Every party of the role needs one: the role is as good as its worst member.
            best = [
                min((item for item in judged if item.paper.subject_ref == party),
                    key=lambda item: _RANK[item.state], default=None)
                for party in parties
            ]  # fmt: skip
            found = None if None in best else max(
                (item for item in best if item is not None), key=lambda item: _RANK[item.state]
            )  # fmt: skip
        if found is None:
            return self._row(requirement, path, "missing", None)
        row = self._row(requirement, path, found.state, found.reason)
        return _with(row, paper=found.paper, valid_until=found.valid_until)

    def _role(self, requirement: Requirement) -> str:
        """Absent = the applicant; ``parents`` are father and mother when only those are named."""
        role = requirement.subject or "applicant"
        if role == "parents" and "parents" not in self._parties:
            return next((name for name in ("father", "mother") if name in self._parties), role)
        if role == "family" and "family" not in self._parties:
            return "applicant"
        return role

    def _row(self, requirement: Requirement, path: str, state: str, reason: str | None) -> RequirementState:
        return RequirementState(
            path=path,
            head=requirement.head,
            code=requirement.code,
            party=self._role(requirement) if requirement.head not in {"form", "any_of", "all_of"} else None,
            state=state,
            reason=reason,
            original=requirement.original,
            optional=requirement.optional,
        )


def _with(row: RequirementState, **changes: Any) -> RequirementState:
    return replace(row, **changes)


def _all_asks(members: Iterable[RequirementState]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for member in members for code in member.asks))
