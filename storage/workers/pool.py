"""A few limited workers, kept warm: ``await run(task, payload, limits)``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from storage.workers.limits import Limits, TaskFailed, WorkersBusy
from storage.workers.worker import Worker

WAIT_LIMIT_S = 8.0  # I10: the caller is answered within ten seconds
# What a worker keeps of the files before, in memory that was not given back, ends with it.
TASKS_EACH = 200
RETIRED_ABOVE_BYTES = 192 * 1_048_576
_log = logging.getLogger("berkas.workers")


class LimitedWorkers:
    """``tasks``: name -> "module:function" (``storage.workers.child`` says what a task is). Processes start when they are
    first needed, or with ``warm``. Whoever waits does so in a queue of bounded length.
    """

    def __init__(self, tasks: Mapping[str, str], *, processes: int = 2, waiting: int = 64) -> None:
        self._tasks = dict(tasks)
        self._processes = processes
        self._waiting_limit = waiting
        self._waiting = 0
        self._places: asyncio.LifoQueue[Worker | None] = asyncio.LifoQueue()
        for _ in range(processes):
            self._places.put_nowait(None)
        self._replacing: set[asyncio.Task[object]] = set()
        self._successors: list[Worker] = []
        self._raising = False
        self._stopped = False
        self.peak_bytes = 0

    async def warm(self) -> list[str]:
        """Start all of them; returns what they gave up (``storage/workers/confine.py``). Raises ``WorkersBusy``."""
        given_up: list[str] = []
        places = [self._places.get_nowait() for _ in range(self._places.qsize())]
        try:
            for number, worker in enumerate(places):
                warm = worker or await Worker.start(self._tasks)
                places[number] = warm
                given_up = warm.given_up
        finally:
            for place in places:
                self._places.put_nowait(place)
        return given_up

    async def run(
        self, task: str, payload: Mapping[str, Any], limits: Limits, files: Sequence[int] = ()
    ) -> dict[str, Any]:
        """``files``: descriptors that the task gets open; their position is shared with the caller's.

        Raises ``TaskOverran`` and ``TaskFailed`` (because of the input), ``WorkersBusy`` and ``WorkerLost`` (try again).
        """
        worker = await self._free()
        try:
            if worker is None or not worker.alive:
                if worker is not None:
                    await worker.kill()
                worker = await Worker.start(self._tasks)
            result = await worker.run(task, payload, limits, files)
        except TaskFailed:
            self._give_back(worker)
            raise
        except WorkersBusy:
            self._places.put_nowait(None)
            raise
        except BaseException:
            self._replace(None)
            raise
        self._give_back(worker)
        return result

    async def stop(self) -> None:
        """End every worker; who works is waited for."""
        self._stopped = True
        for task in list(self._replacing):
            await task
        while self._successors:
            await self._successors.pop().kill()
        for _ in range(self._processes):
            worker = await self._places.get()
            if worker is not None:
                await worker.kill()

    async def _free(self) -> Worker | None:
        if self._stopped or self._waiting >= self._waiting_limit:
            raise WorkersBusy("too many wait")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_LIMIT_S):
                return await self._places.get()
        except TimeoutError:
            raise WorkersBusy("none became free") from None
        finally:
            self._waiting -= 1

    def _give_back(self, worker: Worker | None) -> None:
        if worker is None:
            self._replace(None)
            return
        self.peak_bytes = max(self.peak_bytes, worker.peak_bytes)
        if worker.peak_bytes > RETIRED_ABOVE_BYTES:
            self._replace(worker)
        elif worker.tasks_done < TASKS_EACH:
            self._places.put_nowait(worker)
        else:
            self._let_go(worker)

    def _let_go(self, worker: Worker) -> None:
        """It works on until its successor is warm: all have done their share at about the same time, and callers would wait 0.4 s."""
        if self._successors:
            self._places.put_nowait(self._successors.pop())
            self._in_background(worker.kill())
            return
        self._places.put_nowait(worker)
        if not (self._raising or self._stopped):
            self._raising = True
            self._in_background(self._raised())

    async def _raised(self) -> None:
        try:
            with contextlib.suppress(WorkersBusy):
                self._successors.append(await Worker.start(self._tasks))
        finally:
            self._raising = False

    def _replace(self, worker: Worker | None) -> None:
        """A place whose worker ended gets a warm one before anybody takes it; the caller does not wait for that."""
        self._in_background(self._replaced(worker))

    def _in_background(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _replaced(self, worker: Worker | None) -> None:
        fresh: Worker | None = None
        try:
            if worker is not None:
                await worker.kill()
            if not self._stopped:
                with contextlib.suppress(WorkersBusy):
                    fresh = await Worker.start(self._tasks)
                if fresh is None:
                    _log.warning("no worker could be started")
        finally:
            self._places.put_nowait(fresh)
