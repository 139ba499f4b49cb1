"""A log that was restored below a published checkpoint goes on under a new origin (DESIGN section 2, A55): the database of an older
night is given back, as ``pg_restore`` would.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from storage.database import Database
from storage.ledger.checkpoint import CheckpointRefused, NoteSigner, NoteVerifier
from storage.ledger.publisher import Publisher, log_origin
from storage.ledger.reopening import NotReopened, reopen, reopenings
from storage.ledger.verify import Findings, verify
from tests.conftest import PostgresServer
from tests.databases import Databases
from tests.storage.ledger_world import Ledger, noted

OLD = NoteSigner("berkas.test/akses", bytes(32))
NEW = NoteSigner("berkas.test/akses/2", bytes(32))
VKEYS = [OLD.vkey(), NEW.vkey()]
OURS = [NoteVerifier(OLD.vkey()), NoteVerifier(NEW.vkey())]
BACKUP_ENTRIES, LIVE_ENTRIES = 20, 37


async def _grow(url: str, to: int, signer: NoteSigner, mark: str = "first") -> str:
    """Entries until there are ``to``, the head signed; returns the checkpoint, everything closed."""
    database = Database(url)
    ledger = await Ledger.opened(database)
    await ledger.appender.start()
    for number in range(await ledger.size(), to):
        await ledger.appender.submit(noted({"n": number, "mark": mark}))
    await ledger.appender.stop()
    publisher = Publisher(database, [signer], at_once=True)
    await publisher.sign_head()
    published = await publisher.public()
    assert published is not None
    await database.close()
    await _alone(url)
    return published[0]


async def _alone(url: str) -> None:
    """The server takes a moment to see that connections are gone."""
    looking = await asyncpg.connect(url)
    open_connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'berkas'"
    for _ in range(250):
        if not await looking.fetchval(open_connections):
            break
        await asyncio.sleep(0.02)
    await looking.close()


@dataclass
class Restored:
    """The database of the older night, opened by its owner, and the checkpoints that somebody outside has."""

    url: str
    database: Database
    at_backup: str
    newest: str

    async def grows(self, to: int, signer: NoteSigner, mark: str) -> str:
        await self.database.close()
        return await _grow(self.url, to, signer, mark)

    async def checked(self, outside: str) -> Findings:
        return await verify(self.database, vkeys=VKEYS, outside=outside)

    async def origin(self) -> str:
        async with self.database.transaction() as transaction:
            return await log_origin(transaction)


@pytest.fixture
async def restored(
    database_url: str, databases: Databases, postgres: PostgresServer
) -> AsyncIterator[Restored]:
    """20 entries when the backup was made, 37 when the disk died."""
    name = database_url.rpartition("/")[2]
    at_backup = await _grow(database_url, BACKUP_ENTRIES, OLD)
    copy = f"{name}_b"
    superuser = await asyncpg.connect(postgres.superuser)
    await superuser.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
    await superuser.close()
    newest = await _grow(database_url, LIVE_ENTRIES, OLD)
    url = postgres.at(postgres.app, copy)
    database = Database(postgres.at(postgres.owner, copy))
    yield Restored(url, database, at_backup, newest)
    await database.close()
    databases.drop(copy)


async def test_the_log_goes_on_with_a_scar(restored: Restored) -> None:
    """What is lost is named; checkpoints of both names are judged; it happens once."""
    one = await reopen(restored.database, restored.newest, OURS)
    assert (one.previous, one.origin) == (OLD.origin, NEW.origin)
    assert (one.restored_size, one.lost_to) == (BACKUP_ENTRIES, LIVE_ENTRIES)
    later = await restored.grows(45, NEW, "second")
    for outside in (restored.at_backup, restored.newest, later):
        findings = await restored.checked(outside)
        assert findings.problems == []
        assert "entries 20 to 36 are lost" in findings.scars[0]
    with pytest.raises(NotReopened, match="reopened already"):
        await reopen(restored.database, restored.newest, OURS)
    with pytest.raises(NotReopened, match="nothing is lost"):
        await reopen(restored.database, later, OURS)


async def test_without_it_a_second_history_grows_under_one_name(restored: Restored) -> None:
    """The wrong version: two checkpoints of one name and size with two roots, both signed. Nothing heals that: reopening is refused."""
    again = await restored.grows(LIVE_ENTRIES, OLD, "second")
    assert (again.split("\n")[:2], again == restored.newest) == (restored.newest.split("\n")[:2], False)
    assert "differs from a checkpoint of 37" in (await restored.checked(restored.newest)).problems[0]
    with pytest.raises(NotReopened, match="other entries than its checkpoint"):
        await reopen(restored.database, restored.newest, OURS)
    assert await restored.origin() == OLD.origin


async def test_nothing_lost_is_no_reason(restored: Restored) -> None:
    with pytest.raises(NotReopened, match="nothing is lost"):
        await reopen(restored.database, restored.at_backup, OURS)
    assert await restored.origin() == OLD.origin


async def test_a_checkpoint_of_somebody_else_reopens_nothing(restored: Restored) -> None:
    """Else anybody could name entries as lost that never were."""
    forged = NoteSigner(OLD.origin, b"\x01" * 32).sign(99, bytes(32))
    with pytest.raises(CheckpointRefused):
        await reopen(restored.database, forged, OURS)
    assert await restored.origin() == OLD.origin


async def test_nothing_else_may_run(restored: Restored) -> None:
    """A replica that is connected could be signing under the old name at this moment."""
    replica = Database(restored.url)
    async with replica.reading() as reading:
        assert await reopenings(reading) == []
    with pytest.raises(NotReopened, match="stop every replica first: 1 connection"):
        await reopen(restored.database, restored.newest, OURS)
    assert await restored.origin() == OLD.origin
    await replica.close()
    await restored.database.close()
    await _alone(restored.url)
    await reopen(restored.database, restored.newest, OURS)
    assert await restored.origin() == NEW.origin


async def test_a_scar_must_rest_on_a_checkpoint_of_the_log(restored: Restored) -> None:
    """Who holds the database alone cannot call a cut a reopening; nor does a scar hide more than it admits (A55)."""
    row = (
        "INSERT INTO log_reopening (origin, previous, note, restored_size, lost_to, at) "
        "VALUES ('berkas.test/akses/2', 'berkas.test/akses', $1, 20, 37, clock_timestamp())"
    )
    forged = NoteSigner(OLD.origin, b"\x01" * 32).sign(37, bytes(32))
    async with restored.database.transaction() as transaction:
        await transaction.raw.execute(row, forged)
    findings = await restored.checked(restored.newest)
    assert any("names a last checkpoint that is not ours" in problem for problem in findings.problems)


async def test_a_genuine_checkpoint_is_not_enough_for_a_scar(restored: Restored) -> None:
    """A55: checkpoints are public. Who holds the database cuts the log, and writes that it was reopened; but signs nothing as its new name.
    Nor is a scar passed over by somebody who knows only the old name's key.
    """
    await reopen(restored.database, restored.newest, OURS)  # all that a database can be made to hold
    findings = await restored.checked(restored.newest)
    assert "nothing is signed as berkas.test/akses/2" in findings.problems[0]
    await restored.grows(21, NEW, "second")
    assert (await restored.checked(restored.newest)).problems == []
    unaware = await verify(restored.database, vkeys=[OLD.vkey()], outside=restored.newest)
    assert any("by a key that was named" in problem for problem in unaware.problems)


async def test_a_scar_hides_no_more_than_it_admits(restored: Restored) -> None:
    """Reopened with a checkpoint that was not the newest: the newer one shows it."""
    between = OLD.sign(30, bytes(32))
    await reopen(restored.database, between, OURS)
    findings = await restored.checked(restored.newest)
    assert "had 37 entries, its end admits 30" in findings.problems[0]


async def test_only_the_owner_gives_a_log_a_new_name(restored: Restored) -> None:
    """Wrong version: whoever serves may name the log anew, and with that hide what it lost."""
    application = Database(restored.url)
    with pytest.raises(NotReopened, match="owner"):
        await reopen(application, restored.newest, OURS)
    await application.close()
    assert await restored.origin() == OLD.origin
