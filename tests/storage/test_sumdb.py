"""Our log before a verifier that we did not write: Go's golang.org/x/mod/sumdb (tests/storage/sumdb), where Go is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database, Reading
from storage.errors import TilePathRefused
from storage.ledger.checkpoint import NoteSigner, NoteVerifier, note_of
from storage.ledger.proofs import consistency, inclusion
from storage.ledger.published import covering
from storage.ledger.publisher import open_log
from storage.ledger.tiles import WIDTH, read_tile, tile_at
from storage.ledger.tlog_proof import TlogProof
from tests.conftest import PostgresServer
from tests.storage.bulk_log import grow, size_of, vector_entry, vector_event, vector_salt
from tests.storage.test_proofs import damaged
from tests.sumdb import Sumdb, sumdb_leg, sumdb_program
from tests.world import World

ORIGIN = "berkas.test/akses"
SIGNER, OLDER = NoteSigner(ORIGIN, bytes(32)), NoteSigner(ORIGIN, b"\x01" * 32)
SIZES = 70
LARGE = 70_000
VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "ledger.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def sumdb() -> Iterator[Sumdb]:
    program = sumdb_program()
    if program is None:
        pytest.skip(sumdb_leg())
    running = Sumdb(program)
    yield running
    running.close()


@pytest.fixture
async def roots(database: Database) -> Sequence[bytes]:
    """A log in the database; the root behind each of its entries."""
    await open_log(database, ORIGIN)
    return await grow(database, map(vector_entry, range(SIZES)))


async def _paths(reading: Reading, size: int) -> dict[str, list[list[bytes]]]:
    """All proofs of one size."""
    return {
        "Records": [await inclusion(reading, index, size) for index in range(size)],
        "Trees": [await consistency(reading, old, size) for old in range(1, size + 1)],
    }


async def test_every_proof_of_sizes_1_to_70(sumdb: Sumdb, database: Database, roots: Sequence[bytes]) -> None:
    """4,970 proofs from stored nodes. Go computes leaves and roots from the entries itself. The wrong versions: two hashes of one path
    swapped; a path that ends early; the paths of the size before.
    """
    assert sumdb.error("leaves", Entries=[vector_entry(number) for number in range(SIZES)]) == ""
    async with database.reading() as reading:
        made = {size: await _paths(reading, size) for size in range(1, SIZES + 1)}
    for size, paths in made.items():
        assert sumdb.error("proofs", Size=size, Root=roots[size - 1], **paths) == "", size
    last, trees = {"Size": SIZES, "Root": roots[-1]}, made[SIZES]["Trees"]
    for wrong in (
        [*reversed(made[SIZES]["Records"][9][:2]), *made[SIZES]["Records"][9][2:]],
        made[SIZES]["Records"][9][:-1],
    ):
        records = [*made[SIZES]["Records"][:9], wrong]
        assert "entry 9 of 70" in sumdb.error("proofs", **last, Records=records, Trees=trees)
    swapped = [*trees[:4], [trees[4][1], trees[4][0], *trees[4][2:]]]
    assert "size 5 in 70" in sumdb.error("proofs", **last, Trees=swapped)
    assert "entry 0 of 70" in sumdb.error("proofs", **last, **made[SIZES - 1])
    assert "another root" in sumdb.error("proofs", Size=SIZES, Root=roots[-2])


async def test_tiles_of_seventy_thousand_entries(
    sumdb: Sumdb, world: World, database_url: str, postgres: PostgresServer
) -> None:
    """Over HTTP, as a stranger reads them: all leaves through the verifying reader, all entries below them, proofs that Go makes from tiles.
    The wrong version: tiles of another log, or the checkpoint of another size.
    """
    parts = world.parts
    begun = await size_of(parts.database)
    roots = await grow(parts.database, map(vector_entry, range(begun, LARGE)))
    await parts.publisher.sign_head()
    opened = sumdb.asked(
        "note",
        Text=(await world.client.get("/log/checkpoint")).text,
        Keys=(await world.client.get("/log/vkeys")).text.split(),
    )
    assert (opened["Error"], opened["Signers"]) == ("", [parts.log_origin])
    origin, size, *_ = opened["Text"].split("\n")
    assert (origin, size) == (parts.log_origin, str(LARGE))
    base, indexes = f"{world.origin}/log", [0, begun, 255, 256, 65_535, 65_536, LARGE - 1]
    read = await asyncio.to_thread(
        sumdb.asked, "tiles", Base=base, Size=LARGE, Root=roots[-1], Indexes=indexes
    )
    assert read["Error"] == ""
    assert read["Read"] >= 2 * 274 + 3  # hashes and entries, and the tiles above
    async with parts.database.reading() as reading:
        for index, record, older in zip(indexes, read["Records"], read["Trees"], strict=True):
            assert record == _encoded(await inclusion(reading, index, LARGE)), index
            assert older == _encoded(await consistency(reading, index + 1, LARGE)), index
    before = await asyncio.to_thread(sumdb.error, "tiles", Base=base, Size=LARGE, Root=roots[-2])
    assert "inconsistent tile" in before or "bad math" in before
    # The database is used again, and what is deleted row by row leaves room behind.
    await damaged(database_url, postgres, "TRUNCATE log_entry, log_node")


def _encoded(path: Sequence[bytes]) -> list[str]:
    return [Sumdb.encoded(one) for one in path]


async def test_a_wrong_tile_is_seen(
    sumdb: Sumdb, database: Database, roots: Sequence[bytes], tmp_path: Path
) -> None:
    """The tiles of 1,000 entries as a static site; Go's reader did not see the swapped hashes before it was mended (CVE-2026-56865). The wrong versions: one entry short, in a tile and in a bundle; two hashes swapped; one
    entry of another log; a tile above that is one hash short.
    """
    size, root = 1000, (await grow(database, map(vector_entry, range(SIZES, 1000))))[-1]
    assert root.hex() == VECTORS["root"]
    async with database.reading() as reading:
        for path in VECTORS["tiles_sha256"]:
            place = tmp_path / "tile" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(await read_tile(reading, tile_at(path)))

    def read() -> str:
        return sumdb.error("tiles", Base=str(tmp_path), Size=size, Root=root, Indexes=[123])

    assert read() == ""
    changes: tuple[tuple[str, Callable[[bytes], bytes], str], ...] = (
        ("0/001", lambda tile: tile[:-32], "bad result slice"),
        ("0/002", lambda tile: tile[32:64] + tile[:32] + tile[64:], "inconsistent"),
        ("0/003.p/232", lambda tile: tile[:-32], "bad result slice"),
        ("1/000.p/3", lambda tile: tile[:-32], "bad result slice"),
        ("entries/001", lambda tile: tile[:-35], "too short"),
        ("entries/001", lambda tile: tile + tile[:35], "too long"),
        ("entries/003.p/232", lambda tile: tile[:2] + vector_entry(0) + tile[35:], "not that of its leaf"),
    )
    for path, change, told in changes:
        whole = (tmp_path / "tile" / path).read_bytes()
        (tmp_path / "tile" / path).write_bytes(change(whole))
        assert told in read(), path
        (tmp_path / "tile" / path).write_bytes(whole)
    assert read() == ""


LEVELS = ("0", "1", "7", "63", "00", "01", "-1", "+1", "a", "", "X", "entries", "Entries", "data", "8/0")
NUMBERS = (
    "000", "001", "999", "x001/000", "x001/234", "x001/x234/067", "x999/x999/x999/x999/x999/999", "x000/000", "x000/001", "0", "00", "1",
    "0000", "1000", "x01/000", "x0001/000", "X001/234", "x001/X234/067", "001/234", "x001/x234", "x001", "x001/234/567", "-01", "+01", "0x1",
    "00a", "x-01/000", "", "/000", "000/", "000 ", " 000", "000\n", "\u0660\u0660\u0660", "..", "x001//234", "000.", "000.json",
)  # fmt: skip
WIDTHS = (
    "", ".p/1", ".p/5", ".p/255", ".p/256", ".p/257", ".p/999", ".p/1000", ".p/0", ".p/00", ".p/01", ".p/005", ".p/-1", ".p/+1", ".p/a", ".p/",
    ".p", ".P/1", ".p/1/", ".p/1.p/1", ".p/1 ", ".p/1\n", ".p//1", ".p/0x1", ".p/1_0", ".p/\u0661",
)  # fmt: skip


def test_one_address_for_one_tile(sumdb: Sumdb) -> None:
    """14,430 spellings; Go's reader of tile paths takes the same ones. The wrong version: numbers are read as numbers, so that one tile has many
    addresses and caches fill with copies.
    """
    taken = 0
    for path in (f"{level}/{number}{width}" for level in LEVELS for number in NUMBERS for width in WIDTHS):
        try:
            assert tile_at(path).path() == path
            ours = True
        except TilePathRefused:
            ours = False
        assert ours == (sumdb.error("path", Path=f"tile/{path}") == ""), path
        taken += ours
    assert taken == len(("0", "1", "7", "63", "entries")) * 7 * 4


@pytest.mark.parametrize(
    "path", ["64/000", "99/000", "100/000", "0/" + "x999/" * 6 + "999", "0/" + "x999/" * 900 + "999"]
)
def test_more_than_any_log_has(path: str) -> None:
    """Here C2SP says less than a library takes, and the database's numbers end."""
    with pytest.raises(TilePathRefused):
        tile_at(path)
    assert tile_at("63/000").log_size == WIDTH << 504


