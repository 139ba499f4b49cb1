"""Messages that wait in the outbox, as tests make them: by a batch item, like every flow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from auth.verdict import ALLOWED, Allowed
from exchange.deps import clock
from exchange.outbound.letters import Sender
from exchange.outbound.notify import Postman
from exchange.outbound.senders import Nobody
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Event, Work
from storage.outbox import MESSAGES, Address, new_message
from tests.world import SITE, World

EMAIL = "warga@contoh.example"


def held_back(world: World) -> None:
    """The application's own postman does nothing from here on."""
    (loop,) = [loop for loop in world.parts.background._loops if loop.get_name() == "Postman.round"]
    loop.cancel()


async def queued(
    world: World,
    subject: str,
    number: int = 1,
    *,
    channel: str = "email",
    kind: str = "notice",
    to: str = EMAIL,
    text: str = "Pemberitahuan percobaan",
) -> list[str]:
    """Ids of ``number`` messages to one citizen, by the reference that DPMPTSP knows."""
    parts = world.parts
    trail = await parts.keyring.trail(parts.keyring.meant(f"DPMPTSP@{SITE}", subject))
    made = [new_message(trail, Address(channel, to), kind, text, clock()) for _ in range(number)]

    def apply(facts: Facts, _now: datetime, _verdict: Allowed) -> None:
        for message in made:
            facts.put(MESSAGES, message)

    await parts.appender.submit(
        Work(
            kind="contact",
            caller="",
            trail=trail,
            load=[Need(MESSAGES, message.id) for message in made],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event("contact", trail, "system", {"act": "enrol"})],
        )
    )
    return [message.id for message in made]


def postman(world: World, **senders: Sender) -> Postman:
    channels = dict.fromkeys(("email", "sms", "whatsapp"), Nobody())
    return Postman(world.parts.database, world.parts.keyring, {**channels, **senders})


async def delivers(postman: Postman) -> None:
    """One round, and every try of it to its end."""
    await postman.round()
    await postman.idle()


async def rows(world: World) -> list[dict[str, Any]]:
    """Every message, oldest first, with ``wait``: until the next try."""
    async with world.parts.database.transaction() as transaction:
        found = await transaction.raw.fetch("SELECT *, next_try_at - now() AS wait FROM outbox ORDER BY id")
    return [dict(row) for row in found]


async def states(world: World) -> list[tuple[str, str]]:
    return [(row["state"], row["cause"]) for row in await rows(world)]


async def later(world: World, passed: timedelta) -> None:
    """As if this much time had gone by for every message."""
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE outbox SET created_at = created_at - $1::interval, next_try_at = next_try_at - $1::interval",
            passed,
        )
