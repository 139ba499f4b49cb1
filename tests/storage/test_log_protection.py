"""Who may what with the log (A56): the application adds and reads, a trail goes only by an erasure that stands in the log, and triggers
refuse the rest to the owner too. Hygiene: the tree is what proves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from storage.database import Database
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.facts import Facts, Need
from storage.ledger.history import events_of
from storage.ledger.publisher import Publisher
from storage.ledger.tables import SUBJECT_TRAILS, TRAIL_ERASURES, SubjectTrail, TrailErasure
from storage.ledger.work import Event, Trail, Work
from tests.conftest import PostgresServer
from tests.storage.ledger_world import TRAIL, YES, Ledger, Verdict, noted

CITIZEN = Trail("sbj_1", "pw:1", b"c" * 32)
NEIGHBOUR = Trail("sbj_2", "pw:2", b"n" * 32)
GROWS = ("log_entry", "log_node", "log_checkpoint", "log_reopening", "audit_event", "trail_erasure")
CHANGES = {
    "log_entry": "entry = ''",
    "log_node": "hash = ''",
    "log_checkpoint": "note = ''",
    "log_reopening": "note = ''",
    "audit_event": "body = ''",
    "trail_erasure": "entries = 9",
}
REFUSED = [
    *(f"UPDATE {table} SET {change}" for table, change in CHANGES.items()),
    *(f"DELETE FROM {table}" for table in (*GROWS, "log_head", "subject_trail")),
    *(f"TRUNCATE {table}" for table in (*GROWS, "log_head", "subject_trail")),
]
HEAD_AND_COUNTERS = [
    "UPDATE log_head SET size = size - 1",
    "UPDATE log_head SET root = ''",
    "UPDATE subject_trail SET seq = seq - 1",
    "UPDATE subject_trail SET id = 'sbj_9' WHERE id = 'sbj_1'",
]


def entry_of(trail: Trail, load: Sequence[Need] = ()) -> Work[Verdict]:
    return Work(
        kind="readiness", caller="", trail=trail, load=load, judge=lambda _facts, _now: YES,
        events=lambda _facts, _now, _verdict: [Event("readiness", trail, "officer:1", {"secret": "kept"})],
    )  # fmt: skip


def erase(entries: int) -> Work[Verdict]:
    """The order, in the item whose entry it names."""
    item_id = "i_erase"

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        facts.put(TRAIL_ERASURES, TrailErasure(CITIZEN.subject_ref, item_id, "L26", entries, now))

    return Work(
        kind="erase", caller="", trail=TRAIL, load=[Need(TRAIL_ERASURES, CITIZEN.subject_ref)],
        judge=lambda _facts, _now: YES, apply=apply, id=item_id,
        events=lambda _facts, _now, _verdict: [Event("erase", TRAIL, "system", {"subject": CITIZEN.pseudonym})],
    )  # fmt: skip


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    """Three entries of a citizen and two of a neighbour, the order to erase the first two of the citizen's, everything in every table."""
    ledger = await Ledger.opened(database)
    await ledger.appender.start()
    for trail in (CITIZEN, NEIGHBOUR, CITIZEN, NEIGHBOUR, CITIZEN):
        await ledger.appender.submit(entry_of(trail))
    await ledger.appender.submit(noted())
    await Publisher(database, [NoteSigner("berkas.test/akses", bytes(32))], at_once=True).sign_head()
    yield ledger
    await ledger.appender.stop()


@pytest.fixture
async def filled(ledger: Ledger, postgres: PostgresServer, database_url: str) -> Ledger:
    """A row in each table: a statement that finds no row passes every trigger."""
    await ledger.appender.submit(erase(1))
    owner = await _connected(postgres, database_url)
    await owner.execute("INSERT INTO log_reopening VALUES ('b/2', 'b', 'note', 1, 2, now())")
    await owner.close()
    return ledger


async def _connected(postgres: PostgresServer, database_url: str) -> asyncpg.Connection:
    return await asyncpg.connect(postgres.at(postgres.owner, urlsplit(database_url).path[1:]))


