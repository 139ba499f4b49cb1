"""Nodes of the object store die and come back under load: what was acknowledged is there, byte for byte (F18, F22, I1, I2, I8).

The application over a store of four nodes. One is killed: papers go in and out. A second one: papers go out, and what would come in is
told to come back later. Both return. At the end every paper for which an officer had a 201 is opened, and its SHA-256 compared.

A few seconds in the suite; ``make store-chaos`` (``BERKAS_STORE_CHAOS``: seconds for each stage) runs it longer, over two more
replicas in processes of their own. MinIO where there is one, else SeaweedFS; the figures say which.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import logging
import os
import random
import statistics
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from exchange.deps import clock
from exchange.flows import tidy_up
from storage.shelf import SHARDS
from tests.files import noted
from tests.flows.replicas import as_officer, two_replicas
from tests.invariants import check_invariants
from tests.storage.four_nodes import NODES, Cluster, FourMinio, Front, chosen, running
from tests.world import JPEG, OTHER_NIK, OfficerAt, World, content_digest, running_world

STAGE_S = float(os.environ.get("BERKAS_STORE_CHAOS", "2.5"))
LONG = "BERKAS_STORE_CHAOS" in os.environ
SEED = int(os.environ.get("BERKAS_STORE_CHAOS_SEED", "20261126"))
NIKS = [f"64720917{day:02d}9099{serial}" for day, serial in ((1, 31), (2, 32), (3, 33), (4, 34))]
# How long the store may need to see that a node went, or that it came back.
SETTLES_WITHIN_S = 60.0
HEALS_WITHIN_S = 180.0
PAUSE_S = 0.02
IN_A_ROW = 6


@dataclass
class Stage:
    """What the callers were told during it, by what they did; how long each answer took, in seconds."""

    name: str
    judged: bool = False
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    took_s: dict[str, list[float]] = field(default_factory=lambda: {"write": [], "read": []})

    def line(self) -> str:
        words = [f"{act} {status}: {count}" for (act, status), count in sorted(self.answers.items())]
        slow = [
            f"{act} p50 {1000 * statistics.median(took):.0f} max {1000 * max(took):.0f} ms"
            for act, took in self.took_s.items()
            if took
        ]
        return f"  {self.name:<18} {', '.join(words)}; {', '.join(slow)}"


@dataclass
class Load:
    """Officers who send and read papers without a pause. ``acknowledged`` is the account: (document, version) -> SHA-256."""

    origins: list[str]
    acknowledged: dict[tuple[str, int], str] = field(default_factory=dict)
    stage: Stage = field(default_factory=lambda: Stage("before"))
    over: bool = False
    kept_in_a_row: int = 0
    told: list[httpx.Response] = field(default_factory=list)
    told_between: list[httpx.Response] = field(default_factory=list)
    _turn: itertools.count[int] = field(default_factory=itertools.count)

    def origin(self) -> str:
        return self.origins[next(self._turn) % len(self.origins)]

    async def writes(self, client: httpx.AsyncClient, officer: OfficerAt, subject: str) -> None:
        content = noted(JPEG, os.urandom(300_000))
        headers = {
            "Content-Type": "image/jpeg",
            "Content-Digest": content_digest(content),
            **as_officer(officer),
        }
        answer = await self._timed(
            "write",
            lambda: client.post(
                f"{self.origin()}/v1/subjects/{subject}/documents?type=KTP", content=content, headers=headers
            ),
        )
        self.kept_in_a_row = self.kept_in_a_row + 1 if answer.status_code == 201 else 0
        if answer.status_code == 201:
            kept = answer.json()
            assert kept["sha256"] == hashlib.sha256(content).hexdigest()
            self.acknowledged[kept["document_id"], kept["version"]] = kept["sha256"]

    async def reads(
        self, client: httpx.AsyncClient, officer: OfficerAt, consent: str, content: bytes
    ) -> None:
        headers = as_officer(officer)
        issued = await client.post(
            f"{self.origin()}/v1/tickets", json={"consent_id": consent}, headers=headers
        )
        assert issued.status_code == 201, issued.text
        ticket = issued.json()
        url = f"{self.origin()}{ticket['documents'][0]['content_url']}"
        bearer = {"Authorization": f"Bearer {ticket['ticket']}", **headers}
        answer = await self._timed("read", lambda: client.get(url, headers=bearer))
        assert answer.status_code != 200 or answer.content == content

    async def _timed(self, act: str, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Counted for the stage in which it began and ended: what was under way when a node died or came back may have gone either way."""
        stage, began_s = self.stage, time.monotonic()
        answer = await call()
        if stage is self.stage:
            stage.answers[act, answer.status_code] += 1
            stage.took_s[act].append(time.monotonic() - began_s)
        if answer.status_code not in {200, 201}:
            (self.told if stage is self.stage and stage.judged else self.told_between).append(answer)
        return answer

    async def passes(self, name: str, seconds: float = STAGE_S) -> Stage:
        """A stage of its own; returns when its time is over and something of each kind was answered."""
        self.stage = Stage(name, judged=True)
        await asyncio.sleep(seconds)
        async with asyncio.timeout(SETTLES_WITHIN_S):
            while {act for act, _ in self.stage.answers} != {"write", "read"}:  # noqa: ASYNC110 - counted by others
                await asyncio.sleep(0.1)
        return self.stage

    async def writes_go_on(self) -> float:
        """Seconds until several writes in a row were taken: each node has seen by then who is there."""
        self.stage, began_s = Stage("settling"), time.monotonic()
        async with asyncio.timeout(SETTLES_WITHIN_S):
            while self.kept_in_a_row < IN_A_ROW:  # noqa: ASYNC110 - counted by others
                await asyncio.sleep(0.02)
        return time.monotonic() - began_s


