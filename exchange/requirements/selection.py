"""Which papers a consent request covers: exactly what the service requires of this citizen (M04).

One consent covers one subject. ``choose`` only picks among alternatives; naming what the service does not require is
refused, so an officer cannot add a paper.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from exchange.requirements.catalogue import Catalogue, Service
from exchange.requirements.rules import Evaluation, RequirementState

USABLE = ("valid", "old_copy", "unverified", "undetermined")


class NotRequired(Exception):
    """A document was named that the service does not require."""


@dataclass(frozen=True, slots=True)
class RequestItem:
    """``document_id`` is None for a sensitive type that is not on file: the officer cannot tell which it is."""

    path: str
    type: str
    document_id: str | None


def requestable(
    catalogue: Catalogue,
    service: Service,
    evaluation: Evaluation,
    *,
    subject_ref: str,
    choose: Sequence[str] | None = None,
) -> tuple[RequestItem, ...]:
    """Raises ``NotRequired``. Items in the order of the service, each document once."""
    chosen = frozenset(choose or ())
    rows = [row for row in evaluation.requirements if row.head == "doc" and row.code is not None]
    known = {row.code for row in rows} | {row.paper.document_id for row in rows if row.paper}
    if not chosen <= known:
        raise NotRequired(service.code)
    items: dict[tuple[str, str | None], RequestItem] = {}
    for entry in evaluation.entries:
        for row in _needed(entry, evaluation, chosen):
            item = _item(row, catalogue, subject_ref)
            if item is not None:
                items.setdefault((item.type, item.document_id), item)
    return tuple(items.values())


def _needed(
    row: RequirementState, evaluation: Evaluation, chosen: Collection[str]
) -> Iterator[RequirementState]:
    """The documents behind one entry: all parts of an "and", one alternative of an "or"."""
    children = [
        other
        for other in evaluation.requirements
        if other.path.startswith(f"{row.path}/") and other.path.count("/") == row.path.count("/") + 1
    ]
    if row.head == "doc":
        yield row
    elif row.head == "all_of":
        for child in children:
            yield from _needed(child, evaluation, chosen)
    elif children:
        picked = next((child for child in children if _names(child, evaluation, chosen)), None)
        if picked is not None:
            yield from _needed(picked, evaluation, chosen)
            return
        best = next(
            (child for state in USABLE for child in children if child.state == state and child.paper), None
        )
        if best is not None:
            yield from _needed(best, evaluation, chosen)
        else:
            # Nothing usable that may be told: the sensitive alternatives are asked for, on file or not.
            for child in children:
                yield from _needed(child, evaluation, chosen)


def _names(row: RequirementState, evaluation: Evaluation, chosen: Collection[str]) -> bool:
    below = [row, *(other for other in evaluation.requirements if other.path.startswith(f"{row.path}/"))]
    return any(other.code in chosen or (other.paper and other.paper.document_id in chosen) for other in below)


def _item(row: RequirementState, catalogue: Catalogue, subject_ref: str) -> RequestItem | None:
    code = row.code or ""
    on_file = (
        row.paper if row.paper and row.paper.subject_ref == subject_ref and row.state in USABLE else None
    )
    if on_file is not None:
        return RequestItem(row.path, code, on_file.document_id)
    if code in catalogue.existence_sensitive and row.party == "applicant":
        return RequestItem(row.path, code, None)
    return None
