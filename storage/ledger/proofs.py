"""Proofs from the stored tree: which hashes a proof needs is found by building it once without them, then all are read in one
round trip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from storage.database import Reading
from storage.errors import NodeMissing
from storage.ledger.merkle import HASH_BYTES, ReadNode, consistency_proof, inclusion_proof
from storage.ledger.nodes import Place, read_nodes

_UNREAD = bytes(HASH_BYTES)
T = TypeVar("T")


async def inclusion(reading: Reading, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162 section 2.1.3.1. Raises ``ValueError`` for an index outside of the tree and ``NodeMissing``
    where the log does not have what ``size`` entries have.
    """
    return await _built(reading, lambda read: inclusion_proof(read, index, size), {(0, index), (0, size - 1)})


async def consistency(reading: Reading, old_size: int, size: int) -> list[bytes]:
    """PROOF(old_size, D[size]) of RFC 9162 section 2.1.4.1. Raises ``ValueError`` unless 0 < old_size <= size, and ``NodeMissing``."""
    return await _built(reading, lambda read: consistency_proof(read, old_size, size), {(0, size - 1)})


async def _built(reading: Reading, build: Callable[[ReadNode], T], also: set[Place]) -> T:
    """``also`` must be there too: a proof about an entry that the log does not have may need no hash that is missing."""
    wanted = set(also)

    def remember(level: int, index: int) -> bytes:
        wanted.add((level, index))
        return _UNREAD

    build(remember)
    nodes = await read_nodes(reading.raw, wanted)
    if missing := wanted - nodes.keys():
        raise NodeMissing(f"the log has no hash at {min(missing)}")
    return build(lambda level, index: nodes[level, index])


async def inclusions(reading: Reading, indexes: Sequence[int], size: int) -> list[list[bytes]]:
    """``inclusion`` of several entries in one round trip: what their paths share is read once."""
    also = {(0, index) for index in indexes} | {(0, size - 1)}
    return await _built(reading, lambda read: [inclusion_proof(read, index, size) for index in indexes], also)
