"""The root key and citizens' keys turn under load, interrupted, by several at once; a destroyed key stays destroyed (A60, F30, F35)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from exchange.deps import clock
from exchange.flows import turn_citizen_keys
from storage import key_turning
from storage.citizen_keys import CitizenKey, insert_first_keys, keys_of
from storage.documents import VERSIONS
from storage.errors import RootKeyRefused, SealBroken
from storage.ids import new_id
from storage.keyring import Keyring, create_root_key, provider_for
from storage.sealing import dek_ad, unwrap
from tests.conftest import PostgresServer, StoreServer
from tests.files import noted
from tests.flows.replicas import environment_of
from tests.rules.house import ROOT
from tests.world import JPEG, OfficerAt, World, running_world

MANY = 2 * turn_citizen_keys.ROOT_PAGE + 20


@pytest.fixture
async def world(
    database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[World]:
    """A service that reads two root keys and wraps with the old one, as before a change."""
    create_root_key(tmp_path / "new.key")
    async with running_world(
        tmp_path,
        database_url=database_url,
        store=store,
        s3_bucket=bucket_name,
        root_key_other=f"file:{tmp_path}/new.key",
    ) as running:
        yield running


def under_new(world: World, folder: Path) -> dict[str, str]:
    """The environment of a process that wraps with the new root key and reads both."""
    new, old = f"file:{folder}/new.key", f"file:{folder}/root.key"
    return environment_of(world, 1) | {"BERKAS_ROOT_KEY": new, "BERKAS_ROOT_KEY_OTHER": old}


async def started(environment: dict[str, str], *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "exchange.cli", "keys", *arguments, cwd=ROOT, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ran(environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    process = await started(environment, *arguments)
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == code, (out, err)
    return out.decode() + (err.decode() if code else "")


async def crowd(world: World, count: int) -> None:
    """Citizens of whom nothing but their keys matters."""
    keyring = world.parts.keyring
    rows = [(await keyring.fresh_citizen(new_id("sbj"), clock()))[0] for _ in range(count)]
    async with world.parts.database.transaction() as transaction:
        for row in rows:
            await insert_first_keys(transaction, row)


async def all_keys(world: World) -> list[CitizenKey]:
    async with world.parts.database.reading() as reading:
        rows = await reading.raw.fetch("SELECT * FROM citizen_key ORDER BY id")
    return [CitizenKey(**dict(row)) for row in rows]


@asynccontextmanager
async def stuck_in_the_second_page(superuser_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Whoever writes more than a page of keys sleeps in its transaction, until the end of the block."""
    connection = await asyncpg.connect(superuser_url)
    await connection.execute(
        "CREATE SEQUENCE written; CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
        f"IF nextval('written') > {turn_citizen_keys.ROOT_PAGE} THEN PERFORM pg_sleep(30); END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER slow BEFORE UPDATE ON citizen_key FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    try:
        yield connection
    finally:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        )
        await connection.execute("DROP TRIGGER slow ON citizen_key")
        await connection.close()


@asynccontextmanager
async def load(act: Callable[[], Awaitable[None]]) -> AsyncIterator[list[int]]:
    """``act`` again and again beside the block; what it raises fails the test. Gives how often, in a list of one."""
    times, ending = [0], asyncio.Event()

    async def again() -> None:
        while not ending.is_set():
            await act()
            times[0] += 1

    task = asyncio.create_task(again())
    try:
        yield times
    finally:
        ending.set()
        await task


def fetching(world: World, officer: OfficerAt, consent: str, content: bytes) -> Callable[[], Awaitable[None]]:
    """A ticket and its paper, with keys that are never the cache's."""

    async def fetch() -> None:
        ticket = await officer.post("/v1/tickets", json={"consent_id": consent})
        assert ticket.status_code == 201, ticket.text
        world.parts.keyring._cache.clear()
        world.parts.vault._places.clear()
        answer = await world.fetches(officer, ticket.json())
        assert (answer.status_code, answer.content) == (200, content), answer.text

    return fetch


