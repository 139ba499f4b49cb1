"""The log in its database: every entry, every stored subtree, the bodies, the citizens' numbers, the head, and every checkpoint."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from storage.database import Reading
from storage.keyring import Keyring
from storage.ledger.checkpoint import NoteVerifier
from storage.ledger.policy import Policy
from storage.ledger.reopening import reopenings
from storage.ledger.verify.bodies import Bodies, Readable
from storage.ledger.verify.findings import Fault, Findings
from storage.ledger.verify.shown import Held, Shower
from storage.ledger.verify.tree import Stored, Walk, numbered

CHUNK_LEVEL = 13
CHECKPOINTS_AT_ONCE = 5_000
PROGRESS_PERIOD_S = 5.0

_ENTRIES = "SELECT idx, entry FROM log_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx"
_CHECKPOINTS = "SELECT size, root, note FROM log_checkpoint WHERE size > $1 ORDER BY size LIMIT $2"
_COSIGNED = """
SELECT size, root, note || coalesce((SELECT string_agg(s.line, '' ORDER BY s.witness) FROM log_cosignature s WHERE s.size = c.size), '') AS note
FROM log_checkpoint c WHERE size > $1 ORDER BY size LIMIT $2
"""
# OFFSET keeps it a search of its own for each level, along the primary key.
_NODES = """
SELECT p.level, n.idx, n.hash FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS p (level, first, beyond),
LATERAL (SELECT idx, hash FROM log_node WHERE level = p.level AND idx >= p.first AND idx < p.beyond OFFSET 0) n
"""
# In one statement: the log may be growing while it is verified.
_BEHIND = """
SELECT 'entries' WHERE EXISTS (SELECT FROM log_entry WHERE idx >= (SELECT size FROM log_head WHERE id = 1) OR idx < 0)
UNION ALL SELECT 'bodies' WHERE EXISTS (SELECT FROM audit_event WHERE idx >= (SELECT size FROM log_head WHERE id = 1) OR idx < 0)
UNION ALL SELECT 'subtrees' WHERE EXISTS (
  SELECT FROM generate_series(-1, 64) AS l (level), LATERAL (SELECT max(idx) AS idx FROM log_node n WHERE n.level = l.level) n
  WHERE n.idx >= CASE WHEN l.level BETWEEN 1 AND 62 THEN (SELECT size FROM log_head WHERE id = 1) >> l.level ELSE 0 END)
"""


async def verify(
    database: Readable,
    *,
    vkeys: Sequence[str],
    outside: str | Sequence[str] = (),
    keyring: Keyring | None = None,
    policy: Policy | None = None,
    held: Held | None = None,
    findings: Findings | None = None,
) -> Findings:
    """``vkeys`` are all keys that the log ever had, as somebody outside knows them; ``outside`` checkpoints that were kept there.
    Raises ``DatabaseUnavailable``, and ``CheckpointRefused`` for a malformed key.
    """
    findings, held = findings or Findings(), held or Held()
    notes = [("from outside", note) for note in ([outside] if isinstance(outside, str) else outside)]
    verifiers = [NoteVerifier(vkey) for vkey in vkeys]
    # The checkpoints first: one that is signed after the head was read is not one that the head does not know.
    shower = await _shown(database, verifiers, policy, [*notes, *held.notes], findings)
    async with database.transaction() as reading:
        head = await reading.raw.fetchrow("SELECT size, root FROM log_head WHERE id = 1")
    if head is None:
        findings.problems.append("there is no log")
        return findings
    walk = Walk(CHUNK_LEVEL, shower.roots, held.claims, lambda level: level >= 1)
    bodies = Bodies(keyring, findings)
    await bodies.open(database)
    whole = await _walked(database, head["size"], walk, bodies, findings)
    findings.size, findings.root, findings.covered = walk.size, walk.root.hex(), walk.covered
    if whole and walk.root != bytes(head["root"]):
        findings.problems.append(f"the head's root is not that of its {head['size']} entries")
    told_beyond(findings, head["size"], shower, held)
    async with database.transaction() as reading:
        findings.problems += [f"{row[0]} exist behind the head" for row in await reading.raw.fetch(_BEHIND)]
    if whole:
        await bodies.conclude(database, head["size"])
    return findings


async def _shown(
    database: Readable,
    verifiers: Sequence[NoteVerifier],
    policy: Policy | None,
    notes: Sequence[tuple[str, str]],
    findings: Findings,
) -> Shower:
    async with database.transaction() as reading:
        reopened = await reopenings(reading)
        origin = await reading.raw.fetchval("SELECT origin FROM log_head WHERE id = 1")
    shower = Shower(verifiers, policy, findings, origin=origin, reopened=reopened)
    size = -1
    while True:
        async with database.transaction() as reading:
            statement = _CHECKPOINTS if policy is None else _COSIGNED
            rows = await reading.raw.fetch(statement, size, CHECKPOINTS_AT_ONCE)
        for row in rows:
            checkpoint = shower.keep(row["note"])
            if checkpoint and (checkpoint.size, checkpoint.root) != (row["size"], bytes(row["root"])):
                findings.problems.append(
                    f"the row of the checkpoint of {row['size']} entries says otherwise than its note"
                )
        if len(rows) < CHECKPOINTS_AT_ONCE:
            break
        size = rows[-1]["size"]
    for name, note in notes:
        shower.keep(note, outside=name)
    shower.quorum()
    shower.scars()
    return shower


async def _walked(database: Readable, size: int, walk: Walk, bodies: Bodies, findings: Findings) -> bool:
    """Up to the first fault; whether there was none."""
    shown_s = time.monotonic()
    for start in range(0, size, walk.chunk_entries):
        stop = min(size, start + walk.chunk_entries)
        async with database.transaction() as reading:
            rows = await reading.raw.fetch(_ENTRIES, start, stop)
            nodes = await _nodes(reading, start, stop)
            sealed = await bodies.read(reading, start, stop)
        indexes = [row["idx"] for row in rows]
        entries = [bytes(row["entry"]) for row in rows]
        fault = numbered(indexes, start, stop) or walk.take(entries, nodes)
        faults = [fault, *await bodies.take(dict(zip(indexes, entries, strict=True)), sealed)]
        found = [one for one in faults if one is not None]
        for one in found:
            findings.bad(one)
        if found:
            return False
        if time.monotonic() - shown_s > PROGRESS_PERIOD_S:
            shown_s = time.monotonic()
            print(f"{stop} of {size} entries", file=sys.stderr)
    return True


async def _nodes(reading: Reading, start: int, stop: int) -> Stored:
    """The stored subtrees that entries start..stop-1 completed."""
    levels = range(1, stop.bit_length() + 1)
    rows: list[Any] = await reading.raw.fetch(
        _NODES, list(levels), [start >> level for level in levels], [stop >> level for level in levels]
    )
    return {(level, place): bytes(value) for level, place, value in rows}


def told_beyond(findings: Findings, size: int, shower: Shower, held: Held) -> None:
    """What somebody was shown of entries that are not here."""
    late = max(shower.roots, default=0)
    if late > size:
        words = f"the log was cut: a checkpoint of {late} entries exists, {size} are here"
        findings.bad(Fault(size, late - 1, words))
    for index in sorted(held.claims):
        if index >= size:
            findings.bad(Fault(index, index, f"not here, though {held.claims[index][0].words} proves it"))
            return
