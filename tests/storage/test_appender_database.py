"""Rules of DESIGN section 2 that need the database itself to be wrong or slow: a clock set back, a history that was
changed, a COMMIT that waits. A wrong version named in a docstring was seen failing."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from storage.database import Database
from storage.errors import ClockWentBack, LedgerHalted, LedgerUnavailable, OutcomeUnknown, WorkPoisoned
from storage.ledger.entry import ENTRY_PREFIX
from storage.ledger.merkle import Edge, leaf_hash
from storage.ledger.work import Settled, Work
from tests.conftest import PostgresServer
from tests.storage.ledger_world import Ledger, grant, noted, unstorable


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    ledger = await Ledger.opened(database)
    yield ledger
    await ledger.appender.stop()


async def test_the_clock_set_back(ledger: Ledger, postgres: object, database_url: str) -> None:
    """Wrong version: the batch takes any clock. More than 5 s behind the head refuses to write."""
    await ledger.appender.start()
    first = await ledger.appender.submit(noted())
    await _move_head(database_url, first.receipt.at + timedelta(seconds=60))
    with pytest.raises(ClockWentBack):
        await ledger.appender.submit(noted())
    assert await ledger.size() == 1
    await _move_head(database_url, first.receipt.at + timedelta(seconds=3))
    assert (await ledger.appender.submit(noted())).verdict.allowed


async def test_who_comes_while_a_batch_waits_for_the_lock_joins_it(ledger: Ledger, database_url: str) -> None:
    """The order is that of coming, and the poisoned one among them is still found."""
    await ledger.appender.start()
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("SELECT FROM log_head WHERE id = 1 FOR UPDATE")
        tasks = [asyncio.create_task(ledger.appender.submit(noted()))]
        await asyncio.sleep(0.2)
        late = [noted(), grant(), grant(), unstorable(), noted()]
        for work in late:
            tasks.append(asyncio.create_task(ledger.appender.submit(work)))
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        assert ledger.appender.waiting == len(late)
    await other.close()
    *settled, poisoned, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(poisoned, WorkPoisoned)
    answers = [answer for answer in (*settled, last) if isinstance(answer, Settled)]
    assert [answer.verdict.allowed for answer in answers] == [True, True, True, False, True]
    assert [answer.receipt.index for answer in answers] == sorted(
        {answer.receipt.index for answer in answers}
    )


async def test_joined_ones_share_the_batch(ledger: Ledger, database_url: str) -> None:
    """Wrong version: they wait for a batch of their own behind it."""
    await ledger.appender.start()
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("SELECT FROM log_head WHERE id = 1 FOR UPDATE")
        first = asyncio.create_task(ledger.appender.submit(noted()))
        await asyncio.sleep(0.2)
        second = asyncio.create_task(ledger.appender.submit(noted()))
        await asyncio.sleep(0.1)
    await other.close()
    assert (await first).receipt.at == (await second).receipt.at


async def test_a_head_behind_one_already_seen_stops_writing(
    ledger: Ledger, postgres: PostgresServer, database_url: str
) -> None:
    """A55: a database restored under a running process. Wrong version: it forks the log in silence."""
    await ledger.appender.start()
    for _ in range(3):
        await ledger.appender.submit(noted())
    await _rewritten(postgres, database_url, "UPDATE log_head SET size = 2")
    with pytest.raises(LedgerHalted):
        await ledger.appender.submit(noted())
    with pytest.raises(LedgerHalted):
        await ledger.appender.submit(noted())
    assert ledger.appender.halted is not None


async def test_a_head_that_its_own_nodes_deny_stops_writing(
    database: Database, postgres: PostgresServer, database_url: str
) -> None:
    """A reload recomputes the root from the stored nodes."""
    first = await Ledger.opened(database)
    await first.appender.start()
    for _ in range(5):
        await first.appender.submit(noted())
    await first.appender.stop()
    await _rewritten(postgres, database_url, "UPDATE log_head SET root = $1", os.urandom(32))
    second = Ledger(database)
    await second.appender.start()
    with pytest.raises(LedgerHalted):
        await second.appender.submit(noted())
    await second.appender.stop()


async def test_another_history_of_the_same_size_stops_writing(
    ledger: Ledger, postgres: PostgresServer, database_url: str
) -> None:
    """A55: the database was changed for another with as many entries. Wrong version: only the size is compared, and the
    edge is read again from what stands there."""
    await ledger.appender.start()
    for _ in range(3):
        await ledger.appender.submit(noted())
    other = Edge()
    entries = [ENTRY_PREFIX + os.urandom(32) for _ in range(3)]
    nodes = [node for entry in entries for node in other.append(leaf_hash(entry))]
    owner = await asyncpg.connect(postgres.at(postgres.superuser, urlsplit(database_url).path[1:]))
    await owner.execute("SET session_replication_role = replica; DELETE FROM log_node")
    await owner.executemany("UPDATE log_entry SET entry = $2 WHERE idx = $1", list(enumerate(entries)))
    await owner.executemany("INSERT INTO log_node (level, idx, hash) VALUES ($1, $2, $3)", nodes)
    await owner.execute("UPDATE log_head SET root = $1", other.root())
    await owner.close()
    with pytest.raises(LedgerHalted):
        await ledger.appender.submit(noted())


async def test_entries_behind_the_head_stop_writing(
    database: Database, postgres: PostgresServer, database_url: str
) -> None:
    """A55: a head that was set back, seen by a process that has just started. Wrong version: the item is called poison
    and the next one is tried."""
    first = await Ledger.opened(database)
    await first.appender.start()
    for _ in range(5):
        await first.appender.submit(noted())
    await first.appender.stop()
    two = Edge()
    async with database.reading() as reading:
        for index in range(2):
            two.append(
                leaf_hash(await reading.raw.fetchval("SELECT entry FROM log_entry WHERE idx = $1", index))
            )
    await _rewritten(postgres, database_url, "UPDATE log_head SET size = 2, root = $1", two.root())
    second = Ledger(database)
    await second.appender.start()
    for _ in range(2):
        with pytest.raises(LedgerHalted):
            await second.appender.submit(noted())
    assert await second.size() == 2
    await second.appender.stop()


async def test_a_commit_that_waits_is_never_cancelled(postgres: PostgresServer, template: str) -> None:
    """A standby that is away holds COMMIT: nobody is told that the act is durable, everybody is answered in time, and
    when the standby is back the act stands once. This describes what holds and guards no one line: three other ways of
    giving COMMIT up passed it too, since the look-up's own COMMIT waits for the standby as well."""
    await _execute(postgres.superuser, "ALTER SYSTEM SET synchronous_standby_names = 'away'")
    database = None
    try:
        name = f"t_{uuid.uuid4().hex[:12]}"
        await _execute(
            postgres.superuser,
            f"CREATE DATABASE {name} TEMPLATE {template} OWNER berkas_owner STRATEGY wal_log",
        )
        database = Database(postgres.at(postgres.app, name))
        ledger = await Ledger.opened(database)
        await ledger.appender.start()
        assert (await ledger.appender.submit(noted())).verdict.allowed
        await _reloaded(postgres, "'away'")
        await _waited_for(postgres.at(postgres.superuser, name))
        began_s = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            await ledger.appender.submit(grant())
        assert 5 < time.monotonic() - began_s < 12
        waiting = await _value(
            postgres.superuser, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        )
        assert waiting >= 1  # the server still waits: nobody was told that it is durable
        await _execute(postgres.superuser, "ALTER SYSTEM RESET synchronous_standby_names")
        await _reloaded(postgres, "")
        again = await _until_answered(ledger, grant())
        assert not again.verdict.allowed  # the first one stands, once
        await ledger.appender.stop()
    finally:
        await _execute(postgres.superuser, "ALTER SYSTEM RESET synchronous_standby_names")
        await _execute(postgres.superuser, "SELECT pg_reload_conf()")
        if database is not None:
            await database.close()


