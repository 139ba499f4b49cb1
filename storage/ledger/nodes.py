"""Stored hashes of the tree by their places: what edges and proofs are built from."""

from __future__ import annotations

from collections.abc import Collection

import asyncpg

from storage.ledger.merkle import leaf_hash

Place = tuple[int, int]
"""(level, index at that level)."""

# Looked up one by one through the primary keys, whatever the planner believes about the tables' sizes.
_STORED = """
SELECT p.level, p.idx, CASE WHEN p.level = 0
  THEN (SELECT e.entry FROM log_entry e WHERE e.idx = p.idx)
  ELSE (SELECT n.hash FROM log_node n WHERE n.level = p.level AND n.idx = p.idx) END
FROM unnest($1::smallint[], $2::bigint[]) AS p (level, idx)
"""


async def read_nodes(connection: asyncpg.Connection, places: Collection[Place]) -> dict[Place, bytes]:
    """The hashes at these places, in one round trip; what is not stored is not in the answer."""
    levels, indexes = [level for level, _ in places], [index for _, index in places]
    return {
        (level, index): leaf_hash(bytes(value)) if level == 0 else bytes(value)
        for level, index, value in await connection.fetch(_STORED, levels, indexes)
        if value is not None
    }
