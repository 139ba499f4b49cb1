"""What happens while a destruction runs: a paper that is used at that moment stays, a kill loses nothing (L26, L52, F30; DESIGN section 2)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from exchange import destroying
from exchange.deps import clock
from exchange.flows.tidy_up import Collector
from exchange.retention import Standing, standing
from storage.shelf import SHARDS
from tests.conftest import PostgresServer
from tests.files import noted
from tests.flows.assisting import head_held, items_wait
from tests.flows.replicas import as_officer, environment_of
from tests.flows.retaining import Given, ages, given, granted
from tests.invariants import check_invariants
from tests.rules.house import ROOT
from tests.tripwire import TRIPWIRE
from tests.world import JPEG, World, csrf_of, path_of

__all__ = ["given"]

_WAIT_S = 60.0
_SLEEPERS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


async def consents_end(world: World, when: str) -> None:
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE consent SET valid_until = clock_timestamp() + $1::text::interval", when
        )


def first_time(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[object]], *, before: bool = False
) -> None:
    """``act`` happens once, after a paper was looked at and before the batch that destroys it; ``before``: just before it is looked at."""
    real, done = standing, False

    async def slow(*arguments: Any) -> Standing:
        nonlocal done
        first, done = not done, True
        if first and before:
            await act()
        made = await real(*arguments)
        if first and not before:
            await act()
        return made

    monkeypatch.setattr(destroying, "standing", slow)


async def erase_reasons(world: World) -> list[str | None]:
    return [
        entry["result"].get("reason") for entry in await world.entries() if entry.get("act") == "destroyed"
    ]


async def test_a_release_that_only_the_ledger_tells(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read between the look and the batch, under a consent that is over again: no fact that the batch holds tells of it."""
    world = given.world
    consent, _ = await granted(given)
    await ages(world, 30)
    proposed = await given.proposed()

    async def fetched() -> None:
        await consents_end(world, "1 day")
        ticket = (await given.officer.post("/v1/tickets", json={"consent_id": consent})).json()
        assert (await world.fetches(given.officer, ticket)).content == JPEG
        await world.outcomes()
        await consents_end(world, "-1 second")

    first_time(monkeypatch, fetched)
    (paper,) = (await given.approves(proposed))["papers"]
    assert (paper["state"], paper["left_out_because"]) == ("left_out", "paper_in_use")
    assert await erase_reasons(world) == ["paper_touched", "paper_in_use"]
    assert await given.states() == [("KTP", 1, "ready")]
    await ages(world, 24)
    assert (await given.destroys())["papers"][0]["state"] == "destroyed"


async def _both(world: World, release: Callable[[], Awaitable[None]]) -> None:
    await items_wait(world, 2)
    await release()


