"""What waits for the appender, in the order in which it came."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from storage.errors import JudgeFailed, LedgerBusy, OutcomeUnknown
from storage.ledger.work import Settled, Work

MAX_BATCH_ITEMS = 512
MAX_WAITING_ITEMS = 2048
# Whoever asked gets an answer within this time and one look (I10), also when the database says nothing at all.
ANSWER_WITHIN_S = 9.0
LOOK_PERIOD_S = 0.25
PATIENCE_S = 0.005


@dataclass(slots=True, eq=False)
class Waiting:
    """One item and the answer that its caller waits for; nobody waits for one that was left."""

    work: Work[Any]
    answer: asyncio.Future[Settled[Any]]
    since_s: float
    left: bool


class Line:
    """At most 2,048 items; ``len`` counts those that are in no batch yet."""

    def __init__(self) -> None:
        self._queue: deque[Waiting] = deque()
        self._under_way: list[Waiting] = []
        self._wake = asyncio.Event()
        self._patient = False
        self._answered = asyncio.Event()
        self._answered.set()

    def __len__(self) -> int:
        return len(self._queue)

    def enter(self, work: Work[Any], *, left: bool) -> asyncio.Future[Settled[Any]]:
        """Raises ``LedgerBusy``. Work that was ``left`` does not wake an idle appender before 5 ms are over."""
        if len(self._queue) >= MAX_WAITING_ITEMS:
            raise LedgerBusy(retry_after_s=1)
        loop = asyncio.get_running_loop()
        waiting = Waiting(work, loop.create_future(), time.monotonic(), left)
        self._queue.append(waiting)
        if not left:
            self._wake.set()
        elif not self._patient:  # one timer for all that are left within it
            self._patient = True
            loop.call_later(PATIENCE_S, self._lose_patience)
        return waiting.answer

    def _lose_patience(self) -> None:
        self._patient = False
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    async def awake(self) -> None:
        """Wait until something comes. Callers that are being answered may come back at once: they go together."""
        self._wake.clear()
        await self._wake.wait()
        await self._answered.wait()

    def answer(self, answers: Iterator[tuple[Waiting, Settled[Any] | JudgeFailed]]) -> None:
        """One caller each turn of the event loop. Woken together, the callers of a large batch would work for milliseconds
        in one turn, and the next batch, whose statements go back and forth meanwhile, would stand still.
        """
        self._answered.clear()
        for waiting, outcome in answers:
            if waiting.answer.done():
                continue
            if isinstance(outcome, Settled):
                waiting.answer.set_result(outcome)
            else:
                waiting.answer.set_exception(outcome)
            if not waiting.left:
                asyncio.get_running_loop().call_soon(self.answer, answers)
                return
        self._answered.set()

    def take(self) -> list[Waiting]:
        """The next batch, at most 512 items; a caller that went away is skipped."""
        batch: list[Waiting] = []
        self.join(batch)
        return batch

    def join(self, batch: list[Waiting]) -> None:
        """Fill up ``batch``, the one under way, with what waits."""
        while self._queue and len(batch) < MAX_BATCH_ITEMS:
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
        self._under_way = batch

    async def answer_the_oldest(self) -> None:
        """Tell who has waited too long that the outcome is unknown: one look each quarter of a second costs less than a
        timer for each item.
        """
        while True:
            await asyncio.sleep(LOOK_PERIOD_S)
            since_s = time.monotonic() - ANSWER_WITHIN_S
            late = [w for w in itertools.chain(self._under_way, self._queue) if w.since_s < since_s]
            fail(late, OutcomeUnknown("no answer in time"))


def fail(batch: Iterable[Waiting], error: Exception) -> None:
    """Answer with ``error`` whoever has no answer yet."""
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
