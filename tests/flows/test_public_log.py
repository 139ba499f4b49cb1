"""Anybody reads the public log: exact addresses, copies that may be kept for ever, and nothing beyond the published checkpoint."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from storage.ledger.checkpoint import note_of
from storage.ledger.merkle import leaf_hash
from storage.ledger.tiles import Tile
from tests.conftest import PostgresServer
from tests.rules.house import ROOT
from tests.storage.bulk_log import grow, size_of, vector_entry
from tests.storage.test_proofs import damaged
from tests.world import World

PUBLISHED, LIVE = 261, 300
FOR_EVER = "public, max-age=31536000, immutable"


async def _published_below_live(world: World) -> Sequence[bytes]:
    """As in production: 300 entries stand, and the checkpoint of 261 was signed before this minute began."""
    parts = world.parts
    parts.publisher.at_once = False
    begun = await size_of(parts.database)
    roots = [bytes(32)] * begun + list(await grow(parts.database, map(vector_entry, range(begun, LIVE))))
    note = note_of(parts.publisher._signers, PUBLISHED, roots[PUBLISHED - 1])
    async with parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "INSERT INTO log_checkpoint (size, root, note, created_at) VALUES ($1, $2, $3, clock_timestamp() - interval '1 minute')",
            PUBLISHED, roots[PUBLISHED - 1], note,
        )  # fmt: skip
    return roots


async def _tile(world: World, path: str, **headers: str) -> httpx.Response:
    return await world.client.get(f"/log/tile/{path}", headers=headers)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """Without what differs from one request to the next."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store, private"
    return {name: value for name, value in answer.json().items() if name != "request_id"}


async def test_no_tile_goes_beyond_the_published_checkpoint(world: World) -> None:
    """A live size would show visits (DESIGN section 2). What stands and is not published answers to the letter like what does not exist.
    Wrong versions: the live head decides; a tile of which a part is published is served in full.
    """
    await _published_below_live(world)
    assert (await world.client.get("/log/checkpoint")).text.split("\n")[1] == str(PUBLISHED)
    served = [("0", 0, 256), ("0", 0, 255), ("0", 0, 1), ("0", 1, 1), ("0", 1, 4), ("0", 1, 5), ("1", 0, 1)]
    hidden = [("0", 1, 6), ("0", 1, 43), ("0", 1, 44), ("1", 0, 2)]
    nowhere = [
        ("0", 1, 45),
        ("0", 1, 255),
        ("0", 1, 256),
        ("0", 2, 1),
        ("1", 0, 256),
        ("2", 0, 1),
        ("63", 0, 1),
        ("0", 10**17, 256),
    ]
    for level, index, width in served:
        path = Tile(int(level), index, width).path()
        answer = await _tile(world, path)
        assert (answer.status_code, len(answer.content)) == (200, 32 * width), path
    for bundle in (Tile(0, 1, 5, entries=True), Tile(0, 0, entries=True)):
        answer = await _tile(world, bundle.path())
        assert (answer.status_code, len(answer.content)) == (200, 35 * bundle.width)
    problems = [
        _problem(await _tile(world, Tile(0 if entries else int(level), index, width, entries).path()))
        for level, index, width in (*hidden, *nowhere)
        for entries in (False, *([True] if level == "0" else []))
    ]
    assert [problem for problem in problems if problem != problems[0]] == []
    assert (problems[0]["code"], problems[0]["status"]) == ("BK-9008", 404)


async def test_tiles_appear_with_the_checkpoint(world: World) -> None:
    """Once it is published, and no copy of the 404 was kept; in the sandbox at once."""
    await _published_below_live(world)
    assert (await _tile(world, "0/001.p/44")).status_code == 404
    await world.parts.publisher.sign_head()
    assert (await _tile(world, "0/001.p/44")).status_code == 404
    world.parts.publisher.at_once = True
    assert (await _tile(world, "0/001.p/44")).status_code == 200
    assert (await _tile(world, "0/001.p/45")).status_code == 404


