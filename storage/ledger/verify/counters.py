"""The entries of one citizen are numbered without a gap (``protocols.md`` 6.3): one that is hidden in the middle shows."""

from __future__ import annotations

from storage.ledger.verify.findings import Fault


class Counters:
    """Takes the entries' numbers in the log's order. Whose list it is stays unsaid: the places in the log name it well enough."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int | None, int]] = {}

    def take(self, index: int, subject: str, number: int) -> Fault | None:
        """The fault, where ``number`` does not follow on the one before of this citizen."""
        before, last = self.last(subject)
        self._last[subject] = (index, number)
        if number == last + 1:
            return None
        if number <= last:
            return Fault(index, index, f"number {number} in the list of its citizen, after number {last}")
        first = 0 if before is None else before + 1
        since = "at its beginning" if before is None else f"after entry {before}"
        hidden = f"number {last + 1}" if number == last + 2 else f"numbers {last + 1} to {number - 1}"
        return Fault(
            first,
            index,
            f"{hidden} in the list of one citizen, {since}, cannot be seen: hidden or taken away",
        )

    def goes_on(self, subject: str, index: int, last: int) -> None:
        """A list that is shown from a later number on: ``last`` is the one before, somewhere before ``index``."""
        self._last[subject] = (index - 1, last)

    def last(self, subject: str) -> tuple[int | None, int]:
        """(place in the log, number) of the citizen's newest entry so far; (None, 0) before the first."""
        return self._last.get(subject, (None, 0))

    def subjects(self) -> set[str]:
        return set(self._last)


class Erased:
    """Bodies that are gone, and what explains it. ``orders`` are citizen -> so many first entries that were erased on record; ``named``
    the places in the log that erasures name (their entries have to be opened for that). Without names only numbers can be compared.
    """

    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        self.named: set[int] = set()
        self.gone: set[int] = set()
        self._explained = 0

    def hole(self, subject: str, last: int, number: int) -> bool:
        """Whether an erasure explains that nothing is there between the numbers ``last`` and ``number`` of this citizen."""
        explained = last + 1 < number <= self.orders.get(subject, 0) + 1
        self._explained += number - last - 1 if explained else 0
        return explained

    def fault(self, *, opened: bool) -> Fault | None:
        """When all was seen: the first body that is gone and that nothing explains."""
        unnamed = self.gone - self.named if opened else self.gone
        if not unnamed or (not opened and len(unnamed) <= self._explained):
            return None
        # Without names any of them may be the one: at least the first is a lower bound.
        first, last = min(unnamed), min(unnamed) if opened or not self._explained else max(unnamed)
        return Fault(first, last, "its body is gone, and no erasure in the log names it")
