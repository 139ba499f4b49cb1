"""Loops that run beside the requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

_log = logging.getLogger("berkas.background")


class Background:
    """Holds its loops, so that none is lost to the garbage collector, and ends them."""

    def __init__(self) -> None:
        self._loops: list[asyncio.Task[None]] = []
        self._endings: list[Callable[[], Awaitable[Any]]] = []

    def repeat(self, work: Callable[[], Awaitable[Any]], period_s: float) -> None:
        """Run ``work`` every ``period_s`` seconds; a failure is logged and the loop goes on. The task is named after it."""
        name = getattr(work, "__qualname__", type(work).__name__)
        self._loops.append(asyncio.create_task(_repeat(work, period_s), name=name))

    def at_end(self, ending: Callable[[], Awaitable[Any]]) -> None:
        """What is called once the loops have stopped."""
        self._endings.append(ending)

    async def stop(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for ending in self._endings:
            await ending()


async def _repeat(work: Callable[[], Awaitable[Any]], period_s: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the loop must outlive whatever its work raises
            _log.exception("loop failed", extra={"error": type(error).__name__})
        await asyncio.sleep(period_s)
