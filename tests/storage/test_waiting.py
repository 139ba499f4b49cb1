"""The line before the appender: who is answered when."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from storage.database import Database
from storage.errors import OutcomeUnknown
from storage.ledger import waiting
from storage.ledger.receipt import Receipt
from storage.ledger.waiting import Line
from storage.ledger.work import Settled
from tests.storage.ledger_world import YES, Ledger, Verdict, noted


def _settled() -> Settled[Verdict]:
    return Settled(YES, Receipt(0, b"", True, datetime(2026, 11, 25, tzinfo=UTC), None, None))


async def test_one_caller_works_in_each_turn() -> None:
    """What comes from the database in between is handled in between. Wrong version: all are woken at once, and the next
    batch stands still until each of them has done its work."""
    line = Line()
    turn, worked_in = 0, []

    async def caller() -> None:
        await line.enter(noted(), left=False)
        worked_in.append(turn)

    callers = [asyncio.create_task(caller()) for _ in range(5)]
    await asyncio.sleep(0)
    line.answer((item, _settled()) for item in line.take())
    for _ in range(12):
        turn += 1
        await asyncio.sleep(0)
    await asyncio.gather(*callers)
    assert len(worked_in) == len(set(worked_in)) == 5


async def test_callers_that_come_back_at_once_go_together() -> None:
    """Wrong version: the first caller who is answered makes a batch of its own, and the others wait for it."""
    line = Line()
    batches: list[int] = []

    async def caller() -> None:
        for _ in range(3):
            await line.enter(noted(), left=False)

    async def worker() -> None:
        while True:
            batch = line.take()
            if not batch:
                await line.awake()
                continue
            batches.append(len(batch))
            line.answer((item, _settled()) for item in batch)

    working = asyncio.create_task(worker())
    await asyncio.gather(*(caller() for _ in range(8)))
    working.cancel()
    assert batches == [8, 8, 8]


async def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: in the line and in the batch under way. Wrong version: only those in the line are looked at."""
    monkeypatch.setattr(waiting, "ANSWER_WITHIN_S", 0.1)
    monkeypatch.setattr(waiting, "LOOK_PERIOD_S", 0.01)
    line = Line()
    looking = asyncio.create_task(line.answer_the_oldest())
    under_way = line.enter(noted(), left=False)
    line.take()
    in_line = line.enter(noted(), left=False)
    await asyncio.sleep(0.05)
    assert not under_way.done()
    assert not in_line.done()
    for answer in (under_way, in_line):
        with pytest.raises(OutcomeUnknown):
            await asyncio.wait_for(answer, 2)
    assert line.take() == []  # nobody waits for it any more
    looking.cancel()


async def test_what_is_left_is_recorded_or_told(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for an outcome: it reaches the record, and what keeps it from there is in the log."""
    ledger = await Ledger.opened(database)
    await ledger.appender.start()
    ledger.appender.leave(noted())
    for _ in range(100):
        if await ledger.size():
            break
        await asyncio.sleep(0.02)
    assert await ledger.size() == 1
    await ledger.appender.stop()
    with caplog.at_level(logging.WARNING, "berkas.ledger"):
        ledger.appender.leave(noted())
    assert [record.getMessage() for record in caplog.records] == ["left work failed"]
