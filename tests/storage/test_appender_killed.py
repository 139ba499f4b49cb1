"""kill -9 of a process that appends, again and again, with others on the same log (F25, F30; I1, I6): no gap, no fork, no acknowledged entry lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from dataclasses import dataclass, field

import pytest

from storage.database import Database
from storage.ledger.merkle import Edge, leaf_hash
from tests.rules.house import ROOT
from tests.storage.appending import POINTS
from tests.storage.ledger_world import Ledger, noted

PROCESSES = 3
KILLS = 8
SEED = int(os.environ.get("BERKAS_KILL_SEED", "2026"))


@dataclass
class Crowd:
    """Processes on one log, and what they said was acknowledged: index -> (item, leaf hash)."""

    url: str
    acknowledged: dict[int, tuple[str, str]] = field(default_factory=dict)
    started: int = 0
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def starts(self, point: str = "") -> tuple[asyncio.subprocess.Process, asyncio.Task[None]]:
        self.started += 1
        words = (sys.executable, "-m", "tests.storage.appending", self.url, f"p{self.started}", point)
        process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        return process, asyncio.create_task(self._listens(process))

    async def _listens(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            index, item, leaf = line.decode().split()
            assert int(index) not in self.acknowledged, f"two processes were given entry {index}"
            self.acknowledged[int(index)] = (item, leaf)
            self.more.set()

    async def grows(self, by: int) -> None:
        async with asyncio.timeout(60):
            wanted = len(self.acknowledged) + by
            while len(self.acknowledged) < wanted:
                self.more.clear()
                await self.more.wait()


@pytest.fixture
async def crowd(database: Database, database_url: str) -> Crowd:
    await Ledger.opened(database)
    return Crowd(database_url)


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_a_point(crowd: Crowd, database: Database, point: str) -> None:
    """With the lock and nothing written; everything written and not committed; committed and nobody answered. Beside it another process goes on.
    Wrong version: callers are answered when their entries are written."""
    beside = await crowd.starts()
    fatal, listener = await crowd.starts(point)
    try:
        await listener
        assert await fatal.wait() == -signal.SIGKILL
        await crowd.grows(by=50)
    finally:
        await _killed([beside, (fatal, listener)])
    await _whole(database, crowd.acknowledged)


async def test_killed_at_any_moment_under_load(crowd: Crowd, database: Database) -> None:
    """Wrong version: the edge goes on where the process believes that the log ends, not where the head says (a fork, the others halt)."""
    chance = random.Random(SEED)
    living = [await crowd.starts() for _ in range(PROCESSES)]
    try:
        for _ in range(KILLS):
            await crowd.grows(by=PROCESSES * 20)
            await asyncio.sleep(chance.uniform(0, 0.03))  # somewhere in a batch
            process, listener = living.pop(chance.randrange(len(living)))
            process.send_signal(signal.SIGKILL)
            await listener
            assert await process.wait() == -signal.SIGKILL
            living.append(await crowd.starts())
        await crowd.grows(by=50)
    finally:
        await _killed(living)
    survivor = Ledger(database)  # the log goes on
    await survivor.appender.start()
    assert (await survivor.appender.submit(noted())).verdict.allowed
    await survivor.appender.stop()
    await _whole(database, crowd.acknowledged)


async def _killed(living: list[tuple[asyncio.subprocess.Process, asyncio.Task[None]]]) -> None:
    for process, listener in living:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listener


async def _whole(database: Database, acknowledged: dict[int, tuple[str, str]]) -> None:
    async with database.reading() as reading:
        head = await reading.raw.fetchrow("SELECT size, root FROM log_head")
        entries = [row["entry"] for row in await reading.raw.fetch("SELECT entry FROM log_entry ORDER BY idx")]  # fmt: skip
        items = {row["idx"]: row["item_id"] for row in await reading.raw.fetch("SELECT idx, item_id FROM audit_event")}  # fmt: skip
        dense = await reading.raw.fetch("SELECT subject_seq FROM audit_event ORDER BY idx")
    edge = Edge()
    for entry in entries:
        edge.append(leaf_hash(entry))
    assert (edge.size, edge.root()) == (head["size"], head["root"])
    assert [row["subject_seq"] for row in dense] == list(range(1, head["size"] + 1))
    assert len(set(items.values())) == len(items) == head["size"]
    lost = {index: item for index, (item, _) in acknowledged.items() if items.get(index) != item}
    assert not lost, f"acknowledged and not there, seed {SEED}: {lost}"
    for index, (_, leaf) in acknowledged.items():
        assert leaf_hash(entries[index]).hex() == leaf
