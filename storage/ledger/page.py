"""What one batch writes: entries, their sealed bodies, the finished subtrees and the new head, in one statement."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from storage.ledger.entry import EVENT_VERSION, SALT_BYTES, canonical, entry_bytes, timestamp
from storage.ledger.facts import Facts, Write
from storage.ledger.merkle import Edge, leaf_hash, peak_positions
from storage.ledger.nodes import read_nodes
from storage.ledger.tables import SUBJECT_TRAILS, SubjectTrail
from storage.ledger.work import Event, VerdictLike
from storage.sealing import event_ad, wrap

_WRITE = """
WITH {facts}entries AS (
  INSERT INTO log_entry (idx, entry) SELECT * FROM unnest($1::bigint[], $2::bytea[])
), bodies AS (
  INSERT INTO audit_event (idx, item_id, part, subject_ref, subject_seq, prev_idx, at, body)
  SELECT idx, item_id, part, subject_ref, subject_seq, prev_idx, $9::timestamptz, body
  FROM unnest($1::bigint[], $3::text[], $4::smallint[], $5::text[], $6::bigint[], $7::bigint[], $8::bytea[])
       AS b (idx, item_id, part, subject_ref, subject_seq, prev_idx, body)
), nodes AS (
  INSERT INTO log_node (level, idx, hash) SELECT * FROM unnest($10::smallint[], $11::bigint[], $12::bytea[])
)
UPDATE log_head SET size = $13, root = $14, at = greatest(at, $9::timestamptz) WHERE id = 1
"""
_FIRST_FREE_PARAMETER = 15
_SALTS_AT_ONCE = 64


class _Body(NamedTuple):
    """A row of ``audit_event`` without its time."""

    idx: int
    entry: bytes
    item_id: str
    part: int
    subject_ref: str
    subject_seq: int
    prev_idx: int | None
    sealed: bytes


class Page:
    """The entries of one batch on a copy of the tree's right edge. ``edge`` is kept only after the commit."""

    def __init__(self, edge: Edge, facts: Facts, now: datetime) -> None:
        self.edge = edge
        self._facts = facts
        self._now = now
        self._time = timestamp(now)
        self._entries: list[_Body] = []
        self._nodes: list[tuple[int, int, bytes]] = []
        self._salts = _salts()

    def add(self, item_id: str, events: Sequence[Event], verdict: VerdictLike) -> tuple[int, bytes]:
        """Append the entries of one item; return index and leaf hash of the first.

        All bodies are built before anything is appended: an event that cannot be written leaves no half item.
        """
        first = self.edge.size
        prepared = [
            self._prepared(first + part, item_id, part, event, verdict) for part, event in enumerate(events)
        ]
        leaves = [leaf_hash(body.entry) for body in prepared]
        self._entries += prepared
        for leaf in leaves:
            self._nodes += self.edge.append(leaf)
        return first, leaves[0]

    def _prepared(self, idx: int, item_id: str, part: int, event: Event, verdict: VerdictLike) -> _Body:
        trail = event.trail
        seen = self._facts.get(SUBJECT_TRAILS, trail.subject_ref)
        seq, prev_idx = (seen.seq + 1, seen.last_idx) if seen else (1, None)
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
        salt = next(self._salts)
        self._facts.put(SUBJECT_TRAILS, SubjectTrail(trail.subject_ref, seq, idx))
        sealed = wrap(trail.key, salt + body, event_ad(item_id, part))
        return _Body(idx, entry_bytes(salt, body), item_id, part, trail.subject_ref, seq, prev_idx, sealed)

    async def write(self, connection: asyncpg.Connection) -> None:
        """Changed facts, entries, bodies, subtrees and head in one statement."""
        writes, parameters = self._facts.writes()
        columns = [list(column) for column in zip(*self._entries, strict=True)]
        nodes = [list(column) for column in zip(*self._nodes, strict=True)] or [[], [], []]
        await connection.execute(
            _statement(*writes),
            *columns,
            self._now,
            *nodes,
            self.edge.size,
            self.edge.root(),
            *parameters,
        )


def _salts() -> Iterator[bytes]:
    """Many from one call of the kernel, which took 6 % of an entry."""
    while True:
        fresh = os.urandom(SALT_BYTES * _SALTS_AT_ONCE)
        yield from (fresh[start : start + SALT_BYTES] for start in range(0, len(fresh), SALT_BYTES))


@functools.lru_cache(maxsize=256)
def _statement(*writes: Write) -> str:
    """``_WRITE`` with a part for each of ``writes``; kept, because the driver finds a prepared statement by its text."""
    parts, free = [], _FIRST_FREE_PARAMETER
    for number, write in enumerate(writes):
        parts.append(f"facts_{number} AS ({write.statement(free)}), ")
        free += write.table.width
    return _WRITE.format(facts="".join(parts))


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
