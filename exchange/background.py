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

    def repeat(self, work: Callable[[], Awaitable[Any]], period_s: float) -> None:
        """Run ``work`` every ``period_s`` seconds; a failure is logged and the loop goes on."""
        self._loops.append(asyncio.create_task(_repeat(work, period_s)))

    async def stop(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)


async def _repeat(work: Callable[[], Awaitable[Any]], period_s: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the loop must outlive whatever its work raises
            _log.exception("loop failed", extra={"error": type(error).__name__})
        await asyncio.sleep(period_s)
