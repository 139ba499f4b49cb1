"""A long log in a moment: entries and subtrees as our code makes them, brought in by COPY past the appender."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from storage.database import Database
from storage.ledger.entry import canonical, entry_bytes
from storage.ledger.merkle import leaf_hash
from storage.ledger.page import read_edges


def vector_entry(number: int) -> bytes:
    """Entry ``number`` of the example in protocols.md 6.1."""
    return entry_bytes(vector_salt(number), vector_event(number))


def vector_salt(number: int) -> bytes:
    return hashlib.sha256(f"salt{number}".encode()).digest()


def vector_event(number: int) -> bytes:
    return canonical({"n": number})


async def size_of(database: Database) -> int:
    async with database.reading() as reading:
        return int(await reading.raw.fetchval("SELECT size FROM log_head"))


async def grow(database: Database, entries: Iterable[bytes]) -> Sequence[bytes]:
    """Append them to the log, which must be open; returns the roots of the trees on the way, one behind each entry."""
    rows, nodes, roots = [], [], []
    async with database.transaction() as transaction:
        size = await transaction.raw.fetchval("SELECT size FROM log_head WHERE id = 1 FOR UPDATE")
        edge = (await read_edges(transaction.raw, size))[0]
        assert edge is not None
        for entry in entries:
            rows.append((edge.size, entry))
            nodes += edge.append(leaf_hash(entry))
            roots.append(edge.root())
        await transaction.raw.copy_records_to_table("log_entry", records=rows, columns=["idx", "entry"])
        await transaction.raw.copy_records_to_table(
            "log_node", records=nodes, columns=["level", "idx", "hash"]
        )
        await transaction.raw.execute(
            "UPDATE log_head SET size = $1, root = $2 WHERE id = 1", edge.size, edge.root()
        )
    return roots