async def test_the_root_key_turns_under_load(world: World, tmp_path: Path) -> None:
    """A60: no fetch and no enrolment fails meanwhile; then the old key is not needed, and the new one opens everything."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    await crowd(world, 500)
    environment = under_new(world, tmp_path)
    assert "need" in await ran(environment, "root", code=3)
    async with load(fetching(world, officer, consent, JPEG)) as times:
        done = json.loads(await ran(environment, "rewrap", "--json"))
    assert times[0] > 3
    assert (done["citizens"], done["left"]) == (501, 0)
    assert done["site"] >= 8
    assert "no other root key is needed" in await ran(environment, "root")
    database = world.parts.database
    new = Keyring(database, provider_for(f"file:{tmp_path}/new.key"))
    await new.open_existing()
    old = Keyring(database, provider_for(f"file:{tmp_path}/root.key"))
    for row in (await all_keys(world))[:5]:
        assert await new.document_key(row.id) == await world.parts.keyring.document_key(row.id)
        assert (await new.trail(row.id)).key == (await world.parts.keyring.trail(row.id)).key
        with pytest.raises(RootKeyRefused):
            await old.document_key(row.id)
    entries = [entry for entry in await world.entries() if entry.get("act") == "rewrap"]
    assert sum(entry["keys"] for entry in entries) == 501
    # Who still wraps with the old one goes on: a row more, which the next run moves.
    await world.enrols(officer, "6472095708929902", "+6281200009977")
    assert json.loads(await ran(environment, "rewrap", "--json"))["citizens"] == 1


async def test_killed_in_the_middle_and_gone_on_by_two(
    world: World, tmp_path: Path, postgres: PostgresServer, database_url: str
) -> None:
    """A60, F30: after kill -9 each row is wholly under one of the two; two processes at once finish it, each row once."""
    await crowd(world, MANY)
    environment = under_new(world, tmp_path)
    new_id_of_root = provider_for(f"file:{tmp_path}/new.key").root_key_id
    at = postgres.at(postgres.superuser, urlsplit(database_url).path.strip("/"))
    async with stuck_in_the_second_page(at) as connection:
        killed = await started(environment, "rewrap")
        while not await connection.fetchval(
            "SELECT count(*) FROM citizen_key WHERE root_key_id = $1", new_id_of_root
        ):
            assert killed.returncode is None
            await asyncio.sleep(0.005)
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
    rows = await all_keys(world)
    moved = sum(row.root_key_id == new_id_of_root for row in rows)
    assert 0 < moved < MANY
    fresh = Keyring(world.parts.database, world.parts.keyring.provider)
    await fresh.open_existing()
    for row in rows[:: MANY // 30]:
        await fresh.document_key(row.id)
        await fresh.trail(row.id)
    both = await asyncio.gather(*(ran(environment, "rewrap", "--json") for _ in range(2)))
    done = [json.loads(each) for each in both]
    assert sum(each["citizens"] for each in done) == MANY - moved
    assert [each["left"] for each in done] == [0, 0]


async def test_citizens_keys_turn_under_load(world: World, tmp_path: Path) -> None:
    """A60: papers come in and go out meanwhile; afterwards a document key that was copied before opens nothing."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    parts, number = world.parts, 0
    subject = await world.enrols(officer)
    (row,) = await all_keys(world)
    before = await _versions(world)
    _, copied = await parts.keyring.document_key(row.id)

    async def scan() -> None:
        nonlocal number
        number += 1
        stored = await world.stores(
            officer, subject, "PASFOTO", noted(JPEG, number.to_bytes(4, "big")), background="red"
        )
        assert stored.status_code == 201, stored.text

    other = Keyring(
        parts.database, parts.keyring.provider
    )  # another replica, whose cache knows nothing of it
    await other.open(clock())
    async with load(fetching(world, officer, consent, JPEG)) as fetched, load(scan) as scanned:
        for _ in range(12):
            done = await turn_citizen_keys.turn_citizens(
                parts.database, other, parts.appender, clock(), clock(), lambda _done: None
            )
            assert (done.citizens, done.left) == (1, 0)
            await asyncio.sleep(0.05)
    assert fetched[0] > 2
    assert scanned[0] > 2
    (row,) = await all_keys(world)
    assert row.key_id == f"{row.id}/13"
    for version in await _versions(world):
        parts.keyring._cache.clear()
        assert await parts.vault.data_key(version)
        for key_id in (row.key_id, f"{row.id}/1"):
            with pytest.raises(SealBroken):
                unwrap(copied, version.wrapped_key, dek_ad(version.document_id, version.version, key_id))
    assert unwrap(copied, before[0].wrapped_key, dek_ad(before[0].document_id, 1, f"{row.id}/1"))