@pytest.mark.parametrize("what", ["grant", "release"])
async def test_used_and_destroyed_in_one_batch(
    given: Given, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The use stands before the destruction in the same batch: the paper stays."""
    world = given.world
    consent, _ = await granted(given)
    await ages(world, 30)
    proposed = await given.proposed()
    asked: dict[str, Any] = {}
    tasks: list[asyncio.Task[httpx.Response]] = []
    if what == "grant":
        asked |= await world.asks(given.officer, given.subject)
        browser = world.browser()
        page = await world.proves(browser, asked["link"])
        async with (
            world.parts.database.transaction() as transaction
        ):  # nobody waits for it any more: it is not asked for now
            await transaction.raw.execute(
                "UPDATE consent_request SET state = 'expired' WHERE state = 'pending'"
            )

    async def used() -> httpx.Response:
        if what == "release":
            return await world.fetches(given.officer, ticket)
        ticks = re.findall(r'name="document" value="([^"]+)"', page.text)
        form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": ticks}
        return await browser.post(path_of(asked["link"]), data=form)

    ticket: dict[str, Any] = {}
    releasing: list[asyncio.Task[None]] = []
    lock = contextlib.AsyncExitStack()

    async def beside() -> None:
        if what == "release":
            await consents_end(world, "1 day")
            ticket.update((await given.officer.post("/v1/tickets", json={"consent_id": consent})).json())
        else:
            async with world.parts.database.transaction() as transaction:
                await transaction.raw.execute(
                    "UPDATE consent_request SET state = 'pending' WHERE id = $1", asked["id"]
                )
        release = await lock.enter_async_context(head_held(world))
        tasks.append(asyncio.create_task(used()))
        await items_wait(world, 1)
        releasing.append(
            asyncio.create_task(_both(world, release))
        )  # the destruction joins what waits for the lock

    first_time(monkeypatch, beside)
    (paper,) = (await given.approves(proposed))["papers"]
    async with lock:
        pass
    assert (await tasks[0]).status_code == 200
    assert (paper["state"], paper["left_out_because"]) == ("left_out", "paper_in_use")
    assert await given.states() == [("KTP", 1, "ready")]
    entries = await world.entries()
    use = next(entry for entry in reversed(entries) if entry["type"] == what and entry["result"]["allowed"])
    refused = next(entry for entry in entries if entry["result"].get("reason") == "paper_touched")
    assert use["t"] == refused["t"]  # one batch


async def test_two_who_approve_at_once(given: Given) -> None:
    """Each paper once, told once."""
    world = given.world
    for kind in ("NPWP", "AKTA_LAHIR", "BUKU_NIKAH"):
        await world.stores(given.officer, given.subject, kind, noted(JPEG, kind.encode()))
    await ages(world, 24)
    proposed = await given.proposed()
    both = await asyncio.gather(
        *(given.head.post(f"/v1/destructions/{proposed['id']}/approval") for _ in range(2))
    )
    assert {answer.status_code for answer in both} <= {200, 409}
    done = (await given.dpo.get(f"/v1/destructions/{proposed['id']}")).json()
    assert (done["state"], {paper["state"] for paper in done["papers"]}) == ("done", {"destroyed"})
    messages = [message for message in await world.inbox("notice") if "dimusnahkan" in message["text"]]
    assert len(messages) == 4
    assert (await erase_reasons(world)).count(None) == 4


async def test_somebody_else_was_a_moment_faster(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other approval came to its end between two looks of this one: what was destroyed is not called left out."""
    await ages(given.world, 24)
    proposed = await given.proposed()
    first_time(monkeypatch, lambda: given.approves(proposed), before=True)
    done = await given.approves(proposed)
    assert (done["state"], [paper["state"] for paper in done["papers"]]) == ("done", ["destroyed"])
    assert await erase_reasons(given.world) == [None, "destruction_decided"]


async def notices(world: World) -> int:
    async with world.parts.database.reading() as reading:
        return int(await reading.raw.fetchval("SELECT count(*) FROM outbox WHERE kind = 'notice'"))


@contextlib.asynccontextmanager
async def stuck_at_the_third(superuser_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The batch that destroys the third paper sleeps inside of its transaction, until the end of the block."""
    connection = await asyncpg.connect(superuser_url)
    await connection.execute(
        "CREATE SEQUENCE gone; CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
        "IF nextval('gone') > 2 THEN PERFORM pg_sleep(30); END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER slow BEFORE UPDATE ON destruction_paper FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    try:
        yield connection
    finally:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        )
        await connection.execute("DROP TRIGGER slow ON destruction_paper")
        await connection.close()


async def sleeping(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(_WAIT_S):
        while not await connection.fetchval(_SLEEPERS):  # noqa: ASYNC110 - nobody tells of another server's sleep
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def another_process(
    world: World, folder: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    await asyncio.to_thread(folder.mkdir)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "exchange.cli", "serve", env=environment_of(world, port), cwd=ROOT,
            stdout=output, stderr=output,
        )  # fmt: skip
    TRIPWIRE.watch(log)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=_WAIT_S, verify=False
        ) as client:
            async with asyncio.timeout(_WAIT_S):
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        if (await client.get("/health/ready")).status_code == 200:
                            break
                    await asyncio.sleep(0.05)
            yield process, client
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_killed_in_the_middle_and_gone_on(
    given: Given, tmp_path: Path, postgres: PostgresServer, database_url: str
) -> None:
    """F30: after kill -9 in the third paper two are gone, the third is whole; approved again it goes on, nothing twice."""
    world, parts = given.world, given.world.parts
    for kind in ("NPWP", "AKTA_LAHIR", "BUKU_NIKAH"):
        await world.stores(given.officer, given.subject, kind, noted(JPEG, kind.encode()))
    await ages(world, 24)
    proposed, told = await given.proposed(), await notices(world)
    address = f"/v1/destructions/{proposed['id']}"
    at = postgres.at(postgres.superuser, urlsplit(database_url).path.strip("/"))
    async with (
        another_process(world, tmp_path / "killed") as (process, client),
        stuck_at_the_third(at) as connection,
    ):
        approving = asyncio.create_task(client.post(f"{address}/approval", headers=as_officer(given.head)))
        await sleeping(connection)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        with pytest.raises(httpx.TransportError):
            await approving
    middle = (await given.dpo.get(address)).json()
    assert middle["state"] == "approved"
    assert sorted(paper["state"] for paper in middle["papers"]) == [
        "destroyed",
        "destroyed",
        "proposed",
        "proposed",
    ]
    assert sorted(state for *_, state in await given.states()) == ["erased", "erased", "ready", "ready"]
    parts.keyring._cache.clear()
    assert "Daftar usul musnah" in (await given.dpo.get(f"{address}/minutes")).text
    rejected = await given.head.post(f"{address}/rejection")
    assert (rejected.status_code, rejected.json()["code"]) == (409, "BK-2132")
    done = await given.approves(proposed)
    assert (done["state"], {paper["state"] for paper in done["papers"]}) == ("done", {"destroyed"})
    before = {paper["document_id"]: paper for paper in middle["papers"] if paper["state"] == "destroyed"}
    after = {paper["document_id"]: paper for paper in done["papers"]}
    assert all(after[document] == paper for document, paper in before.items())
    assert (await erase_reasons(world)).count(None) == 4
    assert await notices(world) == told + 4  # the killed one may have been sending: they go a minute later
    collector = Collector(parts.database, parts.vault)
    assert sum([await collector.collect(shard, clock()) for shard in SHARDS]) == 4
    await check_invariants(world)
    assert (await given.dpo.get(address)).json() == done
