"""``bench ledger --at-10m``: does it cost more when the log has grown? The same entries are appended to a log of ten thousand and to one of ten
million, across a checkpoint of the database each, which makes PostgreSQL write a whole page for each that is touched first.

The log is filled by the database itself, level by level, with trails of a hundred thousand citizens; what is measured goes to citizens at
random. One proof of inclusion is measured on the way, at a million.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from typing import Any

import asyncpg

from exchange.cli.bench.figures import BenchError, Part, Scale, percentile_ms
from exchange.cli.bench.ledger import Grant, granted, granted_again, settled, works
from exchange.cli.bench.people import Counter
from exchange.cli.bench.world import World
from exchange.deps import Parts
from exchange.wiring import at_work
from storage.ledger.page import read_edges
from storage.ledger.proofs import inclusion
from storage.ledger.work import Trail

CALLERS = 32
ROUNDS = 3
FILL_AT_ONCE = 1_000_000

Say = Callable[[str], None]

_TRAILS = """
INSERT INTO subject_trail (id, seq, last_idx) SELECT 'sbj_bench' || i, 0, NULL FROM generate_series(0, $1::bigint - 1) i
"""
_ENTRIES = """
INSERT INTO log_entry (idx, entry) SELECT i, '\\x01'::bytea || sha256(i::text::bytea) FROM generate_series($1::bigint, $2::bigint - 1) i
"""
_BODIES = """
WITH numbered AS (
  SELECT i, t.id, t.seq + row_number() OVER w AS seq, coalesce(lag(i) OVER w, t.last_idx) AS prev
  FROM generate_series($1::bigint, $2::bigint - 1) i JOIN subject_trail t ON t.id = 'sbj_bench' || i % $3::bigint
  WINDOW w AS (PARTITION BY t.id ORDER BY i)
), bodies AS (
  INSERT INTO audit_event (idx, item_id, part, subject_ref, subject_seq, prev_idx, at, body)
  SELECT i, 'i_' || lpad(i::text, 26, '0'), 0, id, seq, prev, clock_timestamp(), decode(repeat(md5(i::text), 35), 'hex')
  FROM numbered ORDER BY i
)
UPDATE subject_trail t SET seq = n.seq, last_idx = n.i
FROM (SELECT DISTINCT ON (id) id, seq, i FROM numbered ORDER BY id, i DESC) n WHERE t.id = n.id
"""
# Of the subtrees that became complete; those that stood before stay.
_LEAVES_PAIRED = """
INSERT INTO log_node (level, idx, hash)
SELECT 1, a.idx / 2, sha256('\\x01'::bytea || sha256('\\x00'::bytea || a.entry) || sha256('\\x00'::bytea || b.entry))
FROM log_entry a JOIN log_entry b ON b.idx = a.idx + 1
WHERE a.idx >= $1::bigint / 2 * 2 AND b.idx < $2::bigint AND a.idx % 2 = 0 ON CONFLICT DO NOTHING
"""
_NODES_PAIRED = """
INSERT INTO log_node (level, idx, hash)
SELECT a.level + 1, a.idx / 2, sha256('\\x01'::bytea || a.hash || b.hash)
FROM log_node a JOIN log_node b ON b.level = a.level AND b.idx = a.idx + 1
WHERE a.level = $2::smallint AND a.idx >= ($1::bigint >> $2::int) / 2 * 2 AND a.idx % 2 = 0 ON CONFLICT DO NOTHING
"""


async def ledger_scale(world: World, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "ledger_10m"."""
    small, middle, large = scale.ledger_sizes
    owner = await asyncpg.connect(world.owner_url)
    try:
        async with at_work(world.settings) as parts:
            counter, grants = await granted(parts, world, say)
            await owner.execute(_TRAILS, scale.ledger_citizens)
            await _filled(owner, small, scale, say)
            first = await _measured(world, parts, counter, grants, scale)
            # What is released here is never sent: left open, each would be closed by an entry while the log is filled.
            await owner.execute("UPDATE ticket_use SET open = false, delivered = true WHERE open")
            began_s = time.monotonic()
            await _filled(owner, middle, scale, say)
            proof_ms = await _proof_ms(parts, middle)
            await _filled(owner, large, scale, say)
            filled_s = time.monotonic() - began_s
            await owner.execute("UPDATE session SET last_seen_at = clock_timestamp()")
            grants = [
                await granted_again(parts, counter, grant.citizen) for grant in grants
            ]  # tickets live for minutes
            last = await _measured(world, parts, counter, grants, scale)
    finally:
        await owner.close()
    figures = {
        "entries": large,
        "filled_s": round(filled_s, 1),
        "cpu_ms": round(last[0] * 1000, 4),
        "cpu_ratio": round(last[0] / first[0], 3),
        "wall_ms": round(last[1] * 1000, 4),
        "wall_ratio": round(last[1] / first[1], 3),
        "wal_bytes": round(last[2]),
        "wal_ratio": round(last[2] / first[2], 3),
        "proof_p50_ms": percentile_ms(proof_ms, 0.5),
        "proof_p95_ms": percentile_ms(proof_ms, 0.95),
    }
    return {"ledger_10m": figures}