async def test_copies_may_be_kept_for_ever(world: World) -> None:
    """Full and partial ones: the bytes of an address never change. Wrong version: a partial tile is what there is of it now."""
    roots = await _published_below_live(world)
    part, full = await _tile(world, "0/001.p/5"), await _tile(world, "0/000")
    for answer in (part, full):
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == FOR_EVER
        assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
        assert "set-cookie" not in answer.headers
    assert part.content == b"".join(leaf_hash(vector_entry(256 + number)) for number in range(5))
    for asked in (part.headers["etag"], f'"another", {part.headers["etag"]}'):
        again = await _tile(world, "0/001.p/5", **{"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", part.headers["etag"])
        assert again.headers["cache-control"] == FOR_EVER
    assert (await _tile(world, "0/001.p/5", **{"If-None-Match": '"another"'})).status_code == 200
    await grow(world.parts.database, map(vector_entry, range(LIVE, 600)))
    world.parts.publisher.at_once = True
    await world.parts.publisher.sign_head()
    assert (await _tile(world, "0/001")).status_code == 200
    later = await _tile(world, "0/001.p/5")
    assert (later.content, later.headers["etag"]) == (part.content, part.headers["etag"])
    assert len(roots) == LIVE


OTHER_SPELLINGS = (
    "0/0", "0/0000", "00/000", "01/000", "64/000", "0/x000/000", "0/X001/000", "0/001.p/0", "0/001.p/05", "0/001.p/256", "0/001.P/5", "0/001.p",
    "0/001/", "0//001", "0/-01", "-1/000", "data/000", "Entries/000", "entries/000.p/300", "0/%30%30%30", "%30/000", "0/000.p%2F5", "", "8/0/000",
    "0/000%00", "0/\u0660\u0660\u0660", "0/" + "x999/" * 500 + "999", "0/" + "9" * 5000, "0/000;v=1",
)  # fmt: skip


async def test_one_address_for_one_tile(world: World) -> None:
    """The wrong version reads numbers as numbers: copies of one tile under many addresses, and caches full of them (test_sumdb.py has Go's
    reader beside ours).
    """
    for path in OTHER_SPELLINGS:
        problem = _problem(await _tile(world, path))
        assert (problem["code"], problem["status"]) == ("BK-9007", 404), path
        assert "tlog-tiles" in problem["detail"]


async def test_the_readmes_check(world: World) -> None:
    """The program that the README shows, run as a stranger would, over more than one tile; and once on a log in which one byte is another."""
    await _published_below_live(world)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("test_public_log.py runs the next block -->\n```python\n")[2].partition("```")[0]
    checking = [sys.executable, "-c", block, world.origin]
    told = await asyncio.to_thread(subprocess.run, checking, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, f"{world.parts.log_origin} {PUBLISHED} whole\n"), told.stderr
    checking[2] = block.replace("bundle[2 : 2 + length]", "bundle[2 : 1 + length] + b'x'")
    told = await asyncio.to_thread(subprocess.run, checking, capture_output=True, text=True, check=False)
    assert (told.returncode, "NOT WHOLE" in told.stdout) == (3, True)


async def test_an_empty_log(world: World, database_url: str, postgres: PostgresServer) -> None:
    """Nothing is published yet: no checkpoint, no tile, not even an empty one."""
    await damaged(database_url, postgres, "TRUNCATE log_checkpoint")
    assert (await world.client.get("/log/checkpoint")).status_code == 404
    for path in ("0/000", "0/000.p/1", "entries/000.p/1", "1/000.p/1"):
        assert _problem(await _tile(world, path))["code"] == "BK-9008"


async def test_a_tile_that_is_not_whole_is_not_served(
    world: World, database_url: str, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A row of the log is gone: whoever operates it is told. Wrong version: what is left of the tile, with a year's permission to keep it."""
    await _published_below_live(world)
    await damaged(database_url, postgres, "DELETE FROM log_entry WHERE idx = 100")
    await damaged(database_url, postgres, "DELETE FROM log_node WHERE level = 8 AND idx = 0")
    for path in ("0/000", "0/000.p/101", "entries/000", "1/000.p/1"):
        assert _problem(await _tile(world, path))["code"] == "BK-9001", path
        told = [record.levelname for record in caplog.records if "log is not whole" in record.getMessage()]
        assert told == ["ERROR"], path
        caplog.clear()
    assert (await _tile(world, "0/000.p/100")).status_code == 200