def test_checkpoints_open(sumdb: Sumdb) -> None:
    """Signed by one key, by two while one takes the other's place, and by a witness (protocols.md 6.1). The wrong versions: a key id of
    another name, another size under the signature.
    """
    root = bytes(range(32))
    one, both = SIGNER.sign(7, root), note_of([OLDER, SIGNER], 7, root)
    for note, keys in ((one, [SIGNER]), (both, [SIGNER]), (both, [OLDER]), (both, [OLDER, SIGNER])):
        opened = sumdb.asked("note", Text=note, Keys=[key.vkey() for key in keys])
        assert (opened["Error"], opened["Signers"]) == ("", [ORIGIN] * len(keys))
        assert NoteVerifier(keys[0].vkey()).open(note).text() == opened["Text"]
    witnessed = sumdb.asked("note", Text=VECTORS["note"], Keys=[VECTORS["vkey"], VECTORS["witness_vkey"]])
    assert (witnessed["Error"], witnessed["Signers"]) == ("", [VECTORS["origin"], VECTORS["witness"]])
    for wrong, key in (
        (one, OLDER.vkey()),
        (one, NoteSigner("berkas.test/other", bytes(32)).vkey()),
        (one.replace("\n7\n", "\n8\n"), SIGNER.vkey()),
        (VECTORS["note"].replace("IQAAAABrBTzR", "IQAAAABrBTzS"), VECTORS["witness_vkey"]),  # a second later
    ):
        assert wrong != VECTORS["note"]
        assert sumdb.error("note", Text=wrong, Keys=[key]) != ""


