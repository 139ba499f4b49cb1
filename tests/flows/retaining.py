"""A citizen whose paper lies still, who may destroy it, and a clock that is turned by changing rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from exchange.deps import clock
from exchange.flows.tidy_up import Collector
from storage.shelf import SHARDS
from tests.flows.test_administration import Admin, admin
from tests.invariants import check_invariants
from tests.world import OfficerAt, World

DUE = "/v1/destructions/due"


@dataclass
class Given:
    """A citizen's KTP on file (24 months), a data officer of the keeper, and the agency's administrator who approves."""

    world: World
    officer: OfficerAt
    dpo: OfficerAt
    head: OfficerAt
    subject: str
    document: str

    async def due(self, **query: Any) -> dict[str, Any]:
        answer = await self.dpo.get(DUE, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ids(self) -> list[str]:
        return [row["document_id"] for row in (await self.due())["data"]]

    async def proposed(self, **body: Any) -> dict[str, Any]:
        answer = await self.dpo.post("/v1/destructions", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def approves(self, destruction: dict[str, Any]) -> dict[str, Any]:
        answer = await self.head.post(f"/v1/destructions/{destruction['id']}/approval")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def destroys(self, **body: Any) -> dict[str, Any]:
        return await self.approves(await self.proposed(**body))

    async def states(self) -> list[tuple[str, int, str]]:
        async with self.world.parts.database.reading() as reading:
            rows = await reading.raw.fetch("SELECT type, version, state FROM document_version ORDER BY 1, 2")
        return [tuple(row) for row in rows]


@pytest.fixture
async def given(world: World) -> Given:
    officer = await world.officer()
    dpo: Admin = await admin(world, "pelindung", "dpo")
    head: Admin = await admin(world, "kepala", "agency_admin")
    subject = await world.enrols(officer)
    stored = await world.stores(officer, subject)
    return Given(world, officer, dpo.at, head.at, subject, stored.json()["document_id"])


@pytest.fixture
async def whole(given: Given) -> AsyncIterator[Given]:
    """After the test everything is collected and the invariants hold."""
    yield given
    parts = given.world.parts
    collector = Collector(parts.database, parts.vault)
    for shard in SHARDS:
        await collector.collect(shard, clock())
    await check_invariants(given.world)


async def ages(world: World, months: int) -> None:
    """Everything that happened was so many months ago, as seen by whoever asks what is due."""
    async with world.parts.database.transaction() as transaction:
        for table, columns in (
            ("document_version", ["taken_at"]),
            ("consent", ["valid_from", "valid_until"]),
            ("consent_request", ["created_at", "expires_at", "valid_until"]),
            ("ticket_use", ["released_at"]),
        ):
            moved = ", ".join(f"{column} = {column} - make_interval(months => $1)" for column in columns)
            await transaction.raw.execute(f"UPDATE {table} SET {moved}", months)


async def live_again(world: World) -> None:
    """The consents that there are end in a day."""
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE consent SET valid_until = clock_timestamp() + interval '1 day'")


async def last_entry(world: World, reason: str | None = None) -> dict[str, Any]:
    return next(
        entry
        for entry in reversed(await world.entries())
        if entry["type"] == "erase" and entry["result"].get("reason") == reason
    )


async def granted(given: Given) -> tuple[str, dict[str, Any]]:
    """(consent id, ticket answer) for the paper that is on file."""
    world = given.world
    asked = await world.asks(given.officer, given.subject)
    assert (await world.allows(asked["link"])).status_code == 200
    consent = (await given.officer.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    ticket = await given.officer.post("/v1/tickets", json={"consent_id": consent})
    return consent, dict(ticket.json())
