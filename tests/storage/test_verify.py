"""``log verify`` finds what was done to the log, and names the first bad entry (A55, I6)."""

from __future__ import annotations

import asyncpg
import pytest

from storage.database import Database
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.publisher import Publisher
from storage.ledger.verify import verify
from tests.conftest import PostgresServer
from tests.storage.ledger_world import Ledger, noted

SIGNER = NoteSigner("berkas.test/akses", bytes(32))
ENTRIES = 37


@pytest.fixture
async def log(database: Database) -> Database:
    """37 entries with checkpoints at 20 and 37."""
    ledger = await Ledger.opened(database)
    await ledger.appender.start()
    publisher = Publisher(database, [SIGNER], at_once=True)
    for number in range(ENTRIES):
        await ledger.appender.submit(noted({"n": number}))
        if number == 19:
            await publisher.sign_head()
    await publisher.sign_head()
    await ledger.appender.stop()
    return database


async def _tampered(database_url: str, postgres: PostgresServer, *statements: str) -> None:
    """As the owner of the server, triggers off: what an administrator could do."""
    name = database_url.rpartition("/")[2]
    connection = await asyncpg.connect(postgres.at(postgres.superuser, name))
    await connection.execute("SET session_replication_role = replica")
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_a_whole_log(log: Database) -> None:
    findings = await verify(log, vkeys=[SIGNER.vkey()])
    assert (findings.problems, findings.size, findings.checkpoints) == ([], ENTRIES, 2)


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        (["UPDATE log_entry SET entry = overlay(entry placing '\\x00' from 9) WHERE idx = 7"], "entries 6 to 7"),
        (["DELETE FROM log_entry WHERE idx = 0"], "entry 0: missing"),
        (["DELETE FROM log_entry WHERE idx = 12"], "entry 12: missing"),
        (["DELETE FROM log_entry WHERE idx = 36"], "entry 36: missing"),
        (
            [
                "UPDATE log_entry SET idx = 1000 WHERE idx = 3",
                "UPDATE log_entry SET idx = 3 WHERE idx = 4",
                "UPDATE log_entry SET idx = 4 WHERE idx = 1000",
            ],
            "entries 2 to 3",
        ),
        (["INSERT INTO log_entry SELECT 37, entry FROM log_entry WHERE idx = 5"], "behind the head"),
        (["UPDATE log_node SET hash = decode(repeat('00', 32), 'hex') WHERE level = 2 AND idx = 1"], "entries 4 to 7"),
        (["UPDATE log_head SET root = decode(repeat('00', 32), 'hex')"], "head's root"),
        (["DELETE FROM log_entry WHERE idx > 29", "DELETE FROM log_node WHERE (idx + 1) << level > 30",
          "UPDATE log_head SET size = 30"], ""),
        (["UPDATE log_checkpoint SET note = replace(note, '20', '21') WHERE size = 20"], "checkpoint is not ours"),
    ],
)  # fmt: skip
async def test_what_was_done_is_found(
    log: Database, database_url: str, postgres: PostgresServer, statements: list[str], problem: str
) -> None:
    await _tampered(database_url, postgres, *statements)
    findings = await verify(log, vkeys=[SIGNER.vkey()])
    assert findings.problems
    assert problem in findings.problems[0]


async def test_a_log_written_anew_needs_a_checkpoint_from_outside(
    log: Database, database_url: str, postgres: PostgresServer
) -> None:
    """A fork re-hashed from the first entry is whole in itself: only what was kept elsewhere finds it."""
    async with log.transaction() as transaction:
        outside = await transaction.raw.fetchval("SELECT note FROM log_checkpoint WHERE size = 20")
    await _tampered(
        database_url, postgres, "TRUNCATE log_entry, log_node, log_checkpoint, audit_event, subject_trail",
        "DELETE FROM log_head",
    )  # fmt: skip
    forged = await Ledger.opened(log)
    await forged.appender.start()
    for number in range(ENTRIES):
        await forged.appender.submit(noted({"n": number, "forged": True}))
    await forged.appender.stop()
    assert (await verify(log, vkeys=[SIGNER.vkey()])).problems == []
    findings = await verify(log, vkeys=[SIGNER.vkey()], outside=outside)
    assert "differs from a checkpoint of 20 entries" in findings.problems[0]


async def test_a_stolen_log_key_rewrites_nothing_below_a_checkpoint_that_was_kept(
    log: Database, database_url: str, postgres: PostgresServer
) -> None:
    """A57: all entries new, re-hashed, and signed at every size by the log's genuine key. Inside everything agrees; what somebody kept does not."""
    async with log.transaction() as transaction:
        outside = await transaction.raw.fetchval("SELECT note FROM log_checkpoint WHERE size = 20")
    await _tampered(
        database_url, postgres, "TRUNCATE log_entry, log_node, log_checkpoint, audit_event, subject_trail",
        "DELETE FROM log_head",
    )  # fmt: skip
    forged = await Ledger.opened(log)
    await forged.appender.start()
    for number in range(ENTRIES):
        await forged.appender.submit(noted({"n": number, "forged": True}))
        if number + 1 in {20, ENTRIES}:
            await Publisher(log, [SIGNER], at_once=True).sign_head()
    await forged.appender.stop()
    whole = await verify(log, vkeys=[SIGNER.vkey()])
    assert (whole.problems, whole.checkpoints) == ([], 2)
    findings = await verify(log, vkeys=[SIGNER.vkey()], outside=outside)
    assert "differs from a checkpoint of 20 entries" in findings.problems[0]


async def test_a_log_cut_short_needs_a_checkpoint_from_outside(
    log: Database, database_url: str, postgres: PostgresServer
) -> None:
    async with log.transaction() as transaction:
        outside = await transaction.raw.fetchval("SELECT note FROM log_checkpoint WHERE size = 37")
        root = await transaction.raw.fetchval("SELECT root FROM log_checkpoint WHERE size = 20")
    await _tampered(
        database_url, postgres, "DELETE FROM log_entry WHERE idx >= 20",
        "DELETE FROM log_node WHERE (idx + 1) << level > 20", "DELETE FROM log_checkpoint WHERE size > 20",
        "DELETE FROM audit_event WHERE idx >= 20", "UPDATE subject_trail SET seq = 20, last_idx = 19",
        f"UPDATE log_head SET size = 20, root = '\\x{bytes(root).hex()}'",
    )  # fmt: skip
    assert (await verify(log, vkeys=[SIGNER.vkey()])).problems == []
    assert "the log was cut" in (await verify(log, vkeys=[SIGNER.vkey()], outside=outside)).problems[0]


async def test_another_key_opens_nothing(log: Database) -> None:
    other = NoteSigner("berkas.test/akses", b"\x01" * 32)
    assert "not ours" in (await verify(log, vkeys=[other.vkey()])).problems[0]


async def test_checkpoints_advance_once_a_minute_in_production(log: Database) -> None:
    """A live size would show visits: the public one is the newest from before this minute."""
    publisher = Publisher(log, [SIGNER], at_once=False)
    assert await publisher.public() is None or "\n37\n" not in (await publisher.public() or ("",))[0]
    at_once = await Publisher(log, [SIGNER], at_once=True).public()
    assert at_once is not None
    assert "\n37\n" in at_once[0]