async def test_proof_files(sumdb: Sumdb, database: Database, roots: Sequence[bytes]) -> None:
    """Written for each entry of a log in the database, read by somebody else; and the frozen one with its witness."""
    async with database.transaction() as transaction:
        await transaction.raw.execute(
            "INSERT INTO log_checkpoint (size, root, note, created_at) VALUES ($1, $2, $3, clock_timestamp())",
            SIZES, roots[-1], SIGNER.sign(SIZES, roots[-1]),
        )  # fmt: skip
    async with database.reading() as reading:
        for index in range(SIZES):
            found = await covering(reading, index)
            assert found is not None
            extra, path = (
                vector_salt(index) + vector_event(index),
                await inclusion(reading, index, found.size),
            )
            text = TlogProof(extra, index, tuple(path), found.note).text()
            read = sumdb.asked("file", Text=text, Entry=vector_entry(index), Keys=[SIGNER.vkey()])
            assert (read["Error"], read["Extra"]) == ("", Sumdb.encoded(extra))
            assert sumdb.error("file", Text=text, Entry=vector_entry(index + 1), Keys=[SIGNER.vkey()]) != ""
            assert sumdb.error("file", Text=text, Entry=vector_entry(index), Keys=[OLDER.vkey()]) != ""
    proven = {"Text": VECTORS["proof"], "Entry": vector_entry(VECTORS["proven"])}
    read = sumdb.asked("file", **proven, Keys=[VECTORS["vkey"], VECTORS["witness_vkey"]])
    assert (read["Error"], read["Signers"]) == ("", [VECTORS["origin"], VECTORS["witness"]])
