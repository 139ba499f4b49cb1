"""Messages to citizens, written in the batch that caused them: the row is the truth, a queue only a nudge.

``payload`` is JSON (to, text, link, code) sealed under the citizen's trail key: a stolen database holds no codes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from storage.database import Database, Reading, Transaction
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import FactTable
from storage.ledger.work import Trail
from storage.subjects import contacts_of


@dataclass(frozen=True, slots=True)
class Message:
    """``kind`` is link, otp or notice; ``state`` waiting, sent or dead; ``cause`` a stable word for why the last try failed."""

    id: str
    subject_ref: str
    channel: str
    kind: str
    payload: bytes
    state: str
    created_at: datetime
    attempts: int
    next_try_at: datetime
    cause: str


MESSAGES = FactTable(Message, "outbox")
sa.Index(
    "ix_outbox_waiting",
    MESSAGES.table.c.next_try_at,
    postgresql_where=MESSAGES.table.c.state == sa.literal_column("'waiting'"),
)
sa.Index(
    "ix_outbox_dead",
    MESSAGES.table.c.created_at,
    postgresql_where=MESSAGES.table.c.state == sa.literal_column("'dead'"),
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
    found = await addresses_of(database, keyring, subject_ref)
    return next((address for address in found.values() if channel in {None, address.channel}), None)


async def addresses_of(database: Database, keyring: Keyring, subject_ref: str) -> dict[str, Address]:
    """Every contact by its id, newest first: opened before a batch, which then chooses by the facts."""
    async with database.reading() as reading:
        contacts = await contacts_of(reading, subject_ref)
    values = [await keyring.unseal(subject_ref, "contact", contact.value) for contact in contacts]
    pairs = zip(contacts, values, strict=True)
    return {contact.id: Address(contact.channel, value.decode()) for contact, value in reversed(list(pairs))}


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
        cause="",
    )


async def notices_to(
    database: Database, keyring: Keyring, trail: Trail, text: str, now: datetime, *, link: str | None = None
) -> list[Message]:
    """The same words at every contact: whoever slipped in a number does not receive what its owner should hear."""
    addresses = await addresses_of(database, keyring, trail.subject_ref)
    each = dict.fromkeys(addresses.values())  # one that was given twice is told once
    return [new_message(trail, address, "notice", text, now, link=link) for address in each]


class Lane(NamedTuple):
    """What shares places with each other and with nothing else. ``urgent`` is what somebody waits for (codes, links)."""

    channel: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that nobody else sends before ``message.next_try_at``; ``age`` since it was written."""

    message: Message
    age: timedelta

    @property
    def lane(self) -> Lane:
        return Lane(self.message.channel, self.message.kind != "notice")


# The clock is the database's throughout: a claim must mean the same to replicas whose clocks differ.
async def is_anything_due(reading: Reading) -> bool:
    """Asked before ``claim_due``, many times a minute: a look costs a tenth of a transaction."""
    return bool(
        await reading.raw.fetchval(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'waiting' AND next_try_at <= now())"
        )
    )


async def claim_due(transaction: Transaction, places: Mapping[Lane, int], life: timedelta) -> list[Claimed]:
    """Take what is due, oldest first and as many of each lane as it has free places, and keep it from other workers for ``life``; a
    worker that dies loses only its claim.
    """
    rows = await transaction.raw.fetch(
        "WITH due AS MATERIALIZED ("
        "SELECT one.id FROM unnest($1::text[], $2::boolean[], $3::bigint[]) AS lane (channel, urgent, places), LATERAL ("
        "SELECT id FROM outbox WHERE state = 'waiting' AND next_try_at <= now() AND channel = lane.channel "
        "AND (kind <> 'notice') = lane.urgent ORDER BY next_try_at LIMIT lane.places FOR UPDATE SKIP LOCKED) one) "
        "UPDATE outbox SET next_try_at = now() + $4 FROM due WHERE outbox.id = due.id RETURNING outbox.id, now()",
        [lane.channel for lane in places],
        [lane.urgent for lane in places],
        list(places.values()),
        life,
    )
    loaded = await MESSAGES.load(transaction.raw, "id", [row["id"] for row in rows])
    claimed = [Claimed(message, rows[0]["now"] - message.created_at) for message in loaded]
    return sorted(claimed, key=lambda claim: claim.message.id)


async def settle_message(
    transaction: Transaction, message: Message, *, state: str, cause: str, wait: timedelta, keep: bool
) -> None:
    """After one try: the next may be made after ``wait``. Without ``keep`` the sealed payload goes. A worker whose claim is over
    says nothing any more, but that the message was sent.
    """
    await transaction.raw.execute(
        "UPDATE outbox SET state = $2, cause = $3, attempts = attempts + 1, next_try_at = now() + $4, "
        "payload = CASE WHEN $5 THEN payload ELSE ''::bytea END "
        "WHERE id = $1 AND (state = 'waiting' AND next_try_at = $6 OR $2 = 'sent')",
        message.id,
        state,
        cause,
        wait,
        keep,
        message.next_try_at,
    )


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """What an operator must know. ``given_up``: how many of the last seven days, by cause."""

    waiting: int
    given_up: Mapping[str, int]


async def message_counts(reading: Reading) -> MessageCounts:
    waiting = await reading.raw.fetchval("SELECT count(*) FROM outbox WHERE state = 'waiting'")
    rows = await reading.raw.fetch(
        "SELECT cause, count(*) FROM outbox WHERE state = 'dead' AND created_at > now() - interval '7 days' "
        "GROUP BY cause ORDER BY cause"
    )
    return MessageCounts(waiting, {row["cause"]: row["count"] for row in rows})


async def sent_messages(reading: Reading, limit: int) -> list[Message]:
    """The newest ``limit`` messages that the sandbox's inbox was given, oldest first. What left by a provider is kept nowhere."""
    rows = await reading.raw.fetch(
        "SELECT id FROM outbox WHERE state = 'sent' AND payload <> ''::bytea ORDER BY id DESC LIMIT $1", limit
    )
    loaded = await MESSAGES.load(reading.raw, "id", [row["id"] for row in rows])
    return sorted(loaded, key=lambda message: message.id)
