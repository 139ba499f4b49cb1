"""Proofs from the stored tree, and the checkpoint that covers an entry."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import pytest

from storage.database import Database, Reading
from storage.errors import NodeMissing
from storage.ledger.checkpoint import NoteSigner, NoteVerifier
from storage.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion
from storage.ledger.proofs import consistency, inclusion
from storage.ledger.published import covering, published
from storage.ledger.publisher import Publisher, open_log
from tests.conftest import PostgresServer
from tests.storage.bulk_log import grow, vector_entry

SIGNER = NoteSigner("berkas.test/akses", bytes(32))
SIZE = 37


@pytest.fixture
async def roots(database: Database) -> Sequence[bytes]:
    """A log of 37 entries; the root behind each."""
    await open_log(database, SIGNER.origin)
    return await grow(database, map(vector_entry, range(SIZE)))


async def damaged(database_url: str, postgres: PostgresServer, statement: str) -> None:
    """As the owner of the server, triggers off: a disk that lost a row, or an administrator."""
    connection = await asyncpg.connect(postgres.at(postgres.superuser, database_url.rpartition("/")[2]))
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(statement)
    await connection.close()


async def test_one_round_trip(
    database: Database, roots: Sequence[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the proof. Wrong version: a look-up for each of its hashes, forty in a log of a million."""
    statements: list[str] = []
    async with database.reading() as reading:
        fetch = reading.raw.fetch

        async def counted(query: str, *arguments: object) -> object:
            statements.append(query)
            return await fetch(query, *arguments)

        counting = type("Counting", (), {"fetch": staticmethod(counted)})()
        path = await inclusion(Reading(counting), 5, SIZE)
        grown = await consistency(Reading(counting), 13, SIZE)
    assert len(statements) == 2
    assert verify_inclusion(leaf_hash(vector_entry(5)), 5, SIZE, path, roots[SIZE - 1])
    assert verify_consistency(13, SIZE, grown, roots[12], roots[SIZE - 1])


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (5, 3)])
async def test_outside_of_the_tree(database: Database, roots: Sequence[bytes], index: int, size: int) -> None:
    async with database.reading() as reading:
        with pytest.raises(ValueError, match="tree"):
            await inclusion(reading, index, size)
        with pytest.raises(ValueError, match="tree"):
            await consistency(reading, max(size + 1, 0), size)


@pytest.mark.parametrize(("index", "size"), [(36, 38), (37, 38), (0, 64), (36, 40), (63, 64), (0, 1 << 40)])
async def test_beyond_the_end_of_the_log(
    database: Database, roots: Sequence[bytes], index: int, size: int
) -> None:
    """Wrong version: only the hashes of the path are asked for; the path of entry 37 in a tree of 38 needs none that a log of 37 lacks."""
    async with database.reading() as reading:
        with pytest.raises(NodeMissing):
            await inclusion(reading, index, size)
        with pytest.raises(NodeMissing):
            await consistency(reading, SIZE, size)
        with pytest.raises(NodeMissing):
            await consistency(reading, size, size)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log_node WHERE level = 2 AND idx = 0",
        "DELETE FROM log_entry WHERE idx = 4",
        "DELETE FROM log_entry WHERE idx = 5",
        "DELETE FROM log_entry WHERE idx = 36",
    ],
)
async def test_a_node_that_is_gone_is_an_error(
    database: Database, database_url: str, postgres: PostgresServer, roots: Sequence[bytes], statement: str
) -> None:
    """Never a wrong proof. Wrong version: what is missing counts as empty, or is left out of the path."""
    await damaged(database_url, postgres, statement)
    async with database.reading() as reading:
        with pytest.raises(NodeMissing):
            await inclusion(reading, 5, SIZE)


async def test_which_checkpoint_covers_an_entry(database: Database, roots: Sequence[bytes]) -> None:
    """The published one; for an entry of this minute the smallest that has it. Wrong versions: the newest, which tells the holder of one
    receipt how many visits came after; one of ``index`` entries, which lacks the entry itself.
    """

    async def covered(index: int) -> int | None:
        async with database.reading() as reading:
            found = await covering(reading, index)
        assert found is None or NoteVerifier(SIGNER.vkey()).open(found.note).size == found.size
        return found.size if found else None

    async def signed(size: int, age: str) -> None:
        async with database.transaction() as transaction:
            await transaction.raw.execute(
                "INSERT INTO log_checkpoint (size, root, note, created_at) VALUES ($1, $2, $3, clock_timestamp() - $4::text::interval)",
                size, roots[size - 1], SIGNER.sign(size, roots[size - 1]), age,
            )  # fmt: skip

    assert await covered(0) is None
    await signed(30, "-1 hour")  # of this minute, and of no other while the test runs
    await signed(33, "-1 hour")
    assert [await covered(index) for index in (0, 29, 30, 32, 33)] == [30, 30, 33, 33, None]
    await signed(10, "2 minutes")
    await signed(20, "1 minute")
    assert [await covered(index) for index in (0, 9, 10, 19, 20, 29, 30, 33)] == [
        20,
        20,
        20,
        20,
        30,
        30,
        33,
        None,
    ]
    async with database.reading() as reading:
        shown = [await published(reading, at_once=at_once) for at_once in (False, True)]
    assert [one.size for one in shown if one] == [20, 33]


async def test_what_the_publisher_signed_covers(database: Database, roots: Sequence[bytes]) -> None:
    await Publisher(database, [SIGNER], at_once=False).sign_head()
    async with database.reading() as reading:
        found = await covering(reading, SIZE - 1)
        assert found is not None
        assert (found.size, await covering(reading, SIZE)) == (SIZE, None)
        path = await inclusion(reading, SIZE - 1, found.size)
    checkpoint = NoteVerifier(SIGNER.vkey()).open(found.note)
    assert verify_inclusion(leaf_hash(vector_entry(SIZE - 1)), SIZE - 1, SIZE, path, checkpoint.root)