async def _measured(
    world: World, parts: Parts, counter: Counter, grants: list[Grant], scale: Scale
) -> tuple[float, float, float]:
    """CPU and wall time (s) and write-ahead log (bytes) of an entry, the best of some rounds, each of which begins right after one
    checkpoint and meets another.
    """
    best: tuple[float, ...] = (1e9, 1e9, 1e18)
    server = await asyncpg.connect(_superuser_url(world))
    key, number = os.urandom(32), scale.ledger_scale_entries
    try:
        for _ in range(ROUNDS):
            refs = [random.randrange(scale.ledger_citizens) for _ in range(number)]  # noqa: S311 - who it is does not matter
            made = works(counter, grants, number, [Trail(f"sbj_bench{ref}", "pw:bench", key) for ref in refs])
            await server.execute("CHECKPOINT")
            wal = await _wal(server)
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            await settled(parts, made[: number // 2], CALLERS)
            checkpoint = asyncio.create_task(server.execute("CHECKPOINT"))
            await settled(parts, made[number // 2 :], CALLERS)
            seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            await checkpoint
            round_ = (cpu_s / number, seconds / number, (await _wal(server) - wal) / number)
            best = tuple(map(min, best, round_))
    finally:
        await server.close()
    return best[0], best[1], best[2]


async def _filled(owner: asyncpg.Connection, size: int, scale: Scale, say: Say) -> None:
    """Grow the log to ``size`` entries, as another process would have: under the head's lock, all of it or nothing."""
    say(f"filling the log to {size:,} entries ...")
    async with owner.transaction():
        start = first = int(await owner.fetchval("SELECT size FROM log_head WHERE id = 1 FOR UPDATE"))
        while start < size:
            stop = min(size, start + FILL_AT_ONCE)
            await owner.execute(_ENTRIES, start, stop)
            await owner.execute(_BODIES, start, stop, scale.ledger_citizens)
            start = stop
        await owner.execute(_LEAVES_PAIRED, first, size)
        for level in range(1, size.bit_length() - 1):
            await owner.execute(_NODES_PAIRED, first, level)
        edge = (await read_edges(owner, size))[0]
        if edge is None or edge.size <= first:
            raise BenchError("the log was not filled")
        await owner.execute("UPDATE log_head SET size = $1, root = $2", size, edge.root())
    await owner.execute("VACUUM (ANALYZE) log_entry, log_node, audit_event, subject_trail")


async def _proof_ms(parts: Parts, size: int) -> dict[int, int]:
    """Microseconds -> how often, of proofs of entries at random."""
    counts: dict[int, int] = {}
    for _ in range(200):
        index = random.randrange(size)  # noqa: S311
        async with parts.database.reading() as reading:
            began = time.perf_counter()
            await inclusion(reading, index, size)
        taken = int((time.perf_counter() - began) * 1e6)
        counts[taken] = counts.get(taken, 0) + 1
    return counts


async def _wal(server: asyncpg.Connection) -> int:
    return int(await server.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"))


def _superuser_url(world: World) -> Any:
    if world.services.postgres is None:
        raise BenchError("the embedded database did not start")
    return world.services.postgres.superuser_url
