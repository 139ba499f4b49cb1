"""A log that was restored below a published checkpoint goes on under a new origin (DESIGN section 2): an honest scar instead of a fork.

Whoever was shown the old log's newest checkpoint holds proof of entries that are gone. If the log grew again under its old name, two
histories would bear it. So the old origin ends where the restored state ends, and the new one says which was the old one's last
checkpoint and which entries of it are lost. Only who restores does this, while nothing else runs: nobody must be signing meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.database import Database, Reading
from storage.errors import StorageError
from storage.ledger.checkpoint import Checkpoint, NoteVerifier, open_note
from storage.ledger.page import read_edges

PATIENCE_TRIES, PATIENCE_PAUSE_S = 10, 0.1


class LogReopening(SQLModel, table=True):
    """``origin`` begins at ``restored_size`` entries; ``lost_to`` is the size of ``note``, the last checkpoint of ``previous``."""

    __tablename__ = "log_reopening"
    origin: str = Field(primary_key=True, sa_type=sa.Text)
    previous: str = Field(sa_type=sa.Text)
    restored_size: int = Field(sa_type=sa.BigInteger)
    lost_to: int = Field(sa_type=sa.BigInteger)
    note: str = Field(sa_type=sa.Text)
    at: datetime = Field(sa_type=sa.DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Reopening:
    """Entries ``restored_size`` to ``lost_to - 1`` of ``previous`` are lost; ``origin`` goes on in their place."""

    origin: str
    previous: str
    restored_size: int
    lost_to: int
    note: str


class NotReopened(StorageError):
    """The log must not, or need not, get a new origin; the message says why. ``passing``: others are connected still."""

    def __init__(self, words: str, *, passing: bool = False) -> None:
        super().__init__(words)
        self.passing = passing


async def reopenings(reading: Reading) -> list[Reopening]:
    """Oldest first."""
    rows = await reading.raw.fetch(
        "SELECT origin, previous, restored_size, lost_to, note FROM log_reopening ORDER BY at"
    )
    return [Reopening(*row) for row in rows]


async def reopen(database: Database, note: str, verifiers: Sequence[NoteVerifier]) -> Reopening:
    """``note`` is the newest checkpoint that was published, kept outside; ``verifiers`` are the log's own keys; ``database`` is opened by
    the owner, the application may not name a log. Raises ``NotReopened`` and ``CheckpointRefused``.
    """
    published = open_note(note, verifiers)
    for _ in range(PATIENCE_TRIES):
        try:
            return await _reopened(database, note, published)
        except NotReopened as refused:  # the server takes a moment to see that who was stopped is gone
            if not refused.passing:
                raise
        await asyncio.sleep(PATIENCE_PAUSE_S)
    return await _reopened(database, note, published)


async def _reopened(database: Database, note: str, published: Checkpoint) -> Reopening:
    try:
        return await _renamed(database, note, published)
    except asyncpg.InsufficientPrivilegeError:
        raise NotReopened("only the database's owner may: BERKAS_MIGRATION_DATABASE_URL") from None


async def _renamed(database: Database, note: str, published: Checkpoint) -> Reopening:
    async with database.transaction() as transaction:
        raw = transaction.raw
        # The one writer beside the appender: nothing else may run, and the lock makes sure of one at a time.
        head = await raw.fetchrow("SELECT origin, size FROM log_head WHERE id = 1 FOR UPDATE")
        if head is None:
            raise NotReopened("there is no log")
        if others := await raw.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'berkas' AND pid <> pg_backend_pid()"
        ):
            raise NotReopened(
                f"stop every replica first: {others} connections of Berkas are open", passing=True
            )
        await _refuse_what_is_no_loss(raw, published, head["origin"], head["size"])
        fresh = Reopening(_next_name(head["origin"]), head["origin"], head["size"], published.size, note)
        await raw.execute("UPDATE log_head SET origin = $1 WHERE id = 1", fresh.origin)
        await raw.execute(
            "INSERT INTO log_reopening (origin, previous, restored_size, lost_to, note, at) "
            "VALUES ($1, $2, $3, $4, $5, clock_timestamp())",
            fresh.origin, fresh.previous, fresh.restored_size, fresh.lost_to, fresh.note,
        )  # fmt: skip
    return fresh


async def _refuse_what_is_no_loss(
    raw: asyncpg.Connection, published: Checkpoint, origin: str, size: int
) -> None:
    if published.origin != origin:
        raise NotReopened(f"the checkpoint is of {published.origin}, the log is {origin}: reopened already?")
    if published.size > size:
        return
    edge = (await read_edges(raw, published.size))[0]
    if edge is not None and edge.root() == published.root:
        raise NotReopened(f"nothing is lost: all {published.size} entries of the checkpoint are here")
    raise NotReopened(
        "the log has other entries than its checkpoint says: somebody wrote after a restore. Keep it stopped, and restore again"
    )


def _next_name(origin: str) -> str:
    """``host/akses``, then ``host/akses/2``: names never come back."""
    name, _, number = origin.rpartition("/")
    return f"{name}/{int(number) + 1}" if number.isdigit() and "/" in name else f"{origin}/2"
