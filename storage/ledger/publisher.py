"""The publisher: signs the head that the database has committed, never one that it has not.

Within a second of a commit a checkpoint exists for receipts and bundles. The public one advances once a minute,
since a live size would show visits; in the sandbox at once. Ed25519 is deterministic, so replicas that sign the
same head write the same note; a size can never have two.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime

from storage.database import Database, Reading
from storage.errors import DatabaseUnavailable
from storage.ledger.checkpoint import NoteSigner, note_of
from storage.ledger.merkle import EMPTY_ROOT
from storage.ledger.published import published

SIGN_PERIOD_S = 1.0
_log = logging.getLogger("berkas.ledger")

_INSERT = """
INSERT INTO log_checkpoint (size, root, note, created_at) VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (size) DO NOTHING
"""


async def open_log(database: Database, origin: str) -> str:
    """Make the head row of a new log; return the origin that the log really has."""
    async with database.transaction() as transaction:
        await transaction.raw.execute(
            "INSERT INTO log_head (id, origin, size, root, at) VALUES (1, $1, 0, $2, clock_timestamp()) "
            "ON CONFLICT (id) DO NOTHING",
            origin,
            EMPTY_ROOT,
        )
        return str(await transaction.raw.fetchval("SELECT origin FROM log_head WHERE id = 1"))


async def log_origin(reading: Reading) -> str:
    return str(await reading.raw.fetchval("SELECT origin FROM log_head WHERE id = 1"))


class Publisher:
    """``signers`` are the ledger's keys that live, oldest first; the last one is the key to pin."""

    def __init__(self, database: Database, signers: Sequence[NoteSigner], *, at_once: bool) -> None:
        self._database = database
        self._signers = signers
        self.at_once = at_once
        self._nudged = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def vkey(self) -> str:
        return self._signers[-1].vkey()

    def turn(self, signers: Sequence[NoteSigner]) -> None:
        self._signers = signers

    def nudge(self) -> None:
        self._nudged.set()

    async def start(self) -> None:
        self._nudged.set()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(DatabaseUnavailable):
            await self.sign_head()

    async def sign_head(self) -> None:
        """Read the committed head afresh and keep a signed note of it."""
        if not self._signers:
            return  # a start that did not come so far as to have keys
        async with self._database.transaction() as transaction:
            head = await transaction.raw.fetchrow("SELECT size, root FROM log_head WHERE id = 1")
            if head is not None and head["size"]:
                root = bytes(head["root"])
                await transaction.raw.execute(
                    _INSERT, head["size"], root, note_of(self._signers, head["size"], root)
                )

    async def public(self) -> tuple[str, datetime] | None:
        """The published checkpoint and when it was signed; None while there is none."""
        async with self._database.reading() as reading:
            shown = await published(reading, at_once=self.at_once)
        return None if shown is None else (shown.note, shown.at)

    async def _run(self) -> None:
        while True:
            await self._nudged.wait()
            self._nudged.clear()
            try:
                await self.sign_head()
            except Exception as error:  # noqa: BLE001 - a lost signature is made again; the loop must live
                _log.warning("head not signed", extra={"error": type(error).__name__})
                self._nudged.set()
            await asyncio.sleep(SIGN_PERIOD_S)