async def test_nodes_die_and_nothing_acknowledged_is_lost(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    draw, began_s = random.Random(SEED), time.monotonic()
    first, second = draw.sample(range(NODES), 2)
    cluster = chosen(tmp_path)
    print(
        f"\nstore chaos: {cluster.kind}; seed {SEED}: nodes {first}, then {second}; stages of {STAGE_S:g} s"
    )
    with running(cluster):
        async with (
            Front(cluster.doors).listening() as front,
            _served(cluster, front, database_url, tmp_path) as world,
        ):
            async with _load(world, tmp_path) as load:
                await load.writes_go_on()
                ready_s = time.monotonic() - began_s
                stages = [await load.passes("four nodes")]
                await asyncio.to_thread(cluster.kill, first)
                load.kept_in_a_row = 0
                settled_s = await load.writes_go_on()
                stages.append(await load.passes("three nodes"))
                await asyncio.to_thread(cluster.kill, second)
                stages.append(await load.passes("two nodes"))
                for node in (first, second):
                    await asyncio.to_thread(cluster.revive, node)
                load.kept_in_a_row = 0
                back_s = await load.writes_go_on()
                stages.append(await load.passes("four again"))
            assert [_told(record) for record in caplog.records if record.message == "unexpected error"] == []
            _held(stages, load)
            healed = await _healed(world, cluster)
            await _account(world, load)
    print(f"  four nodes and the application were ready after {ready_s:.1f} s")
    for stage in stages:
        print(stage.line())
    print(
        f"  writes went on {settled_s:.2f} s after the first kill, and {back_s:.2f} s after both nodes came back; {healed}"
    )
    print(f"  acknowledged {len(load.acknowledged)} papers, read again {len(load.acknowledged)}, lost 0")


def _told(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else record.message


def _held(stages: list[Stage], load: Load) -> None:
    for stage in stages:
        told = {status for _, status in stage.answers}
        assert told <= {200, 201, 503}, stage.line()
    four, three, two, again = stages
    # With one node short everything goes on. (A 503 in between may be a machine that is busy with four servers.)
    for stage in (four, three, again):
        for act, good in (("write", 201), ("read", 200)):
            assert stage.answers[act, good] > stage.answers[act, 503], stage.line()
    # Two short: reading goes on; nothing comes in, and whoever sends is told so.
    assert two.answers["write", 503], two.line()
    assert not two.answers["write", 201], two.line()
    assert two.answers["read", 200] > two.answers["read", 503], two.line()
    for answer in load.told:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "BK-5002"
        assert int(answer.headers["retry-after"]) > 0
    # What a node cut off as it died may read as a file that is not there or broken: no byte of it was served.
    assert {answer.json()["code"] for answer in load.told_between} <= {"BK-5002", "BK-5004"}


async def _account(world: World, load: Load) -> None:
    """Each paper for which there was a 201 is a row with the digest that its sender had, and every row is read back whole; what was
    turned away is swept, and what a node that came back still held of it is collected, as after ten minutes.
    """
    parts = world.parts
    async with asyncio.timeout(SETTLES_WITHIN_S):
        waiting = True
        while waiting:  # what could not be deleted is tried again by the next sweep
            async with parts.database.transaction() as transaction:
                await transaction.raw.execute(
                    "UPDATE intake SET started_at = started_at - interval '11 minutes'"
                )
            await tidy_up.sweep_intakes(parts.database, parts.keyring, parts.appender, parts.vault)
            async with parts.database.reading() as reading:
                waiting = await reading.raw.fetchval("SELECT count(*) FROM intake") > 0
    collector = tidy_up.Collector(parts.database, parts.vault)
    for shard in SHARDS:
        await collector.collect(shard, clock() + timedelta(minutes=11))
    async with parts.database.reading() as reading:
        rows = await reading.raw.fetch("SELECT document_id, version, sha256 FROM document_version")
    kept = {(row["document_id"], row["version"]): row["sha256"] for row in rows}
    assert {name: kept.get(name) for name in load.acknowledged} == load.acknowledged
    # A store that comes back garbles and forgets for a while: that takes no paper from anybody.
    assert [entry for entry in await world.entries() if entry["type"] == "quarantine"] == []
    await check_invariants(world)


async def _healed(world: World, cluster: Cluster) -> str:
    """MinIO: every node has its part of every object again, also of those that were written without it. A read finds what is missing."""
    if not isinstance(cluster, FourMinio) or not LONG:
        return "healing was not waited for"
    began_s = time.monotonic()
    bucket = world.parts.settings.s3_bucket
    blobs = world.parts.vault._blobs
    async with world.parts.database.reading() as reading:
        rows = await reading.raw.fetch("SELECT object_key, cipher_size FROM document_version")
    missing: list[tuple[int, str]] = [(0, "")]
    while missing:
        assert time.monotonic() - began_s < HEALS_WITHIN_S, f"{len(missing)} parts are still missing"
        for row in rows:
            await blobs.digest(row["object_key"], row["cipher_size"])
        keys = [row["object_key"] for row in rows]
        missing = await asyncio.to_thread(cluster.missing, bucket, keys)
        await asyncio.sleep(1)
    return f"all {len(rows)} objects healed on all nodes after {time.monotonic() - began_s:.0f} s"


@contextlib.asynccontextmanager
async def _served(cluster: Cluster, front: Front, database_url: str, folder: Path) -> AsyncIterator[World]:
    await asyncio.to_thread(cluster.wait_until_it_keeps)
    async with running_world(
        folder, database_url=database_url, store=cluster.at(front.endpoint), s3_bucket="berkas"
    ) as world:
        yield world


@contextlib.asynccontextmanager
async def _load(world: World, folder: Path) -> AsyncIterator[Load]:
    """Two who send and two who read, until the end of the block; what one of them raises is raised."""
    async with contextlib.AsyncExitStack() as stack:
        origins = [world.origin]
        if LONG:
            origins += [
                one.origin
                for one in await stack.enter_async_context(two_replicas(world, folder / "replicas"))
            ]
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60, verify=False))
        officer = await world.officer()
        load = Load(origins)
        await _keeps_papers(world, officer)
        work: list[Callable[[], Awaitable[None]]] = []
        for number, content in enumerate((JPEG, noted(JPEG, bytes(700_000)))):
            consent, _ = await world.consented(officer, NIKS[number], content=content)
            work.append(partial(load.reads, client, officer, consent, content))
        for nik in NIKS[2:]:
            subject = await world.enrols(officer, nik, phone=None)
            work.append(partial(load.writes, client, officer, subject))
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(_again_and_again(load, one))
            try:
                yield load
            finally:
                load.stage = Stage("after")
                load.over = True  # what is under way ends, so that the account is whole


async def _keeps_papers(world: World, officer: OfficerAt) -> None:
    """Until a bucket that is new has volumes on every node, on a busy machine."""
    subject = await world.enrols(officer, OTHER_NIK, phone=None)
    async with asyncio.timeout(SETTLES_WITHIN_S):
        while (await world.stores(officer, subject)).status_code == 503:  # noqa: ASYNC110 - the store's own time
            await asyncio.sleep(0.2)


async def _again_and_again(load: Load, work: Callable[[], Awaitable[None]]) -> None:
    while not load.over:
        await work()
        await asyncio.sleep(PAUSE_S)


async def test_the_front_takes_whoever_listens() -> None:
    """The tests' own balancer: a node that is gone costs nobody an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(2))
        writer.close()

    one = await asyncio.start_server(serve, "127.0.0.1", 0)
    two = await asyncio.start_server(serve, "127.0.0.1", 0)
    doors = [("127.0.0.1", server.sockets[0].getsockname()[1]) for server in (one, two)]
    two.close()
    async with Front(doors).listening() as front:
        for _ in range(4):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(front.endpoint.rpartition(":")[2])
            )
            writer.write(b"ok")
            assert await reader.read() == b"ok"
            writer.close()
    one.close()
