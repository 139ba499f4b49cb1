"""Which vehicle or parcel a request is about, when several are on file: one for the whole service, never a mixture.

A paper that says nothing of the plate or parcel it is about counts for whichever it is: nothing proves the contrary.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date

from exchange.requirements.catalogue import Catalogue, Requirement, Service
from exchange.requirements.papers import Paper
from exchange.requirements.states import RANK, RequirementState

# Papers about a thing stand in the folder of whoever has it: the buyer's request finds the seller's title.
THINGS = frozenset(("vehicle", "land"))


def of_one_thing(
    catalogue: Catalogue,
    service: Service,
    papers: Sequence[Paper],
    chosen: Collection[str],
    judged: Callable[[Sequence[Paper]], Sequence[RequirementState]],
) -> Sequence[Paper]:
    """``papers`` without those of other things: the thing of a document that was ``chosen``, otherwise the one that
    comes furthest. ``judged`` evaluates the service on some of the papers.

    Sensitive papers and open questions have no say in it: the choice must not tell of them.
    """
    asked = {code for requirement in service.requirements for code in _types(requirement)}
    for holder in sorted(THINGS):
        types = {code for code in asked if catalogue.document_types[code].holder == holder}
        about = {paper.about for paper in papers if paper.type in types and paper.about}
        if len(about) > 1:
            named = {paper.about for paper in papers if paper.document_id in chosen and paper.about in about}
            told = [paper for paper in papers if paper.type not in catalogue.existence_sensitive]

            def worth(
                thing: str, types: Collection[str] = types, told: Sequence[Paper] = told
            ) -> tuple[int, int, int, str]:
                own = _without_others(told, types, thing)
                rows = judged(own)
                unsatisfied = sum(not row.satisfied for row in rows if "/" not in row.path)
                days = [(paper.issued_on or date.min).toordinal() for paper in own if paper.about == thing]
                return unsatisfied, sum(RANK[row.state] for row in rows), -max(days, default=0), thing

            papers = _without_others(papers, types, min(named or about, key=worth))
    return papers


def _without_others(papers: Sequence[Paper], types: Collection[str], thing: str) -> list[Paper]:
    return [paper for paper in papers if paper.type not in types or paper.about in {None, thing}]


def _types(requirement: Requirement) -> Iterator[str]:
    if requirement.head == "doc" and requirement.code is not None:
        yield requirement.code
    for member in requirement.members:
        yield from _types(member)
