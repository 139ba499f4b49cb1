"""After a restore below a published checkpoint: the log goes on under a new origin, and its first entry says what is lost."""

from __future__ import annotations

from collections.abc import Iterable

from auth.verdict import ALLOWED
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.checkpoint import NoteVerifier
from storage.ledger.log import Appender
from storage.ledger.page import committed_items
from storage.ledger.reopening import Reopening, reopen, reopenings
from storage.ledger.work import Event, Work


async def reopened(database: Database, note: str, vkeys: Iterable[str]) -> Reopening:
    """Before anything is opened that signs. Raises ``NotReopened`` and ``CheckpointRefused``."""
    return await reopen(database, note, [NoteVerifier(vkey) for vkey in vkeys])


async def put_on_record(database: Database, keyring: Keyring, appender: Appender) -> list[Reopening]:
    """The entry of each reopening that has none yet; returns those."""
    async with database.reading() as reading:
        all_of_them = await reopenings(reading)
        known = await committed_items(reading.raw, [_item(one) for one in all_of_them])
    missing = [one for one in all_of_them if _item(one) not in known]
    trail = keyring.site_trail()
    for one in missing:
        details = {
            "act": "reopened",
            "origin": one.origin,
            "previous": one.previous,
            "last_checkpoint": one.note,
            "lost": {"from": one.restored_size, "to": one.lost_to - 1},
        }
        event = Event("log", trail, "operator", details)
        await appender.submit(
            Work(
                kind="log",
                caller="",
                trail=trail,
                load=(),
                judge=lambda _facts, _now: ALLOWED,
                events=lambda _facts, _now, _verdict, event=event: [event],  # type: ignore[misc]  # bound now: the loop goes on
                id=_item(one),
            )
        )
    return missing


def _item(one: Reopening) -> str:
    return f"reopened {one.origin}"
