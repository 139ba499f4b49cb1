"""The database door: one transaction is one transaction, for sessions and raw statements alike."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import pytest

from storage.database import Database, plain_url
from storage.errors import DatabaseUnavailable
from tests.storage.cutting_proxy import CuttingProxy

INSERT = "INSERT INTO site (id, name, zone) VALUES ('6472', 'Samarinda', 'Asia/Makassar')"


async def _sites(database: Database) -> int:
    async with database.transaction() as transaction:
        return int(await transaction.raw.fetchval("SELECT count(*) FROM site"))


class Broken(Exception):
    pass


async def test_raw_insert_and_raise_leaves_nothing(database: Database) -> None:
    """D1: without a first Core statement, raw statements run outside any transaction and this leaves one row."""
    with pytest.raises(Broken):
        async with database.transaction() as transaction:
            await transaction.raw.execute(INSERT)
            raise Broken
    assert await _sites(database) == 0


async def test_the_wrong_way_does_leave_a_row(database: Database) -> None:
    """The control: the same insert on a session whose transaction was never really begun."""
    with pytest.raises(Broken):
        async with database._sessions() as session:
            raw = (await (await session.connection()).get_raw_connection()).driver_connection
            assert raw is not None
            assert not raw.is_in_transaction()
            await raw.execute(INSERT)
            raise Broken
    assert await _sites(database) == 1


async def test_commit_at_the_end(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.raw.execute(INSERT)
        assert transaction.raw.is_in_transaction()
    assert await _sites(database) == 1


async def test_a_cancelled_caller_leaves_nothing(database: Database) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with database.transaction() as transaction:
            await transaction.raw.execute(INSERT)
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _sites(database) == 0


async def test_a_killed_connection_is_found_out_and_replaced(database: Database, database_url: str) -> None:
    """F24: every pooled connection is cut; the next transaction works, because nothing was done yet."""
    await _sites(database)
    other = await asyncpg.connect(database_url)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
    )
    await other.close()
    assert await _sites(database) == 0


async def test_an_unreachable_server_has_one_name() -> None:
    database = Database("postgresql://berkas:x@127.0.0.1:9/nothing")
    with pytest.raises(DatabaseUnavailable):
        await _sites(database)
    await database.close()


async def test_connection_settings_hold(database: Database) -> None:
    """DESIGN section 2: a frozen process cannot hold the others."""
    async with database.transaction() as transaction:
        for name, expected in {
            "lock_timeout": "5s",
            "statement_timeout": "5s",
            "idle_in_transaction_session_timeout": "2s",
            "transaction_isolation": "read committed",
            "TimeZone": "UTC",
        }.items():
            assert await transaction.raw.fetchval("SELECT current_setting($1)", name) == expected


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite:///x", ""])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="postgresql"):
        plain_url(url)


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with database.reading() as reading:
            await reading.raw.execute(INSERT)
    assert await _sites(database) == 0


async def test_a_reader_that_was_cut_off_is_replaced(database: Database, database_url: str) -> None:
    """F24: the pool notices the closed socket and connects anew."""
    async with database.reading() as reading:
        await reading.raw.fetchval("SELECT 1")
    other = await asyncpg.connect(database_url)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
    )
    await other.close()
    await asyncio.sleep(0.05)  # the server's goodbye is on its way
    async with database.reading() as reading:
        assert await reading.raw.fetchval("SELECT 1") == 1


async def test_one_lost_reader_tells_of_the_others(database_url: str) -> None:
    """F24: five idle connections died unnoticed; one caller is told so, not five."""
    async with CuttingProxy(database_url) as proxy:
        database = Database(proxy.url)
        try:
            async with contextlib.AsyncExitStack() as held:
                for _ in range(5):
                    reading = await held.enter_async_context(database.reading())
                    await reading.raw.fetchval("SELECT 1")
            proxy.forget()
            with pytest.raises(DatabaseUnavailable):
                async with database.reading() as reading:
                    await reading.raw.fetchval("SELECT 1")
            for _ in range(5):
                async with database.reading() as reading:
                    assert await reading.raw.fetchval("SELECT 1") == 1
        finally:
            await database.close()


async def test_a_reader_of_a_server_that_is_away() -> None:
    nowhere = Database("postgresql://nobody:x@127.0.0.1:1/none")
    try:
        with pytest.raises(DatabaseUnavailable):
            async with nowhere.reading():
                pass
    finally:
        await nowhere.close()
