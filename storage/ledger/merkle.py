"""The Merkle tree of RFC 9162 section 2.1: pure functions over hashes.

``Edge`` is the tree's right edge (the roots of its complete subtrees, largest first): all that appending and the
root need. Proof paths are built from complete subtrees, which never change once written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Node = tuple[int, int, bytes]
"""(level, index at that level, hash) of a complete subtree of 2**level leaves."""

ReadNode = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """RFC 9162 section 2.1.1: HASH(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 9162 section 2.1.1: HASH(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Edge:
    """The complete subtrees at the right edge of a tree of ``size`` leaves."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError("an edge has one peak for each bit of its size")
        self.size = size
        self._peaks = list(peaks)

    def copy(self) -> Edge:
        return Edge(self.size, self._peaks)

    def append(self, leaf: bytes) -> list[Node]:
        """Add one leaf hash; return the complete subtrees above leaf level that it finished."""
        finished: list[Node] = []
        index, level, carried = self.size, 0, leaf
        while index & 1:
            carried = node_hash(self._peaks.pop(), carried)
            index >>= 1
            level += 1
            finished.append((level, index, carried))
        self._peaks.append(carried)
        self.size += 1
        return finished

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def peak_positions(size: int) -> list[tuple[int, int]]:
    """(level, index) of the peaks of a tree of ``size`` leaves, largest first."""
    positions = []
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            positions.append((level, start >> level))
            start += 1 << level
    return positions


def _range_hash(read: ReadNode, start: int, stop: int) -> bytes:
    """MTH(D[start:stop]) for a range that starts at a multiple of its enclosing power of two."""
    width = stop - start
    if width & (width - 1) == 0:
        return read(width.bit_length() - 1, start >> (width.bit_length() - 1))
    split = 1 << (width - 1).bit_length() - 1
    return node_hash(_range_hash(read, start, start + split), _range_hash(read, start + split, stop))


def inclusion_proof(read: ReadNode, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162 section 2.1.3.1."""
    if not 0 <= index < size:
        raise ValueError("index outside the tree")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        split = start + (1 << (stop - start - 1).bit_length() - 1)
        if index < split:
            path.append(_range_hash(read, split, stop))
            stop = split
        else:
            path.append(_range_hash(read, start, split))
            start = split
    return path[::-1]


def consistency_proof(read: ReadNode, old_size: int, size: int) -> list[bytes]:
    """PROOF(old_size, D[size]) of RFC 9162 section 2.1.4.1."""
    if not 0 < old_size <= size:
        raise ValueError("the older tree must be inside the newer one")
    path: list[bytes] = []
    start, stop, whole = 0, size, True
    while old_size != stop:
        split = start + (1 << (stop - start - 1).bit_length() - 1)
        if old_size <= split:
            path.append(_range_hash(read, split, stop))
            stop = split
        else:
            path.append(_range_hash(read, start, split))
            start, whole = split, False
    if not whole:
        path.append(_range_hash(read, start, stop))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    position, last, computed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and computed == root


def verify_consistency(old_size: int, size: int, path: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """RFC 9162 section 2.1.4.2."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root
    hashes = list(path)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        return False
    position, last = old_size - 1, size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_computed = new_computed = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new_computed = node_hash(new_computed, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and old_computed == old_root and new_computed == root
