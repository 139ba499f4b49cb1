"""Evaluates a service's requirements on what is on file: facts and a day in, states out (``domain.md`` 4 and 5).

Pure: ``today`` is an argument, the papers are metadata, nothing is opened or asked.

States, best first: valid, old_copy, unverified, undetermined, stale, expired, missing. Beside them ``at_counter`` (a form,
or a paper that is never stored), ``party_missing`` (nobody has this role in the request), and ``ask`` for types whose
existence must not be told (``masking``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date

from exchange.requirements.catalogue import Catalogue, Requirement, Service
from exchange.requirements.papers import Paper, judged_paper
from exchange.requirements.states import (
    USABLE,
    Evaluation,
    Holding,
    RequirementState,
    best,
    combined,
    found_in,
    worst,
)
from exchange.requirements.things import THINGS, of_one_thing

__all__ = ["Evaluation", "Paper", "RequirementState", "evaluate"]

# One copy serves everybody of the role: a family card is one for all its members.
SHARED_HOLDERS = frozenset(("family", "couple", "business", "vehicle", "land", "deceased"))


def evaluate(
    catalogue: Catalogue,
    service: Service,
    *,
    papers: Sequence[Paper],
    parties: Mapping[str, Sequence[str]],
    answers: Mapping[str, bool],
    today: date,
    chosen: Collection[str] = (),
) -> Evaluation:
    """``parties`` maps roles to subject references, ``applicant`` always among them; ``answers`` conditions to yes/no.

    ``chosen`` are ids of documents that go before better ones of their type, and decide which vehicle or parcel it is
    about. Entries whose condition is answered with no are not listed: they do not apply.
    """

    def judged(papers: Sequence[Paper]) -> list[RequirementState]:
        judge = _Judge(catalogue, service, papers, parties, answers, today, frozenset(chosen))
        entries = enumerate(service.requirements)
        return [row for number, requirement in entries for row in judge.rows(requirement, str(number))]

    rows = judged(of_one_thing(catalogue, service, papers, chosen, judged)) + _eligibility(service, answers)
    return Evaluation(all(row.satisfied for row in rows if "/" not in row.path), tuple(rows))


def _eligibility(service: Service, answers: Mapping[str, bool]) -> list[RequirementState]:
    """What keeps the service from this citizen, or is not known yet; what is as it should be is not listed."""
    asked = [(f"e{n}", code, True, "not_eligible") for n, code in enumerate(service.eligibility)]
    asked += [(f"x{n}", code, False, "excluded") for n, code in enumerate(service.excludes)]
    return [
        RequirementState(
            path=path,
            head="eligibility",
            code=code,
            party="applicant",
            state="missing" if code in answers else "undetermined",
            reason=reason if code in answers else "condition_unanswered",
            asks=() if code in answers else (code,),
            unanswered=() if code in answers else (code,),
        )
        for path, code, right, reason in asked
        if answers.get(code) is not right
    ]


class _Judge:
    def __init__(
        self,
        catalogue: Catalogue,
        service: Service,
        papers: Sequence[Paper],
        parties: Mapping[str, Sequence[str]],
        answers: Mapping[str, bool],
        today: date,
        chosen: frozenset[str],
    ) -> None:
        self._catalogue = catalogue
        self._service = service
        self._papers = papers
        self._parties = {role: tuple(dict.fromkeys(refs)) for role, refs in parties.items()}
        self._answers = answers
        self._today = today
        self._chosen = chosen

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
            return found_in(row, Holding("", "at_counter"), tuple(Holding(ref, "at_counter") for ref in refs))
        if not refs:
            return found_in(row, Holding("", "party_missing", "no_party_in_this_role"), ())
        if requirement.head == "doc":
            holdings = self._holdings(requirement, role, refs)
        else:
            holdings = tuple(Holding(ref, "unverified", "no_connected_source") for ref in refs)
        return found_in(row, worst(holdings), holdings)

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
        own = {ref: self._first(held or [Holding(ref, "missing")]) for ref, held in found.items()}
        if kind.holder not in SHARED_HOLDERS:
            return tuple(own.values())
        shared = self._first(list(own.values()))
        return tuple(
            replace(shared, subject_ref=ref, paper=shared.paper if ref == shared.subject_ref else None)
            for ref in refs
        )

    def _first(self, holdings: Sequence[Holding]) -> Holding:
        """The chosen one where it is of use, otherwise the best."""
        chosen = [
            holding
            for holding in holdings
            if holding.paper and holding.paper.document_id in self._chosen and holding.state in USABLE
        ]
        return best(chosen or holdings)

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
