"""The tree built anew from the entries, a chunk at a time. Nothing that is stored is believed: it is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from storage.ledger.entry import is_entry
from storage.ledger.merkle import EMPTY_ROOT, Edge, leaf_hash, node_hash, peak_positions
from storage.ledger.verify.findings import Fault

Stored = Mapping[tuple[int, int], bytes]
"""(level, index at that level) -> hash, as somebody keeps or shows it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A root that somebody was shown for a size; ``outside``: it is held outside of what is verified."""

    root: bytes
    outside: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody holds proof that the entry at a place has this leaf hash; ``words`` say who."""

    leaf: bytes
    words: str


@dataclass(frozen=True, slots=True)
class Grown:
    """``levels[n]`` are the complete subtrees of 2**n leaves that lie inside a chunk which begins at ``start``; ``upper`` those
    above that the chunk completed, as (level, index) -> hash.
    """

    start: int
    levels: Sequence[Sequence[bytes]]
    upper: Stored

    def nodes(self, keeps: Callable[[int], bool]) -> dict[tuple[int, int], bytes]:
        """Those of the levels that are kept, lowest level first."""
        return {
            (level, (self.start >> level) + place): value
            for level, hashes in enumerate(self.levels)
            if keeps(level)
            for place, value in enumerate(hashes)
        } | {place: value for place, value in self.upper.items() if keeps(place[0])}


class Growing:
    """Chunks are of ``2 ** chunk_level`` entries; only the last one may be shorter."""

    def __init__(self, chunk_level: int) -> None:
        self.chunk_entries = 1 << chunk_level
        self._chunk_level = chunk_level
        self._before = self._edge = Edge()  # a leaf of theirs is a whole chunk

    def take(self, entries: Sequence[bytes]) -> Grown:
        start = self._edge.size << self._chunk_level
        levels = _levels([leaf_hash(entry) for entry in entries])
        self._before = self._edge
        upper: dict[tuple[int, int], bytes] = {}
        if len(entries) == self.chunk_entries:
            self._edge = self._edge.copy()
            finished = self._edge.append(levels[-1][0])
            upper = {(level + self._chunk_level, place): value for level, place, value in finished}
        return Grown(start, levels, upper)

    def root(self, grown: Grown, size: int) -> bytes:
        """MTH of the first ``size`` entries, which end inside the chunk that was taken last."""
        inside = size - grown.start
        last = Edge(inside, [grown.levels[level][place] for level, place in peak_positions(inside)]).root()
        # The last, shorter chunk has the place of a leaf above the whole ones (RFC 9162 2.1.1).
        edge = self._before.copy()
        edge.append(last)
        return edge.root()


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        # An odd last one is in no complete subtree yet: zip leaves it out.
        levels.append([node_hash(left, right) for left, right in zip(below[::2], below[1::2], strict=False)])
    return levels


class Walk:
    """Entries in their order against everything that is known about them: ``shown`` roots by size, ``claims`` by place, and the
    hashes that are stored, of the levels for which ``keeps`` says so.
    """

    def __init__(
        self,
        chunk_level: int,
        shown: Mapping[int, Sequence[Shown]],
        claims: Mapping[int, Sequence[Claim]],
        keeps: Callable[[int], bool],
    ) -> None:
        self._growing = Growing(chunk_level)
        self._shown, self._claims, self._keeps = shown, claims, keeps
        self._sizes = sorted(shown, reverse=True)
        self._claimed = sorted(claims, reverse=True)
        self.chunk_entries = self._growing.chunk_entries
        self.size = 0
        self.root: bytes = EMPTY_ROOT
        self.covered = 0
        """The largest size at which a root that is held outside is the tree's."""

    def take(self, entries: Sequence[bytes], stored: Stored) -> Fault | None:
        """The fault that shows first; then nothing more may be taken."""
        for index, entry in enumerate(entries, start=self.size):
            if not is_entry(entry):
                return Fault(index, index, "no entry of this log: 33 bytes, the first one 01")
        grown = self._growing.take(entries)
        stop = self.size + len(entries)
        faults = [
            fault
            for fault in (
                self._against_claims(grown, stop), self._against_stored(grown, stored), self._against_shown(grown, stop)
            ) if fault is not None
        ]  # fmt: skip
        self.root, self.size = self._growing.root(grown, stop), stop
        return min(faults, key=lambda fault: (fault.last, -fault.first), default=None)

    def _against_claims(self, grown: Grown, stop: int) -> Fault | None:
        while self._claimed and self._claimed[-1] < stop:
            index = self._claimed.pop()
            for claim in self._claims[index]:
                if claim.leaf != grown.levels[0][index - grown.start]:
                    return Fault(index, index, f"not the one that {claim.words} proves")
        return None

    def _against_stored(self, grown: Grown, stored: Stored) -> Fault | None:
        built = grown.nodes(self._keeps)
        if built == stored:
            return None
        wrong = [place for place, value in built.items() if stored.get(place) != value]
        if not wrong:
            level, place = min(stored.keys() - built.keys())
            return Fault(
                place << level,
                ((place + 1) << level) - 1,
                f"a subtree {level}/{place} is stored that does not exist",
            )
        level, place = min(wrong, key=lambda one: ((one[1] + 1) << one[0], one[0]))
        words = (
            f"the stored subtree {level}/{place} does not follow"
            if level
            else "the stored leaf is not that of the entry"
        )
        return Fault(place << level, ((place + 1) << level) - 1, words)

    def _against_shown(self, grown: Grown, stop: int) -> Fault | None:
        while self._sizes and self._sizes[-1] <= stop:
            size = self._sizes.pop()
            root = self._growing.root(grown, size) if size else EMPTY_ROOT
            if any(one.root != root for one in self._shown[size]):
                first = min(self.covered, max(0, size - 1))
                return Fault(first, max(0, size - 1), f"the log differs from a checkpoint of {size} entries")
            if any(one.outside for one in self._shown[size]):
                self.covered = size
        return None


def numbered(indexes: Sequence[int], start: int, stop: int) -> Fault | None:
    """The first place of start..stop-1 that is not among ``indexes``, which ascend."""
    expected = start
    for index in indexes:
        if index != expected:
            break
        expected += 1
    return None if expected == stop else Fault(expected, expected, "missing")
