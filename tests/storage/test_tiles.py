"""Tiles of a log that was restored below a published checkpoint, and goes on under a new name (storage/ledger/reopening.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest

from storage.database import Database, Reading
from storage.errors import NodeMissing
from storage.ledger.checkpoint import NoteSigner, NoteVerifier
from storage.ledger.merkle import HASH_BYTES, Edge, leaf_hash, verify_consistency
from storage.ledger.proofs import consistency
from storage.ledger.published import covering, published
from storage.ledger.publisher import Publisher, open_log
from storage.ledger.reopening import reopen
from storage.ledger.tiles import Tile, read_tile, tile_at
from tests.conftest import PostgresServer
from tests.storage.bulk_log import grow, vector_entry

OLD, NEW = NoteSigner("berkas.test/akses", bytes(32)), NoteSigner("berkas.test/akses/2", bytes(32))
RESTORED, LOST_TO, LATER = 300, 340, 520


async def _leaves(reading: Reading, size: int) -> list[bytes]:
    """As a stranger gets them: from full tiles and the partial one at the end."""
    found: list[bytes] = []
    while len(found) < size:
        tile = await read_tile(reading, Tile(0, len(found) // 256, min(256, size - len(found))))
        found += [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
    return found


def _root(leaves: Sequence[bytes]) -> bytes:
    edge = Edge()
    for leaf in leaves:
        edge.append(leaf)
    return edge.root()


async def test_tiles_go_on_under_a_new_name(postgres: PostgresServer, database_url: str) -> None:
    """Entries 300 to 339 are lost; others stand in their places. What was there before keeps its bytes; what is new fits the new checkpoint and
    contradicts the lost one, so that a copy of a lost tile is seen. Wrong version: the new name begins its own numbers at 0.
    """
    database = Database(database_url)
    await open_log(database, OLD.origin)
    await grow(database, map(vector_entry, range(RESTORED)))
    await Publisher(database, [OLD], at_once=True).sign_head()
    kept = ("0/000", "0/001.p/44", "1/000.p/1", "entries/001.p/44")
    async with database.reading() as reading:
        before = {path: await read_tile(reading, tile_at(path)) for path in kept}
        old = await published(reading, at_once=True)
    lost = [vector_entry(number) for number in range(RESTORED, LOST_TO)]
    lost_root = _root(
        [leaf_hash(vector_entry(number)) for number in range(RESTORED)] + [*map(leaf_hash, lost)]
    )
    await database.close()
    await asyncio.sleep(0)

    database = Database(postgres.at(postgres.owner, urlsplit(database_url).path.strip("/")))
    await reopen(database, OLD.sign(LOST_TO, lost_root), [NoteVerifier(OLD.vkey()), NoteVerifier(NEW.vkey())])
    await grow(database, (vector_entry(number + 10_000) for number in range(RESTORED, LATER)))
    await Publisher(database, [NEW], at_once=True).sign_head()
    async with database.reading() as reading:
        assert {path: await read_tile(reading, tile_at(path)) for path in kept} == before
        fresh = await published(reading, at_once=True)
        assert old is not None
        assert fresh is not None
        checkpoint, first = NoteVerifier(NEW.vkey()).open(fresh.note), NoteVerifier(OLD.vkey()).open(old.note)
        assert (checkpoint.size, checkpoint.root) == (LATER, _root(await _leaves(reading, LATER)))
        assert _root(await _leaves(reading, LOST_TO)) != lost_root
        grown = await consistency(reading, RESTORED, LATER)
        assert verify_consistency(RESTORED, LATER, grown, first.root, checkpoint.root)
        assert not verify_consistency(
            LOST_TO, LATER, await consistency(reading, LOST_TO, LATER), lost_root, checkpoint.root
        )
        late = await covering(reading, RESTORED)
        assert late is not None
        assert NoteVerifier(NEW.vkey()).open(late.note).size == LATER
    await database.close()


@pytest.mark.parametrize(
    "path", ["0/000.p/3", "0/000", "0/001.p/1", "1/000.p/1", "entries/000.p/3", "7/000.p/1", "63/000.p/1"]
)
async def test_never_a_shorter_tile(database: Database, path: str) -> None:
    """Of a log of two entries."""
    await open_log(database, OLD.origin)
    await grow(database, map(vector_entry, range(2)))
    async with database.reading() as reading:
        assert len(await read_tile(reading, tile_at("0/000.p/2"))) == 2 * HASH_BYTES
        with pytest.raises(NodeMissing):
            await read_tile(reading, tile_at(path))
