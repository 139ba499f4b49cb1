"""What one batch writes: entries, their sealed bodies, the finished subtrees and the new head, in one statement."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from storage.ledger.entry import EVENT_VERSION, SALT_BYTES, canonical, entry_bytes, timestamp
from storage.ledger.facts import Facts, FactTable
from storage.ledger.merkle import Edge, leaf_hash, peak_positions
from storage.ledger.nodes import read_nodes
from storage.ledger.tables import SUBJECT_TRAILS, SubjectTrail
from storage.ledger.work import Event, VerdictLike
from storage.sealing import event_ad, wrap

_WRITE = """
WITH {facts}entries AS (
  INSERT INTO log_entry (idx, entry) SELECT * FROM unnest($1::bigint[], $2::bytea[])
), bodies AS (
  INSERT INTO audit_event (idx, item_id, part, subject_ref, subject_seq, at, body)
  SELECT idx, item_id, part, subject_ref, subject_seq, $8::timestamptz, body
  FROM unnest($1::bigint[], $3::text[], $4::smallint[], $5::text[], $6::bigint[], $7::bytea[])
       AS b (idx, item_id, part, subject_ref, subject_seq, body)
), nodes AS (
  INSERT INTO log_node (level, idx, hash) SELECT * FROM unnest($9::smallint[], $10::bigint[], $11::bytea[])
)
UPDATE log_head SET size = $12, root = $13, at = greatest(at, $8::timestamptz) WHERE id = 1
"""
_FIRST_FREE_PARAMETER = 14


class Page:
    """The entries of one batch on a copy of the tree's right edge. ``edge`` is kept only after the commit."""

    def __init__(self, edge: Edge, facts: Facts, now: datetime) -> None:
        self.edge = edge
        self._facts = facts
        self._now = now
        self._time = timestamp(now)
        self._entries: list[tuple[int, bytes, str, int, str, int, bytes]] = []
        self._nodes: list[tuple[int, int, bytes]] = []

    def add(self, item_id: str, events: Sequence[Event], verdict: VerdictLike) -> tuple[int, bytes]:
        """Append the entries of one item; return index and leaf hash of the first.

        All bodies are built before anything is appended: an event that cannot be written leaves no half item.
        """
        prepared = [self._prepared(item_id, part, event, verdict) for part, event in enumerate(events)]
        first = self.edge.size
        leaves = [leaf_hash(entry) for entry, *_ in prepared]
        for leaf, (entry, part, subject_ref, seq, sealed) in zip(leaves, prepared, strict=True):
            self._entries.append((self.edge.size, entry, item_id, part, subject_ref, seq, sealed))
            self._nodes += self.edge.append(leaf)
        return first, leaves[0]

    def _prepared(
        self, item_id: str, part: int, event: Event, verdict: VerdictLike
    ) -> tuple[bytes, int, str, int, bytes]:
        trail = event.trail
        seen = self._facts.get(SUBJECT_TRAILS, trail.subject_ref)
        seq = (seen.seq if seen else 0) + 1
        body = canonical(
            {
                **event.details,
                "v": EVENT_VERSION,
                "t": self._time,
                "type": event.type,
                "subject": trail.pseudonym,
                "subject_seq": seq,
                "actor": event.actor,
                "result": {"allowed": True}
                if verdict.allowed
                else {"allowed": False, "reason": verdict.reason},
            }
        )
        salt = os.urandom(SALT_BYTES)
        self._facts.put(SUBJECT_TRAILS, SubjectTrail(trail.subject_ref, seq))
        sealed = wrap(trail.key, salt + body, event_ad(item_id, part))
        return entry_bytes(salt, body), part, trail.subject_ref, seq, sealed

    async def write(self, connection: asyncpg.Connection) -> None:
        """Changed facts, entries, bodies, subtrees and head in one statement."""
        tables, parameters = self._facts.writes()
        columns = [list(column) for column in zip(*self._entries, strict=True)]
        nodes = [list(column) for column in zip(*self._nodes, strict=True)] or [[], [], []]
        await connection.execute(
            _statement(*tables),
            *columns,
            self._now,
            *nodes,
            self.edge.size,
            self.edge.root(),
            *parameters,
        )


@functools.lru_cache(maxsize=256)
def _statement(*tables: FactTable[Any]) -> str:
    """``_WRITE`` with an upsert for each of ``tables``; kept, because the driver finds a prepared statement by its text."""
    upserts, free = [], _FIRST_FREE_PARAMETER
    for table in tables:
        upserts.append(f"{table.name}_rows AS ({table.upsert(free)}), ")
        free += table.width
    return _WRITE.format(facts="".join(upserts))


async def committed_items(connection: asyncpg.Connection, item_ids: Sequence[str]) -> set[str]:
    """Which of these items are already on record."""
    statement = "SELECT DISTINCT item_id FROM audit_event WHERE item_id = ANY($1::text[])"
    return {row["item_id"] for row in await connection.fetch(statement, item_ids)}


async def read_edges(connection: asyncpg.Connection, *sizes: int) -> list[Edge | None]:
    """The right edges of trees of these sizes from the stored nodes, in one round trip (the head is locked meanwhile);
    None for one of which a node is missing.
    """
    wanted = {position for size in sizes for position in peak_positions(size)}
    stored = await read_nodes(connection, wanted)
    edges: list[Edge | None] = []
    for size in sizes:
        peaks = [stored.get(position) for position in peak_positions(size)]
        edges.append(None if None in peaks else Edge(size, [peak for peak in peaks if peak is not None]))
    return edges