async def _waited_for(url: str) -> None:
    """Until a commit really waits: another process of the server turns that on, some time after the settings say so."""
    for number in range(50):
        try:
            await asyncio.wait_for(_execute(url, f"CREATE TABLE probe_{number} ()"), 0.3)
        except TimeoutError:
            return
    raise AssertionError("no commit waits for the standby")


async def _reloaded(postgres: PostgresServer, wanted: str) -> None:
    await _execute(postgres.superuser, "SELECT pg_reload_conf()")
    for _ in range(100):
        if await _value(postgres.superuser, "SHOW synchronous_standby_names") == wanted.strip("'"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the server did not read its settings again")


async def _until_answered(ledger: Ledger, work: Work[Any]) -> Settled[Any]:
    for _ in range(20):
        try:
            return await ledger.appender.submit(replace(work))
        except LedgerUnavailable:
            await asyncio.sleep(0.5)
    raise AssertionError("the ledger did not come back")


async def _value(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _move_head(url: str, at: object) -> None:
    await _execute(url, "UPDATE log_head SET at = $1", at)


async def _rewritten(postgres: PostgresServer, url: str, statement: str, *arguments: object) -> None:
    """As the server's administrator could, triggers off."""
    connection = await asyncpg.connect(postgres.at(postgres.superuser, urlsplit(url).path[1:]))
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(statement, *arguments)
    await connection.close()


async def _execute(url: str, statement: str, *arguments: object) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement, *arguments)
    await connection.close()
