"""Servers that fail in the middle of it, over real HTTP: no wrong byte, no lost paper, and it comes back by itself.

A scripted proxy stands in front of the real object store and of the real PostgreSQL. Each test ends with the invariants.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from auth.callers import Officer
from exchange.deliveries import Delivery, outcome_of
from storage.ledger.work import Trail
from storage.vault import Place
from tests.conftest import StoreServer
from tests.files import noted
from tests.invariants import check_invariants
from tests.storage.cutting_proxy import CuttingProxy
from tests.storage.faulty_store import Fault, FaultyStore
from tests.tampering import rows, swept
from tests.world import JPEG, NIK, OTHER_NIK, OfficerAt, World, running_world

LARGE = noted(JPEG, JPEG * 440)  # 4 MB: five segments


@dataclass
class Faulty:
    world: World
    store: FaultyStore
    database: CuttingProxy


@pytest.fixture
async def faulty(
    database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[Faulty]:
    async with FaultyStore(store.endpoint) as faulty_store, CuttingProxy(database_url) as database:
        behind = dataclasses.replace(store, endpoint=faulty_store.endpoint)
        async with running_world(
            tmp_path,
            database_url=database.url,
            store=behind,
            s3_bucket=bucket_name,
            upload_limit_bytes=20_000_000,
        ) as world:
            yield Faulty(world, faulty_store, database)


async def _fetched(officer: OfficerAt, ticket: dict[str, Any]) -> tuple[int, bytes, bool]:
    """Status, every byte that arrived, and whether the answer was whole."""
    document = ticket["documents"][0]
    got = b""
    headers = {"Authorization": f"Bearer {ticket['ticket']}"}
    async with officer.client.stream("GET", document["content_url"], headers=headers) as answer:
        try:
            async for chunk in answer.aiter_raw():
                got += chunk
        except httpx.HTTPError:
            return answer.status_code, got, False
        return answer.status_code, got, True


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        (Fault.TRUNCATE, {"keep": 2_500_000}),
        (Fault.FLIP, {"keep": 3_500_000}),
        (Fault.FLIP, {"keep": 1_048_576}),
        (Fault.SWAP, {"body": b"another object's bytes" * 100_000}),
        (Fault.LONG, {"body": b"surplus"}),
    ],
)
async def test_a_store_that_fails_in_the_middle_of_a_fetch(
    faulty: Faulty, fault: Fault, how: dict[str, object]
) -> None:
    """F18, F20, I8: what left is a prefix of the paper, never another byte; the outcome says aborted; the session may
    repeat it and gets the whole."""
    world = faulty.world
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=LARGE)
    faulty.store.arm(fault, method="GET", **how)
    status, got, whole = await _fetched(officer, ticket)
    assert not (whole and status == 200)
    if status == 200:
        assert LARGE.startswith(got)
        assert len(got) < len(LARGE)
    else:
        assert status in {502, 503}
        assert JPEG[:64] not in got
    faulty.store.disarm()
    for _ in range(100):
        if (await world.entries())[-1]["type"] == "outcome":
            break
        await asyncio.sleep(0.05)
    assert (await world.entries())[-1]["outcome"] == "aborted"
    assert (await _fetched(officer, ticket))[1] == LARGE
    await check_invariants(world)


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Fault.FLIP, 1),
        (Fault.SWAP, 1),
        (Fault.SWAP, 2),  # the listing too, when it is looked at again
        (Fault.EMPTY, 2),
        (Fault.TRUNCATE, 2),
        (Fault.DROP, 4),  # asked again twice, and once more on a fresh connection
        (Fault.STATUS, 3),
    ],
)
async def test_a_small_paper_from_a_failing_store(faulty: Faulty, fault: Fault, times: int) -> None:
    """F18 to F20, I8, I10: one bit, another object, nothing, half, a reset, a 503: a problem document and no byte. What was garbled on
    its way, and is whole when it is looked at again, is not put aside.
    """
    world = faulty.world
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    body = b"x" * (len(JPEG) + 56 if fault is Fault.SWAP else 0)
    faulty.store.arm(fault, method="GET", body=body, times=times)
    answer = await world.fetches(officer, ticket)
    assert (answer.status_code, answer.json()["code"]) in {(502, "BK-5004"), (503, "BK-5002")}
    assert JPEG[:64] not in answer.content
    assert (await world.entries())[-1]["outcome"] == "aborted"
    faulty.store.disarm()
    assert (await world.fetches(officer, ticket)).content == JPEG
    await check_invariants(world)


PAGE = {
    "status": 200,
    "body": b"<html><head><title>Masuk</title></head></html>",
}  # well-formed: a page and XML


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        (Fault.SHORT, {"key": "OBJECT"}),
        (Fault.LONG, {"key": "OBJECT", "body": b"x", "times": 9}),  # the listing says otherwise
        (Fault.STATUS, {**PAGE, "key": "OBJECT", "times": 9}),
        (Fault.STATUS, {**PAGE, "times": 9}),
        (Fault.STATUS, {"status": 404, "body": PAGE["body"], "times": 9}),
    ],
    ids=["once", "the object only", "a page for it", "a page for everything", "not found"],
)
async def test_whoever_answers_in_the_stores_place_takes_no_paper(
    faulty: Faulty, fault: Fault, how: dict[str, Any]
) -> None:
    """F18, F20: a proxy between us and the store, or a store that comes back: a wrong length, a welcome page. 503, nothing is put aside.
    Wrong version: a wrong length on the wire is a damaged paper, without the second look at listing and object.
    """
    world = faulty.world
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    key = (await rows(world))[0]["object_key"]
    faulty.store.arm(fault, method="GET", **(how | ({"key": key} if "key" in how else {})))
    answer = await world.fetches(officer, ticket)
    assert (answer.status_code, answer.json()["code"]) in {(503, "BK-5002"), (502, "BK-5004")}
    assert answer.status_code == 503 or how.get("status") == 404
    faulty.store.disarm()
    assert [row["state"] for row in await rows(world)] == ["ready"]
    assert (await world.fetches(officer, ticket)).content == JPEG
    await check_invariants(world)


async def test_a_store_that_is_down(faulty: Faulty) -> None:
    """F18, I2, I9: intake and fetch answer 503, the counter works on, and afterwards everything does."""
    world = faulty.world
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    other = await world.enrols(officer, OTHER_NIK)
    async with faulty.store.down():
        fetched = await world.fetches(officer, ticket)
        assert (fetched.status_code, fetched.json()["code"]) == (503, "BK-5002")
        stored = await world.stores(officer, other)
        assert (stored.status_code, stored.json()["code"]) == (503, "BK-5002")
        looked = await officer.post("/v1/readiness", json={"nik": NIK, "service": "DPMPTSP.NIB"})
        assert looked.status_code == 200
    assert (await world.fetches(officer, ticket)).content == JPEG
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE intake SET started_at = started_at - interval '11 minutes'")
    await swept(world)
    assert (await world.stores(officer, other)).status_code == 201
    await check_invariants(world)


async def test_a_put_whose_answer_is_lost(faulty: Faulty) -> None:
    """F21, I1, I2: the store has the object and nobody knows: 503, nothing of it is visible, a second try makes one."""
    world = faulty.world
    officer = await world.officer()
    subject = await world.enrols(officer)
    faulty.store.arm(Fault.ACK_LOST, method="PUT")
    lost = await world.stores(officer, subject)
    assert (lost.status_code, lost.json()["code"]) == (503, "BK-5002")
    again = await world.stores(officer, subject)
    assert again.status_code == 201
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE intake SET started_at = started_at - interval '11 minutes'")
    await swept(world)
    await check_invariants(world)


async def test_the_database_is_gone(faulty: Faulty) -> None:
    """F24, I3, I9, I10: 503 with Retry-After for every caller within ten seconds, no byte; then it comes back by itself."""
    world = faulty.world
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    subject = await world.enrols(officer)
    world.parts.vault._places.clear()
    async with faulty.database.down():
        calls = (
            world.fetches(officer, ticket),
            world.stores(officer, subject, content=noted(JPEG, b"2")),
            officer.post("/v1/readiness", json={"nik": NIK, "service": "DPMPTSP.NIB"}),
        )
        for answer in await asyncio.wait_for(asyncio.gather(*calls), 10):
            assert answer.status_code == 503
            assert answer.json()["code"] in {"BK-5001", "BK-5003"}
            assert int(answer.headers["retry-after"]) > 0
            assert JPEG[:64] not in answer.content
        ready = await world.client.get("/health/ready")
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, False)
        assert (await world.client.get("/health/live")).status_code == 200
    answer = await world.fetches(officer, ticket)
    assert (answer.status_code, answer.content) == (200, JPEG)
    assert (await world.client.get("/health/ready")).status_code == 200
    await check_invariants(world)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_the_database_goes_away_around_the_commit_of_a_release(faulty: Faulty, moment: str) -> None:
    """F24, I3, I5: cut before or after COMMIT reached the server: one release entry, one delivery, the whole paper."""
    world = faulty.world
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    await world.inbox()
    faulty.database.cut = moment
    answer = await world.fetches(officer, ticket)
    assert (answer.status_code, answer.content) == (200, JPEG)
    await check_invariants(world)
    releases = [entry for entry in await world.entries() if entry["type"] in {"release", "redelivery"}]
    assert len(releases) == 1


async def test_a_reader_that_is_too_slow_is_cut_off(faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    """A47: no delivery is open without end; its outcome says aborted, and the session may repeat it."""
    monkeypatch.setattr("exchange.deliveries.LIMIT_S", 0.5)
    monkeypatch.setattr("exchange.deliveries.SLOWEST_BYTES_PER_S", 1e12)
    world = faulty.world
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=noted(JPEG, LARGE * 3))
    host, port = world.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
    cookie = "; ".join(f"{name}={value}" for name, value in officer.client.cookies.items())
    url = ticket["documents"][0]["content_url"]
    head = f"GET {url} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nAuthorization: Bearer {ticket['ticket']}\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    for _ in range(100):
        await asyncio.sleep(0.1)
        if (await world.entries())[-1]["type"] == "outcome":
            break
    assert (await world.entries())[-1]["outcome"] == "aborted"
    writer.close()
    monkeypatch.undo()
    assert (await world.fetches(officer, ticket)).content == noted(JPEG, LARGE * 3)
    await check_invariants(world)


@pytest.mark.toy_entries
async def test_a_delivery_that_is_reported_late_closes_no_other(faulty: Faulty) -> None:
    """I5: the outcome of a first attempt arrives while the second one runs, and after a complete one. Wrong version: it
    closes whatever is open, or forgets that the paper was delivered."""
    world = faulty.world
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    assert (await world.fetches(officer, ticket)).status_code == 200
    await asyncio.sleep(0.3)
    async with world.parts.database.reading() as reading:
        use = dict(await reading.raw.fetchrow("SELECT * FROM ticket_use"))
    assert use["delivered"]
    place = await world.parts.vault.find(use["document_id"], use["version"])
    assert place is not None
    holder = world.parts
    delivery = _delivery(use, place, await holder.keyring.trail(use["subject_ref"]))
    await holder.appender.submit(outcome_of(delivery, sent_bytes=0, complete=False))
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT delivered FROM ticket_use")
    assert (await world.fetches(officer, ticket)).json()["code"] == "BK-4003"


def _delivery(use: dict[str, Any], place: Place, trail: Trail) -> Delivery:
    """An attempt before the one that ``use`` tells of."""
    someone = Officer("off_1", "", "DPMPTSP@6472", "DPMPTSP", "6472", "Loket 1", "officer", "s_1")
    due_at = use["due_at"] - timedelta(seconds=30)
    return Delivery(use["id"], 0, due_at, 1.0, place, trail, someone, {}, use["consent_id"])
