"""Sweeping and collecting race with papers that come in, under clocks that lie: nothing that is acknowledged loses its object (F23, I1, I2)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from exchange.deps import clock
from exchange.flows import tidy_up
from storage.errors import StorageError
from storage.shelf import SHARDS
from tests.files import noted
from tests.tampering import Bucket, change, fsck, rows, swept
from tests.world import JPEG, World, content_digest

LONG_AGO = timedelta(hours=-1)  # whatever is there is old


async def _slowly(content: bytes, pauses_s: list[float]) -> AsyncIterator[bytes]:
    step = -(-len(content) // len(pauses_s))
    for number, pause_s in enumerate(pauses_s):
        await asyncio.sleep(pause_s)
        yield content[number * step : (number + 1) * step]


async def _brings(
    world: World, officer: Any, subject: str, kind: str, content: bytes, pauses_s: list[float]
) -> Any:
    return await officer.post(
        f"/v1/subjects/{subject}/documents?type={kind}",
        content=_slowly(content, pauses_s),
        headers={
            "Content-Type": "image/jpeg",
            "Content-Digest": content_digest(content),
            "Content-Length": str(len(content)),
        },
    )


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_that_is_acknowledged_loses_its_object(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """F23, F30, I1, I2: eight papers come in, fast and slow, while two replicas sweep and collect with a clock by which every
    pending row and every object is an hour old. Whoever got 201 has the object; whoever did not, has left nothing in the end.
    Wrong version: sweeping by age alone. It deletes the object of an intake whose batch comes after, and this test sees a ready
    version without one."""
    chance = random.Random(seed)
    monkeypatch.setattr(tidy_up, "INTAKE_FORGOTTEN_AFTER", LONG_AGO)
    monkeypatch.setattr(tidy_up, "ORPHAN_AGE", LONG_AGO)
    monkeypatch.setattr(tidy_up, "ORPHANS_AT_MOST", 1_000)
    parts = world.parts
    officer = await world.officer()
    subject = await world.enrols(officer)
    done = asyncio.Event()

    async def replica() -> None:
        collector = tidy_up.Collector(parts.database, parts.vault)
        while not done.is_set():
            await asyncio.sleep(chance.uniform(0.2, 0.9))
            if chance.random() < 0.2:
                await swept(world)
            else:
                used = sorted({key[:2] for key in await asyncio.to_thread(Bucket(world).names)})
                for shard in used:
                    await collector.collect(shard, clock())

    replicas = [asyncio.create_task(replica()) for _ in range(2)]
    answers: list[httpx.Response] = []
    for _ in range(5):  # a busy machine may give all of one round up
        papers = []
        for number, kind in enumerate(("KTP", "NPWP", "SIM", "KTP", "NPWP", "SIM", "KTP", "NPWP")):
            content = noted(JPEG, bytes([number, len(answers)]) * 1_000)
            pauses_s = [chance.uniform(0.0, 0.15) for _ in range(chance.randint(1, 4))]
            papers.append(_brings(world, officer, subject, kind, content, pauses_s))
        answers += await asyncio.gather(*papers)
        if any(answer.status_code == 201 for answer in answers):
            break
    done.set()
    await asyncio.gather(*replicas)
    told = {(answer.status_code, answer.json().get("code")) for answer in answers}
    assert told <= {(201, None), (408, "BK-3004"), (409, "BK-3011"), (502, "BK-5004"), (503, "BK-5002")}, told
    assert any(answer.status_code == 201 for answer in answers)
    kept = await rows(world)
    assert len(kept) == sum(answer.status_code == 201 for answer in answers)
    await swept(world)
    collector = tidy_up.Collector(parts.database, parts.vault)
    for shard in SHARDS:
        await collector.collect(shard, clock())
    assert sorted(Bucket(world).names()) == sorted(row["object_key"] for row in kept)
    assert (await fsck(world, deep=True)).clean
    async with parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM intake") == 0


async def test_a_paper_that_was_given_up_stays_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """F23: the clock jumps forth, the sweep gives the intake up, the clock jumps back, the body goes on. 408, an entry, nothing kept.
    Wrong version: only the age is judged, 201 is answered, and the paper is not there."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    coming = asyncio.create_task(_brings(world, officer, subject, "KTP", JPEG, [0.0, 0.8, 0.0]))
    for _ in range(100):
        async with world.parts.database.reading() as reading:
            if await reading.raw.fetchval("SELECT count(*) FROM intake"):
                break
        await asyncio.sleep(0.02)
    with monkeypatch.context() as lying:
        lying.setattr(tidy_up, "INTAKE_FORGOTTEN_AFTER", LONG_AGO)
        assert await swept(world) == 1
    answer = await coming
    assert (answer.status_code, answer.json()["code"]) == (408, "BK-3004")
    entries = [(e["type"], e.get("act"), e["result"].get("reason")) for e in await world.entries()][-2:]
    assert entries == [("intake", "given_up", None), ("intake", None, "intake_too_slow")]
    assert Bucket(world).names() == []
    assert await rows(world) == []
    assert (await world.stores(officer, subject)).status_code == 201


async def test_a_version_is_never_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process died between the batch and its own tidying up: its pending row goes, its object stays, two replicas at once."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    key = (await rows(world))[0]["object_key"]
    monkeypatch.setattr(tidy_up, "INTAKE_FORGOTTEN_AFTER", LONG_AGO)
    await change(
        world,
        "INSERT INTO intake (object_key, document_id, version, wrapped_key, started_at) "
        "VALUES ($1, 'd_x', 1, '\\x00', clock_timestamp() - interval '2 days')",
        key,
    )
    parts = world.parts
    assert await tidy_up._given_up(parts.keyring, parts.appender, [key]) == []
    await asyncio.gather(swept(world), swept(world))
    assert Bucket(world).names() == [key]
    assert (await fsck(world, deep=True)).clean


async def test_more_orphans_than_crashes_leave_are_left_alone(world: World) -> None:
    """A database restored to yesterday does not know today's papers: collecting would delete them. Nothing is, the log says so."""
    bucket = Bucket(world)
    collector = tidy_up.Collector(world.parts.database, world.parts.vault)
    later = clock() + timedelta(minutes=11)
    for number in range(3):
        bucket.put(f"ab/ab{number:030d}", b"x")
    assert await collector.collect("ab", clock()) == 0  # they have just come
    assert await collector.collect("ab", later) == 3
    for number in range(tidy_up.ORPHANS_AT_MOST + 1):
        bucket.put(f"ab/ab{number:030d}", b"x")
    assert await collector.collect("ab", later) == 0
    assert len(bucket.names()) == tidy_up.ORPHANS_AT_MOST + 1


async def test_a_sweep_without_a_store(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """F18: what was given up keeps its pending row until its object is gone, and the next sweep goes on."""
    key = "ab/" + "ab" * 16
    await change(
        world,
        "INSERT INTO intake (object_key, document_id, version, wrapped_key, started_at) "
        "VALUES ($1, 'd_x', 1, '\\x00', clock_timestamp() - interval '9 minutes 30 seconds')",
        key,
    )

    async def down(*_: object) -> None:
        raise StorageError("down")

    monkeypatch.setattr(tidy_up, "INTAKE_FORGOTTEN_AFTER", timedelta(minutes=9))
    with monkeypatch.context() as patch:
        patch.setattr(world.parts.vault._blobs, "delete", down)
        await swept(world)
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM intake") == 1
    await swept(world)
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM intake") == 0
