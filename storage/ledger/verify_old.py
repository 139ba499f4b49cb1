"""Verify the log: ``python -m storage.ledger.verify``. Needs the database, no server, nothing of ``exchange`` or ``auth``.

Read from the database: every entry is there and in its place, every stored subtree and the head follow from the
entries, every stored checkpoint is signed and is a prefix of today's log. Read from outside: the verifier key, and with
``--checkpoint`` a checkpoint that was kept elsewhere. Only that finds a log that was cut short or written anew (A55).

With the root key (BERKAS_ROOT_KEY) the sealed bodies are opened too and compared with their commitments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storage.database import Database, Transaction
from storage.errors import KeyMissing, SealBroken, StorageError
from storage.keyring import Keyring, provider_for
from storage.ledger.checkpoint import Checkpoint, CheckpointRefused, NoteVerifier, open_note
from storage.ledger.entry import entry_bytes
from storage.ledger.history import opened
from storage.ledger.merkle import EMPTY_ROOT, Edge, leaf_hash
from storage.ledger.reopening import Reopening, reopenings

CHUNK_ENTRIES = 2_000
PROGRESS_PERIOD_S = 5.0
WRONG = 3
UNREADABLE = 1


@dataclass
class Findings:
    """``problems`` name the first bad entry of each kind; ``scars`` what the log itself says it has lost."""

    size: int = 0
    root: str = ""
    checkpoints: int = 0
    bodies_opened: int = 0
    bodies_erased: int = 0
    problems: list[str] = field(default_factory=list)
    scars: list[str] = field(default_factory=list)


async def verify(
    database: Database, *, vkeys: Sequence[str], outside: str | None = None, keyring: Keyring | None = None
) -> Findings:
    """``vkeys`` are all keys that the log ever had, as somebody outside knows them. Raises ``DatabaseUnavailable`` and
    ``CheckpointRefused`` (a malformed one).
    """
    findings = Findings()
    verifiers = [NoteVerifier(vkey) for vkey in vkeys]
    # The checkpoints first: one that is signed after the head was read is not one that the head does not know.
    wanted = await _checkpoints(database, verifiers, outside, findings)
    async with database.transaction() as transaction:
        head = await transaction.raw.fetchrow("SELECT size, root, origin FROM log_head WHERE id = 1")
    if head is None:
        findings.problems.append("there is no log")
        return findings
    await _walk(database, head["size"], wanted, findings)
    if findings.root != bytes(head["root"]).hex() and not findings.problems:
        findings.problems.append(f"the head's root is not that of its {head['size']} entries")
    late = [size for size in wanted if size > head["size"]]
    if late:
        findings.problems.append(
            f"the log was cut: a checkpoint of {max(late)} entries exists, {head['size']} are here"
        )
    if keyring is not None:
        await _bodies(database, keyring, head["size"], findings)
    return findings


async def _checkpoints(
    database: Database, verifiers: Sequence[NoteVerifier], outside: str | None, findings: Findings
) -> dict[int, list[bytes]]:
    """Size -> roots that somebody was shown."""
    async with database.transaction() as transaction:
        notes = [
            row["note"]
            for row in await transaction.raw.fetch("SELECT note FROM log_checkpoint ORDER BY size")
        ]
        ended = {one.previous: one for one in await reopenings(transaction)}
    for one in ended.values():
        findings.scars.append(_scar(one))
        findings.problems += _unproven(one, verifiers)
    wanted: dict[int, list[bytes]] = {}
    signed: set[str] = set()
    for note in [*notes, *([outside] if outside else [])]:
        try:
            checkpoint: Checkpoint = open_note(note, verifiers)
        except CheckpointRefused as refused:
            findings.problems.append(f"a checkpoint is not ours: {refused}")
            continue
        signed.add(checkpoint.origin)
        scar = ended.get(checkpoint.origin)
        if scar is not None and scar.restored_size < checkpoint.size:
            # Of the part that is lost, as the new origin has said; more than it said was not admitted.
            if checkpoint.size > scar.lost_to:
                findings.problems.append(
                    f"{checkpoint.origin} had {checkpoint.size} entries, its end admits {scar.lost_to}"
                )
            continue
        wanted.setdefault(checkpoint.size, []).append(checkpoint.root)
        findings.checkpoints += 1
    # Old checkpoints are public: a row with a genuine one proves nothing before the log's key has signed under the new name, and
    # whoever verifies has named that key.
    findings.problems += [
        f"{one.previous} was ended, and nothing is signed as {one.origin} by a key that was named"
        for one in ended.values()
        if one.origin not in signed
    ]
    return wanted


def _scar(one: Reopening) -> str:
    return (
        f"{one.previous} ends at {one.restored_size} entries, {one.origin} goes on: "
        f"entries {one.restored_size} to {one.lost_to - 1} are lost"
    )


def _unproven(one: Reopening, verifiers: Sequence[NoteVerifier]) -> list[str]:
    """A reopening that rests on no checkpoint of the log could hide a cut."""
    try:
        last = open_note(one.note, verifiers)
    except CheckpointRefused as refused:
        return [f"{one.origin} names a last checkpoint that is not ours: {refused}"]
    if (last.origin, last.size) != (one.previous, one.lost_to) or last.size <= one.restored_size:
        return [f"{one.origin} names a last checkpoint that does not say what it says"]
    return []


async def _walk(database: Database, size: int, wanted: dict[int, list[bytes]], findings: Findings) -> None:
    """Recompute the tree from the entries and compare it at every size that was ever signed."""
    edge = Edge()
    shown_s = time.monotonic()
    async for start, entries, stored in _chunks(database, size):
        for index, entry in enumerate(entries, start=start):
            if entry is None:
                findings.problems.append(f"entry {index} is missing")
                return
            for level, position, value in edge.append(leaf_hash(entry)):
                if stored.pop((level, position), None) != value:
                    findings.problems.append(
                        f"entry {index}: the stored subtree {level}/{position} does not follow"
                    )
                    return
            for root in wanted.get(edge.size, ()):
                if root != edge.root():
                    findings.problems.append(
                        f"entry {index}: the log differs from a checkpoint of {edge.size} entries"
                    )
                    return
        if time.monotonic() - shown_s > PROGRESS_PERIOD_S:
            shown_s = time.monotonic()
            print(f"{edge.size} of {size} entries", file=sys.stderr)
    findings.size = edge.size
    findings.root = (edge.root() if edge.size else EMPTY_ROOT).hex()
    if await _surplus(database):
        findings.problems.append("entries exist behind the head")


async def _chunks(
    database: Database, size: int
) -> AsyncIterator[tuple[int, list[bytes | None], dict[tuple[int, int], bytes]]]:
    for start in range(0, size, CHUNK_ENTRIES):
        stop = min(size, start + CHUNK_ENTRIES)
        async with database.transaction() as transaction:
            rows = await transaction.raw.fetch(
                "SELECT idx, entry FROM log_entry WHERE idx >= $1 AND idx < $2", start, stop
            )
            nodes = await _finished_nodes(transaction, start, stop)
        found = {row["idx"]: bytes(row["entry"]) for row in rows}
        yield start, [found.get(index) for index in range(start, stop)], nodes


async def _finished_nodes(transaction: Transaction, start: int, stop: int) -> dict[tuple[int, int], bytes]:
    """The stored subtrees that entries start..stop-1 completed."""
    nodes: dict[tuple[int, int], bytes] = {}
    for level in range(1, stop.bit_length() + 1):
        rows = await transaction.raw.fetch(
            "SELECT idx, hash FROM log_node WHERE level = $1 AND idx >= $2 AND idx < $3",
            level,
            start >> level,
            stop >> level,
        )
        nodes |= {(level, row["idx"]): bytes(row["hash"]) for row in rows}
    return nodes


async def _surplus(database: Database) -> bool:
    """In one statement: the log may be growing while it is verified."""
    statement = (
        "SELECT EXISTS (SELECT 1 FROM log_entry WHERE idx >= (SELECT size FROM log_head WHERE id = 1))"
    )
    async with database.transaction() as transaction:
        return bool(await transaction.raw.fetchval(statement))


async def _bodies(database: Database, keyring: Keyring, size: int, findings: Findings) -> None:
    """Open every body and compare it with what its entry committed to."""
    for start in range(0, size, CHUNK_ENTRIES):
        async with database.transaction() as transaction:
            rows = await transaction.raw.fetch(
                "SELECT a.idx, a.item_id, a.part, a.subject_ref, a.body, e.entry FROM log_entry e "
                "LEFT JOIN audit_event a USING (idx) WHERE e.idx >= $1 AND e.idx < $2 ORDER BY e.idx",
                start,
                start + CHUNK_ENTRIES,
            )
        for row in rows:
            if row["body"] is None:
                findings.bodies_erased += 1
                continue
            try:
                salt, body = opened(await keyring.trail(row["subject_ref"]), row)
            except KeyMissing:
                findings.bodies_erased += 1
                continue
            except SealBroken:
                findings.problems.append(f"entry {row['idx']}: its body does not open")
                return
            if entry_bytes(salt, body) != bytes(row["entry"]):
                findings.problems.append(f"entry {row['idx']}: its body is not what was committed to")
                return
            findings.bodies_opened += 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m storage.ledger.verify", description=__doc__)
    parser.add_argument(
        "--vkey", action="append", help="C2SP verifier key of the log; again for each key that it had before"
    )
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint that was kept outside of the database")
    parser.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args()
    url = os.environ.get("BERKAS_DATABASE_URL")
    vkeys = arguments.vkey or os.environ.get("BERKAS_LOG_VKEY", "").split()
    if not url or not vkeys:
        parser.error("BERKAS_DATABASE_URL and --vkey are needed")
    outside = arguments.checkpoint.read_text() if arguments.checkpoint else None
    try:
        findings = asyncio.run(_run(url, vkeys, outside, os.environ.get("BERKAS_ROOT_KEY")))
    except (StorageError, CheckpointRefused) as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        sys.exit(UNREADABLE)
    if arguments.json:
        print(json.dumps(vars(findings)))
    else:
        _tell(findings)
    sys.exit(WRONG if findings.problems else 0)


async def _run(url: str, vkeys: Sequence[str], outside: str | None, root_key: str | None) -> Findings:
    database = Database(url)
    try:
        keyring = None
        if root_key:
            keyring = Keyring(database, provider_for(root_key, os.environ.get("BERKAS_ROOT_KEY_OTHER", "")))
            await keyring.open_existing()
        return await verify(database, vkeys=vkeys, outside=outside, keyring=keyring)
    finally:
        await database.close()


def _tell(findings: Findings) -> None:
    print(f"entries        {findings.size}")
    print(f"root           {findings.root}")
    print(f"checkpoints    {findings.checkpoints} signed and consistent")
    print(f"bodies         {findings.bodies_opened} opened, {findings.bodies_erased} erased")
    for scar in findings.scars:
        print(f"SCAR           {scar}")
    for problem in findings.problems:
        print(f"WRONG          {problem}")
    print("the log is whole" if not findings.problems else "THE LOG IS NOT WHOLE")


if __name__ == "__main__":
    main()
