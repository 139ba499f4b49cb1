"""Work that a request leaves behind (an outcome entry) and loops that run beside the requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

_log = logging.getLogger("berkas.background")


class Background:
    """Holds its tasks, so that none is lost to the garbage collector, and waits for them at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loops: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def repeat(self, work: Callable[[], Awaitable[Any]], period_s: float) -> None:
        """Run ``work`` every ``period_s`` seconds; a failure is logged and the loop goes on."""
        self._loops.append(asyncio.create_task(_repeat(work, period_s)))

    async def drain(self) -> None:
        """Stop the loops, then wait for what was spawned, and for what that spawned."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("left work failed", extra={"error": type(error).__name__})


async def _repeat(work: Callable[[], Awaitable[Any]], period_s: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the loop must outlive whatever its work raises
            _log.exception("loop failed", extra={"error": type(error).__name__})
        await asyncio.sleep(period_s)
