"""A process that appends without end, for a test that kills it: ``python -m tests.storage.appending URL NAME [POINT]``. Each acknowledged entry is
a line: index, item, leaf hash. With a POINT it kills itself there, in its fifth batch."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from storage.database import Database
from storage.errors import LedgerUnavailable
from storage.ledger.facts import Facts
from tests.storage.ledger_world import Ledger, fetch

CALLERS = 16
FATAL_BATCH = 5
POINTS = ("locked", "written", "committed")


async def main(url: str, name: str, point: str = "") -> None:
    ledger = Ledger(Database(url))
    _dies_at(ledger, point)
    await ledger.appender.start()
    numbers = itertools.count()
    await asyncio.gather(*(_appends(ledger, name, numbers) for _ in range(CALLERS)))


def _dies_at(ledger: Ledger, point: str) -> None:
    """A moment before, so that whoever was answered too early has said so."""
    connection: Any = ledger.appender._connection
    commit, read, batches = connection._commit, Facts.read, itertools.count(1)
    reads = itertools.count(1)

    async def dies(here: str, number: int) -> None:
        if here == point and number == FATAL_BATCH:
            await asyncio.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)

    async def reading(*arguments: Any) -> Any:
        await dies("locked", next(reads))
        return await read(*arguments)

    async def committing(raw: Any) -> None:
        number = next(batches)
        await dies("written", number)
        await commit(raw)
        await dies("committed", number)

    connection._commit = committing
    setattr(Facts, "read", reading)  # noqa: B010 - this process is made to die


async def _appends(ledger: Ledger, name: str, numbers: Iterator[int]) -> None:
    """Nobody granted anything: each is a refusal on record, of a caller of its own."""
    for number in numbers:
        work = fetch(f"t_{name}_{number}", caller=f"{name}:{number}")
        try:
            receipt = (await ledger.appender.submit(work)).receipt
        except LedgerUnavailable:
            continue  # not acknowledged
        # One call of the kernel: a line that a kill cuts off would be no acknowledgement.
        os.write(1, f"{receipt.index} {work.id} {receipt.leaf_sha256.hex()}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
