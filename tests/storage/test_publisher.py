"""The publisher signs what is committed, soon, and shows it to the public once a minute (DESIGN section 2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from storage.database import Database
from storage.ledger.checkpoint import NoteSigner, NoteVerifier
from storage.ledger.publisher import Publisher
from storage.ledger.verify import verify
from tests.storage.ledger_world import Ledger, grant, noted

SIGNER = NoteSigner("berkas.test/akses", bytes(range(32)))


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    ledger = await Ledger.opened(database)
    await ledger.appender.start()
    yield ledger
    await ledger.appender.stop()


async def _sizes(database: Database) -> list[int]:
    async with database.reading() as reading:
        rows = await reading.raw.fetch("SELECT note FROM log_checkpoint ORDER BY size")
    verifier = NoteVerifier(SIGNER.vkey())
    return [verifier.open(row["note"]).size for row in rows]


async def test_nothing_is_signed_before_it_is_committed(database: Database, database_url: str) -> None:
    """The head is written and not yet committed: the publisher sees, and signs, the one before. Wrong version: the batch
    signs the head that it is about to commit, and a failed commit leaves a signed head of entries that do not exist."""
    ledger = await Ledger.opened(database)
    await ledger.appender.start()
    await ledger.appender.submit(noted())
    publisher = Publisher(database, [SIGNER], at_once=True)
    other = await asyncpg.connect(database_url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE log_head SET size = 2, root = $1", b"r" * 32)
    await publisher.sign_head()
    assert await _sizes(database) == [1]
    await transaction.rollback()
    await other.close()
    await publisher.sign_head()
    assert await _sizes(database) == [1]
    await ledger.appender.stop()


async def test_a_head_is_signed_within_a_second(ledger: Ledger, database: Database) -> None:
    publisher = Publisher(database, [SIGNER], at_once=True)
    ledger.appender._on_commit = publisher.nudge
    await publisher.start()
    await asyncio.sleep(0.1)
    for size in (1, 2, 3):
        await ledger.appender.submit(noted())
        began_s = time.monotonic()
        while size not in await _sizes(database):
            assert time.monotonic() - began_s < 2.5
            await asyncio.sleep(0.05)
    await publisher.stop()


async def test_one_size_has_one_head(ledger: Ledger, database: Database) -> None:
    """Replicas that sign the same head write the same note; there is never a second one of a size."""
    await ledger.appender.submit(noted())
    replicas = [Publisher(database, [SIGNER], at_once=True) for _ in range(3)]
    await asyncio.gather(*(replica.sign_head() for replica in replicas))
    assert await _sizes(database) == [1]


async def test_the_public_checkpoint_advances_with_the_minute(
    ledger: Ledger, database: Database, database_url: str
) -> None:
    """A live size would show visits: production shows the newest head that was signed before this minute."""
    publisher = Publisher(database, [SIGNER], at_once=False)
    await ledger.appender.submit(noted())
    await publisher.sign_head()
    assert await publisher.public() is None
    connection = await asyncpg.connect(database_url)
    # As if a minute had passed: the application cannot change a checkpoint, so the row is copied with an older time.
    note = await connection.fetchval("SELECT note FROM log_checkpoint")
    await connection.execute(
        "INSERT INTO log_checkpoint (size, root, note, created_at) "
        "VALUES (0, $1, $2, clock_timestamp() - interval '1 minute')",
        b"r" * 32,
        note,
    )
    await connection.close()
    shown = await publisher.public()
    assert shown is not None
    assert NoteVerifier(SIGNER.vkey()).open(shown[0]).size == 1


async def test_a_growing_log_is_whole(ledger: Ledger, database: Database) -> None:
    """Wrong version: the head is read before the checkpoints, and what was signed meanwhile looks like a log cut short."""
    publisher = Publisher(database, [SIGNER], at_once=True)
    growing = True

    async def grow() -> None:
        while growing:
            await ledger.appender.submit(noted())
            await publisher.sign_head()

    for _ in range(30):
        await ledger.appender.submit(noted())
    writing = asyncio.create_task(grow())
    # Eight looks at least, and as many as it takes until it has really grown beneath them.
    looks = size = 0
    while looks < 8 or size < 40:
        assert not writing.done(), "the log no longer grows"
        findings = await verify(database, vkeys=[SIGNER.vkey()])
        assert findings.problems == []
        looks, size = looks + 1, findings.size
    growing = False
    await writing


async def test_a_frozen_process_does_not_hold_the_others(ledger: Ledger, database: Database) -> None:
    """A process stops in mid-batch with the head locked. Wrong version: without the session's time limits every other
    replica waits for it. It loses its lock after two seconds of silence."""
    frozen = database.serial_connection()
    began = asyncio.Event()

    async def freeze() -> None:
        async with frozen.transaction(lock="SELECT FROM log_head WHERE id = 1 FOR UPDATE"):
            began.set()
            await asyncio.sleep(6)

    freezing = asyncio.create_task(freeze())
    await began.wait()
    began_s = time.monotonic()
    assert (await ledger.appender.submit(grant())).verdict.allowed
    assert 1 < time.monotonic() - began_s < 5
    await asyncio.gather(freezing, return_exceptions=True)
    await frozen.close()