async def test_the_command_turns_citizens_keys_and_goes_on(world: World, tmp_path: Path) -> None:
    """Interrupted, it goes on from the moment that it printed: who was turned is not turned again."""
    await crowd(world, 120)
    environment = environment_of(world, 1) | {"BERKAS_ROOT_KEY_OTHER": f"file:{tmp_path}/new.key"}
    process = await started(environment, "rotate", "--purpose", "citizen", "--json")
    out, err = await process.communicate()
    assert json.loads(out)["citizens"] == 120
    moment = err.decode().split("--before ")[1].split()[0]
    assert {row.key_id.rpartition("/")[2] for row in await all_keys(world)} == {"2"}
    assert (
        json.loads(await ran(environment, "rotate", "--purpose", "citizen", "--before", moment, "--json"))[
            "citizens"
        ]
        == 0
    )
    assert "120 citizens" in await ran(environment, "rotate", "--purpose", "citizen")


async def test_a_key_that_an_erasure_destroyed_does_not_come_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row was read and wrapped anew, then destroyed, then the page arrives: the batch compares and leaves it destroyed."""
    await crowd(world, 3)
    parts, victim = world.parts, (await all_keys(world))[1].id
    real = key_turning.rewrapped

    async def slow(keyring: Keyring, rows: list[CitizenKey]) -> list[CitizenKey]:
        made = await real(keyring, rows)
        async with parts.database.transaction() as transaction:
            await transaction.raw.execute(
                "UPDATE citizen_key SET document_key = NULL, trail_key = NULL WHERE id = $1", victim
            )
        return made

    monkeypatch.setattr(turn_citizen_keys, "rewrapped", slow)
    new = Keyring(parts.database, provider_for(f"file:{tmp_path}/new.key", f"file:{tmp_path}/root.key"))
    await new.open(clock())
    done = await turn_citizen_keys.rewrap(parts.database, new, parts.appender, lambda _done: None)
    assert done.citizens == 2
    async with parts.database.reading() as reading:
        row = await keys_of(reading, victim)
    assert row is not None
    assert (row.document_key, row.trail_key) == (None, None)


async def test_a_lost_version_does_not_hold_up_the_others(world: World) -> None:
    """A data key that was swapped opens nothing; the citizen's other papers turn all the same."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    subject = await world.enrols(officer)
    stored = await world.stores(officer, subject, "PASFOTO", noted(JPEG, b"lost"), background="red")
    lost = stored.json()["document_id"]
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE document_version SET wrapped_key = $2 WHERE document_id = $1", lost, os.urandom(60)
        )
    parts = world.parts
    done = await turn_citizen_keys.turn_citizens(
        parts.database, parts.keyring, parts.appender, clock(), clock(), lambda _done: None
    )
    assert (done.citizens, done.left) == (1, 0)
    await fetching(world, officer, consent, JPEG)()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"BERKAS_ROOT_KEY_OTHER": ""}, "another root key"),
        ({"BERKAS_ROOT_KEY": "file:{folder}/root.key"}, "same root key"),
        ({"BERKAS_ROOT_KEY_OTHER": "file:/nowhere"}, "cannot be read"),
    ],
)
async def test_what_cannot_be_done_is_said(
    world: World, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    """F35: in one sentence, and nothing was changed."""
    before = await all_keys(world)
    given = {name: value.format(folder=tmp_path) for name, value in changes.items()}
    assert words in await ran(under_new(world, tmp_path) | given, "rewrap", code=1)
    assert await all_keys(world) == before


async def _versions(world: World) -> list[Any]:
    async with world.parts.database.reading() as reading:
        ids = [row["id"] for row in await reading.raw.fetch("SELECT id FROM document_version")]
        return await VERSIONS.load(reading.raw, "id", ids)