async def _refused(connection: asyncpg.Connection, statement: str) -> str:
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        await connection.execute(statement)
    return str(refused.value)


async def test_the_application_changes_nothing_of_the_log(filled: Ledger, database_url: str) -> None:
    """A56: permission denied, each. Wrong version: rights are granted to all tables and taken back from some."""
    application = await asyncpg.connect(database_url)
    for statement in REFUSED:
        assert "permission denied" in await _refused(application, statement), statement
    assert "permission denied" in await _refused(application, "UPDATE log_head SET origin = 'other'")
    for statement in HEAD_AND_COUNTERS:
        await _refused(application, statement)
    assert "no erasure" in await _refused(application, "SELECT berkas_erase_trail('sbj_2')")
    for statement in ("ALTER TABLE log_entry DISABLE TRIGGER ALL", "SET session_replication_role = replica"):
        await _refused(application, statement)
    await application.close()


async def test_triggers_refuse_it_to_the_owner(
    filled: Ledger, postgres: PostgresServer, database_url: str
) -> None:
    """A56: nobody changes it by mistake. Wrong version: a statement that names all tables at once."""
    owner = await _connected(postgres, database_url)
    before = await _everything(owner)
    for statement in [*REFUSED, *HEAD_AND_COUNTERS]:
        told = await _refused(owner, statement)
        assert "append-only" in told or "erasure" in told, (statement, told)
    assert await _everything(owner) == before
    await owner.close()


async def _everything(connection: asyncpg.Connection) -> list[Any]:
    return [await connection.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in (*GROWS, "log_head", "subject_trail")]  # fmt: skip


async def test_a_trail_goes_by_an_order_that_stands_in_the_log(ledger: Ledger, database: Database) -> None:
    """Bodies and salts are gone, the neighbour's are there, counters and entries stay."""
    await ledger.appender.submit(erase(3))
    async with database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT berkas_erase_trail('sbj_1')") == 3
    async with database.reading() as reading:
        assert await events_of(reading, CITIZEN, limit=9) == []
        assert len(await events_of(reading, NEIGHBOUR, limit=9)) == 2
        assert await SUBJECT_TRAILS.load(reading.raw, "id", ["sbj_1"]) == [SubjectTrail("sbj_1", 3, 4)]
        assert await reading.raw.fetchval("SELECT count(*) FROM log_entry") == 7


async def test_no_more_goes_than_was_ordered(ledger: Ledger, database: Database) -> None:
    """An entry that came after the order stays. Wrong version: the function deletes by name."""
    await ledger.appender.submit(erase(2))
    async with database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT berkas_erase_trail('sbj_1')") == 2
    async with database.reading() as reading:
        assert [index for index, _ in await events_of(reading, CITIZEN, limit=9)] == [4]


async def test_an_order_beside_the_log_is_none(ledger: Ledger, database: Database) -> None:
    """The application may add rows to the table of orders; without the entry nothing goes. Wrong version: the row alone counts."""
    order = [["sbj_1"], ["i_never"], ["L26"], [3], [datetime.now(UTC)]]
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no erasure"):
        async with database.transaction() as transaction:
            await transaction.raw.execute(TRAIL_ERASURES.insert(1), *order)
            await transaction.raw.fetchval("SELECT berkas_erase_trail('sbj_1')")


async def test_the_function_looks_only_into_its_own_schema(ledger: Ledger, database_url: str) -> None:
    """It runs with the owner's rights. Wrong version: without a fixed path, with temporary tables first, a table of the caller's own is
    the order."""
    application = await asyncpg.connect(database_url)
    for path in ("public", "pg_temp, public"):
        await application.execute(f"SET search_path = {path}")
        await application.execute("CREATE TEMP TABLE IF NOT EXISTS trail_erasure AS SELECT 'sbj_1' AS id, item_id, 'L26' AS basis, 9::bigint AS entries FROM audit_event")  # fmt: skip
        assert "no erasure" in await _refused(application, "SELECT berkas_erase_trail('sbj_1')")
    await application.close()
