"""A process that appends without end, for a test that kills it: ``python -m tests.storage.appending URL NAME``. Each acknowledged entry is a line:
index, item, leaf hash."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Iterator

from storage.database import Database
from storage.errors import LedgerUnavailable
from tests.storage.ledger_world import Ledger, fetch

CALLERS = 16


async def main(url: str, name: str) -> None:
    ledger = Ledger(Database(url))
    await ledger.appender.start()
    numbers = itertools.count()
    await asyncio.gather(*(_appends(ledger, name, numbers) for _ in range(CALLERS)))


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
