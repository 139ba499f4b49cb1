"""Which papers a consent request covers: exactly what the service requires of this citizen (M04).

One consent covers one subject. ``choose`` only picks among alternatives; naming what the service does not require is
refused, so an officer cannot add a paper. An entry whose condition nobody answered is not requested: it may not apply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from exchange.requirements.catalogue import Catalogue, Service
from exchange.requirements.states import RANK, USABLE, Evaluation, RequirementState


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
    """``evaluation`` is unmasked and was made with the same documents chosen. Raises ``NotRequired``. Items in the
    order of the service, each document once.
    """
    chosen = frozenset(choose or ())
    known = {name for row in evaluation.requirements for name in _names(row)}
    if not chosen <= known:
        raise NotRequired(service.code)
    if any(row.head == "eligibility" and not row.unanswered for row in evaluation.entries):
        return ()  # the service is not for this citizen: nothing is required
    picker = _Picker(catalogue, evaluation, subject_ref, chosen)
    items: dict[str, RequestItem] = {}
    for entry in evaluation.entries:
        for row in picker.needed(entry):
            item = picker.item(row)
            if item is None:
                continue
            key = item.type if item.type in catalogue.existence_sensitive else item.document_id or ""
            # Of a sensitive type the place tells nothing either: the first one, whichever paper is found.
            first = items.setdefault(key, item)
            items[key] = replace(first, document_id=first.document_id or item.document_id)
    return tuple(items.values())


class _Picker:
    def __init__(
        self, catalogue: Catalogue, evaluation: Evaluation, subject_ref: str, chosen: frozenset[str]
    ) -> None:
        self._sensitive = catalogue.existence_sensitive
        self._rows = evaluation.requirements
        self._subject_ref = subject_ref
        self._chosen = chosen

    def needed(self, row: RequirementState) -> Iterator[RequirementState]:
        """The documents behind one entry: all parts of an "and", one alternative of an "or"."""
        if row.unanswered:
            return
        if row.head == "doc":
            yield row
        for member in self._picked(row):
            yield from self.needed(member)

    def item(self, row: RequirementState) -> RequestItem | None:
        """The paper of this subject; of a sensitive type also when there is none."""
        own = next((holding for holding in row.holdings if holding.subject_ref == self._subject_ref), None)
        if own is None or row.code is None:
            return None
        on_file = own.paper if own.state in USABLE else None
        if on_file is None and row.code not in self._sensitive:
            return None
        return RequestItem(row.path, row.code, on_file.document_id if on_file else None)

    def _picked(self, row: RequirementState) -> list[RequirementState]:
        members = [other for other in self._rows if other.path.rpartition("/")[0] == row.path]
        if row.head == "all_of":
            return members
        for member in members:
            if any(not self._chosen.isdisjoint(_names(inner)) for inner in (member, *self._below(member))):
                return [member]
        usable = [member for member in members if self._state(member) in USABLE]
        if usable:
            return [min(usable, key=lambda member: RANK[self._state(member)])]
        # Nothing usable that may be told: the sensitive alternatives are asked for, on file or not.
        return [member for member in members if self._rests_on_sensitive(member)]

    def _state(self, row: RequirementState) -> str:
        """How good an alternative is for this subject, blind to what must not be told."""
        if row.head in {"status", "form"} or self._rests_on_sensitive(row):
            return "missing"
        own = (holding.state for holding in row.holdings if holding.subject_ref == self._subject_ref)
        return next(own, row.state)

    def _rests_on_sensitive(self, row: RequirementState) -> bool:
        return any(
            inner.head == "doc" and inner.code in self._sensitive for inner in (row, *self._below(row))
        )

    def _below(self, row: RequirementState) -> list[RequirementState]:
        return [other for other in self._rows if other.path.startswith(f"{row.path}/")]


def _names(row: RequirementState) -> set[str]:
    """What an officer may name it by."""
    if row.head != "doc" or row.code is None:
        return set()
    return {row.code} | {holding.paper.document_id for holding in row.holdings if holding.paper}
