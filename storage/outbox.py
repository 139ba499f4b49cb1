"""Messages to citizens, written in the batch that caused them: the row is the truth, a queue only a nudge.

``payload`` is JSON (to, text, link, code) sealed under the citizen's trail key: a stolen database holds no codes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Database, Reading, Transaction
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import FactTable
from storage.ledger.work import Trail
from storage.subjects import contacts_of


@dataclass(frozen=True, slots=True)
class Message:
    """``kind`` is link, otp or notice; ``state`` waiting, sent or dead."""

    id: str
    subject_ref: str
    channel: str
    kind: str
    payload: bytes
    state: str
    created_at: datetime
    attempts: int
    next_try_at: datetime


MESSAGES = FactTable(Message, "outbox")
sa.Index(
    "ix_outbox_waiting",
    MESSAGES.table.c.next_try_at,
    postgresql_where=MESSAGES.table.c.state == sa.literal_column("'waiting'"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a citizen is reached; ``to`` is the plain value and goes nowhere but into a sealed payload."""

    channel: str
    to: str


async def address_of(
    database: Database, keyring: Keyring, subject_ref: str, channel: str | None = None
) -> Address | None:
    """The newest contact (of ``channel``); None when there is none."""
    async with database.reading() as reading:
        contacts = await contacts_of(reading, subject_ref)
    for contact in reversed(contacts):
        if channel in {None, contact.channel}:
            value = await keyring.unseal(subject_ref, "contact", contact.value)
            return Address(contact.channel, value.decode())
    return None


def new_message(
    trail: Trail,
    address: Address,
    kind: str,
    text: str,
    now: datetime,
    *,
    link: str | None = None,
    code: str | None = None,
) -> Message:
    payload = {"to": address.to, "text": text, "link": link, "code": code}
    return Message(
        id=new_id("m"),
        subject_ref=trail.subject_ref,
        channel=address.channel,
        kind=kind,
        payload=seal_field(trail, "message", json.dumps(payload).encode()),
        state="waiting",
        created_at=now,
        attempts=0,
        next_try_at=now,
    )


async def is_anything_due(reading: Reading, now: datetime) -> bool:
    """Asked before ``claim_due``, many times a minute: a look costs a tenth of a transaction."""
    return bool(
        await reading.raw.fetchval(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'waiting' AND next_try_at <= $1)", now
        )
    )


async def claim_due(transaction: Transaction, now: datetime, until: datetime, limit: int) -> list[Message]:
    """Take what is due and keep it from other workers until ``until``; a worker that dies loses only its claim."""
    rows = await transaction.raw.fetch(
        "UPDATE outbox SET next_try_at = $2 WHERE id IN (SELECT id FROM outbox WHERE state = 'waiting' "
        "AND next_try_at <= $1 ORDER BY next_try_at LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id",
        now,
        until,
        limit,
    )
    loaded = await MESSAGES.load(transaction.raw, "id", [row["id"] for row in rows])
    return sorted(loaded, key=lambda message: message.id)


async def settle_message(
    transaction: Transaction,
    message_id: str,
    *,
    state: str,
    attempts: int,
    next_try_at: datetime,
    keep: bool,
) -> None:
    """Without ``keep`` the sealed payload goes."""
    await transaction.raw.execute(
        "UPDATE outbox SET state = $2, attempts = $3, next_try_at = $4, "
        "payload = CASE WHEN $5 THEN payload ELSE ''::bytea END WHERE id = $1",
        message_id,
        state,
        attempts,
        next_try_at,
        keep,
    )


async def message_counts(reading: Reading) -> dict[str, int]:
    """How many wait and how many were given up: what an operator must know."""
    row = await reading.raw.fetchrow(
        "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead "
        "FROM outbox WHERE state <> 'sent'"
    )
    return dict(row)


async def sent_messages(reading: Reading, limit: int) -> list[Message]:
    """The newest ``limit`` messages that were sent, oldest first (the sandbox's inbox)."""
    rows = await reading.raw.fetch(
        "SELECT id FROM outbox WHERE state = 'sent' ORDER BY id DESC LIMIT $1", limit
    )
    loaded = await MESSAGES.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(loaded, key=lambda message: message.id)
