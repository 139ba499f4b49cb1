"""What operators look at: is everything there, and (in the sandbox) what was sent to whom."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

from storage.database import Database
from storage.errors import StorageError
from storage.inspection import Gate
from storage.keyring import Keyring
from storage.ledger.log import Appender
from storage.limits import codes_sent
from storage.outbox import MessageCounts, message_counts, sent_messages
from storage.quarantine import in_quarantine
from storage.vault import Vault

PROBE_LIMIT_S = 3.0
INBOX_MESSAGES = 500


async def readiness(database: Database, vault: Vault, appender: Appender) -> dict[str, bool]:
    """Each dependency: can it be used now?"""
    return {
        "database": await _answers(_database(database)),
        "object_store": await _answers(vault.probe()),
        "ledger": appender.halted is None,
    }


async def intake(gate: Gate | None, now: datetime) -> dict[str, str]:
    """How files are looked at before they are kept."""
    return {"files": "by first bytes only", "malware_scan": "off"} if gate is None else await gate.state(now)


async def messages(database: Database) -> MessageCounts:
    """How many messages wait, and how many of the last seven days were given up, and why."""
    async with database.reading() as reading:
        return await message_counts(reading)


async def codes(database: Database, now: datetime) -> int:
    """How many one-time codes went out in this hour."""
    async with database.reading() as reading:
        return await codes_sent(reading, now)


async def damaged(database: Database) -> int:
    """How many stored copies are in quarantine."""
    async with database.reading() as reading:
        return await in_quarantine(reading)


async def sent(database: Database, keyring: Keyring) -> list[dict[str, Any]]:
    """Sent messages as the contract's inbox has them, newest last."""
    async with database.reading() as reading:
        messages = await sent_messages(reading, INBOX_MESSAGES)
    shown = []
    for message in messages:
        payload = json.loads(await keyring.unseal(message.subject_ref, "message", message.payload))
        shown.append(
            {
                "id": message.id,
                "at": message.created_at.isoformat(),
                "channel": message.channel,
                "to": payload["to"],
                "kind": message.kind,
                "text": payload["text"],
                **{name: payload[name] for name in ("link", "code") if payload.get(name)},
            }
        )
    return shown


async def _database(database: Database) -> None:
    async with database.reading() as reading:
        await reading.raw.fetchval("SELECT size FROM log_head WHERE id = 1")


async def _answers(probe: Any) -> bool:
    try:
        async with asyncio.timeout(PROBE_LIMIT_S):
            await probe
    except (StorageError, TimeoutError):
        return False
    return True
