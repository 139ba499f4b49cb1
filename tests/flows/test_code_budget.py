"""One-time codes for all citizens together (A25): one budget of the hour, counted in the ledger's batches, so that it holds across replicas;
whoever comes after it is sent to the counter, and those who are over the site are told.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from exchange.answers import contact_rules_of
from exchange.deps import Parts, clock
from exchange.factors import Target
from exchange.flows import look_after, prove_self, run_officers, tell_supervisors, tidy_up
from exchange.wiring import at_work
from storage.limits import BUDGETS, codes_row
from tests.flows.campaign import citizens
from tests.flows.test_administration import signed_in
from tests.world import OfficerAt, World, csrf_of, path_of

LIMIT = 5


def _limited(world: World, limit: int) -> None:
    settings = world.parts.settings.model_copy(update={"codes_per_hour": limit})
    world.app.state.parts = replace(world.parts, settings=settings)


async def _requests(world: World, officer: OfficerAt, count: int) -> list[dict[str, Any]]:
    """Of as many citizens."""
    made = []
    for _ in range(count):
        reference = await world.enrols(officer, *next(citizens()))
        await world.stores(officer, reference)
        asked = await world.asks(officer, reference)
        made.append(asked | {"subject_ref": world.parts.keyring.meant(officer.agency, reference)})
    return made


async def _sends(world: World, path: str) -> httpx.Response:
    phone = world.browser()
    page = await phone.get(path)
    return await phone.post(path, data={"step": "send", "csrf": csrf_of(page)})


async def _used(world: World) -> int:
    async with world.parts.database.reading() as reading:
        rows = await BUDGETS.load(reading.raw, "id", [codes_row(clock())])
    return rows[0].used if rows else 0


async def test_beyond_the_budget_the_page_sends_people_to_the_counter(world: World) -> None:
    """No code, no message, no budget of the citizen's own; an entry that says why, a page that says what to do and from when on."""
    officer = await world.officer()
    requests = await _requests(world, officer, 3)
    _limited(world, 2)
    answers = [await _sends(world, path_of(request["link"])) for request in requests]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    late = answers[-1]
    assert "Kode sedang tidak dapat dikirim" in late.text
    assert "Mintalah bantuan petugas loket" in late.text
    assert "Coba lagi setelah" in late.text
    assert 0 < int(late.headers["retry-after"]) <= 3_600
    assert len(await world.inbox("otp")) == await _used(world) == 2
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["act"], entry["result"]) == (
        "factor", "code_sent", {"allowed": False, "reason": "codes_spent_everywhere"},
    )  # fmt: skip
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM challenge") == 2
    state = (await officer.get(f"/v1/consent-requests/{requests[-1]['id']}")).json()["state"]
    assert state == "pending"
    _limited(world, 3)  # the next hour, or a higher limit
    assert (await _sends(world, path_of(requests[-1]["link"]))).status_code == 303


async def test_the_own_link_too(world: World) -> None:
    """One budget for every code. Taking consent back needs none at the counter."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    own = path_of(next(m["link"] for m in await world.inbox("notice") if m.get("link")))
    _limited(world, 1)
    late = await _sends(world, own)
    assert late.status_code == 429
    assert "ditarik kembali di sana" in late.text
    assert (await officer.post(f"/v1/consents/{consent}/withdrawal")).status_code == 200


async def test_the_own_budget_is_told_first(world: World) -> None:
    """Who spent the own three codes reads that, and does not count for everybody."""
    officer = await world.officer()
    request = (await _requests(world, officer, 1))[0]
    _limited(world, 3)
    answers = [await _sends(world, path_of(request["link"])) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 403]
    assert "Terlalu banyak kode yang diminta" in answers[-1].text
    assert await _used(world) == 3


async def test_every_replica_counts_the_same(world: World) -> None:
    """A25: at the same moment on two replicas, and once more with one that has just started: five codes and no more. Wrong version: each
    counts what it sees before its batch.
    """
    officer = await world.officer()
    requests = await _requests(world, officer, 2 * LIMIT)
    sent = []
    for _ in range(2):
        async with at_work(world.parts.settings) as replica:
            verdicts = await asyncio.gather(
                *(_sent_by((world.parts, replica)[n % 2], request) for n, request in enumerate(requests))
            )
        sent.append(sum(verdict is None for verdict in verdicts))
        assert set(verdicts) - {None} == {"codes_spent_everywhere"}
    assert sent == [LIMIT, 0]
    assert await _used(world) == LIMIT


async def _sent_by(parts: Parts, request: dict[str, Any]) -> str | None:
    """The reason, None when a code went out."""
    verdict = await prove_self.send_code(
        parts.database,
        parts.keyring,
        parts.appender,
        target=Target(request["id"], request["subject_ref"], request["id"]),
        browser="b" * 64,
        text=lambda code, _until: code,
        rules=contact_rules_of(parts),
        codes_per_hour=LIMIT,
        now=clock(),
    )
    return verdict.reason


async def test_who_is_over_the_site_is_told_once(world: World) -> None:
    """A message without a citizen in it, an alert that names no officer, and a red line in `berkas doctor`."""
    officer, boss = await world.officer(), await signed_in(world, "operator", "operator", "POLRI")
    parts = world.parts
    await run_officers.set_email(
        parts.keyring,
        parts.appender,
        officer_id=await run_officers.id_of(parts.database, "operator"),
        email="operator@contoh.invalid",
    )
    requests = await _requests(world, officer, 3)
    _limited(world, 1)
    assert [(await _sends(world, path_of(request["link"]))).status_code for request in requests] == [
        303,
        429,
        429,
    ]
    for _ in range(2):
        await tell_supervisors.tell(
            parts.database, parts.keyring, parts.appender, site=parts.site_name, zone=parts.zone, now=clock()
        )
    told = [message for message in await world.inbox("notice") if message["to"] == "operator@contoh.invalid"]
    assert len(told) == 1
    assert "batas kode sekali pakai" in told[0]["text"]
    alerts = (await boss.get("/v1/alerts")).json()["alerts"]
    assert [(one["agency"], one["actor"], one["reason"]) for one in alerts] == [
        (None, "system", "codes_spent_everywhere")
    ]
    assert await look_after.codes(parts.database, clock()) == 1


async def test_the_budget_of_an_hour_that_is_over_is_forgotten(world: World) -> None:
    now = clock()
    async with world.parts.database.transaction() as transaction:
        for hours in (0, 30):
            row = codes_row(now - timedelta(hours=hours))
            await transaction.raw.execute("INSERT INTO hourly_budget (id, used) VALUES ($1, 7)", row)
    assert await look_after.codes(world.parts.database, now - timedelta(hours=30)) == 7
    await tidy_up.forget_old(world.parts.database)
    assert await look_after.codes(world.parts.database, now) == 7
    assert await look_after.codes(world.parts.database, now - timedelta(hours=30)) == 0
