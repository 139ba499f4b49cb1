"""Consent without a phone, as tests say it: two officers at a counter, and the slip between them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from tests.world import CANARIES, PASSWORD, OfficerAt, World

SCAN = hashlib.sha256(b"the scan of a signed slip").hexdigest()


@dataclass
class Desk:
    """A citizen without a phone, officer A who asked, officer B, and the open request."""

    world: World
    first: OfficerAt
    second: OfficerAt
    subject: str
    request: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/v1/consent-requests/{self.request['id']}"

    async def read(self, officer: OfficerAt | None = None) -> str:
        """The text that is read aloud, by its hash."""
        slip = await (officer or self.first).get(f"{self.path}/slip")
        assert slip.status_code == 200, slip.text
        return slip.headers["etag"].strip('"')

    async def records(
        self, officer: OfficerAt | None = None, granted: list[str] | None = None, **more: Any
    ) -> httpx.Response:
        """Everything that was asked for is granted where nothing else is said."""
        body = {
            "granted": [item["path"] for item in self.request["items"]] if granted is None else granted,
            "witness": "signature",
            "told": list("abcdefg"),
            "identity_sighted": True,
            "text_sha256": more.pop("text_sha256", None) or await self.read(),
            **more,
        }
        return await (officer or self.first).post(f"{self.path}/assisted-decision", json=body)

    async def recorded(self, **how: Any) -> str:
        """The id of the record that waits."""
        answer = await self.records(**how)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["recording"])

    async def confirms(self, recording: str, officer: OfficerAt | None = None, **more: Any) -> httpx.Response:
        shown = {"password": PASSWORD} if "confirm" not in more else {}
        body = {"confirm": True, "recording": recording, **shown, **more}
        answer = await (officer or self.second).post(f"{self.path}/confirmation", json=body)
        if answer.status_code == 200 and answer.json().get("withdrawal_code"):
            CANARIES.add(answer.json()["withdrawal_code"])
        return answer

    async def confirmed(self, **how: Any) -> dict[str, Any]:
        answer = await self.confirms(await self.recorded(**how))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def state(self) -> dict[str, Any]:
        return dict((await self.first.get(self.path)).json())


async def at_the_desk(world: World, *, phone: str | None = None, **asked: Any) -> Desk:
    first, second = await world.officer(), await world.officer(name="kedua")
    subject = await world.enrols(first, phone=phone)
    await world.stores(first, subject)
    request = await world.asks(first, subject, channel="assisted", **asked)
    return Desk(world, first, second, subject, request)


async def last(world: World) -> dict[str, Any]:
    return (await world.entries())[-1]


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def consents(world: World) -> list[asyncpg.Record]:
    async with world.parts.database.reading() as reading:
        return list(await reading.raw.fetch("SELECT * FROM consent ORDER BY id"))


@contextlib.asynccontextmanager
async def head_held(world: World) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Holds the ledger's lock until the block ends, or what it gives is called."""
    url = world.parts.settings.database_url
    assert url is not None
    connection = await asyncpg.connect(url.get_secret_value())  # without the limits of the service's own
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(connection.close)
        await stack.enter_async_context(connection.transaction())
        await connection.fetchrow("SELECT FROM log_head WHERE id = 1 FOR UPDATE")
        yield stack.aclose


async def items_wait(world: World, number: int, within_s: float = 30) -> None:
    """So many items wait for the lock, or to join who does."""
    line = world.parts.appender._line
    async with asyncio.timeout(within_s):
        while len(line._under_way) + len(line._queue) < number:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def in_one_batch(world: World, *acts: Awaitable[Any]) -> list[Any]:
    """The answers to acts of which each has one item for the ledger: all of them come while the head is held elsewhere, read what they
    read before they wait, and are then judged together, in this order.
    """
    tasks: list[asyncio.Future[Any]] = []
    async with head_held(world):
        for number, act in enumerate(acts, start=1):
            tasks.append(asyncio.ensure_future(act))
            await items_wait(world, number, within_s=2)
    return list(await asyncio.gather(*tasks))
