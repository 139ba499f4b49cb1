"""Outside opening hours, beyond one's own mean, and who is told (A62)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auth.limits import judge_outside_hours, judge_own_mean
from exchange.answers import limits_of
from exchange.flows import run_officers, tell_supervisors, tidy_up
from exchange.opening import OpeningHours
from exchange.settings import Settings
from tests.flows.test_administration import signed_in, told
from tests.flows.test_limits import NIKS, _looks, _stopped
from tests.world import SITE, OfficerAt, World

ZONE = ZoneInfo("Asia/Makassar")
REFUSED = r"opening hours|days are|an hour"
HOURS = "mon-thu 07:30-15:30, fri 08:00-11:30, fri 13:00-16:00"


def _limited(world: World, **limits: Any) -> None:
    settings = world.parts.settings.model_copy(update=limits)
    world.app.state.parts = replace(world.parts, settings=settings)


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-11-26T07:29", False), ("2026-11-26T07:30", True), ("2026-11-26T15:29", True), ("2026-11-26T15:30", False),
        ("2026-11-27T11:30", False), ("2026-11-27T13:00", True), ("2026-11-28T10:00", False), ("2026-11-29T10:00", False),
    ],
)  # fmt: skip
def test_opening_hours(local: str, is_open: bool) -> None:
    assert OpeningHours.parse(HOURS).is_open(datetime.fromisoformat(local).replace(tzinfo=ZONE)) is is_open


@pytest.mark.parametrize(
    "text",
    ["", "always", "mon 7:30-16:00", "mon-fri 16:00-07:30", "mon-fri 07:30-16:60", "fri-mon 07:30-16:00", "mon-fri 07:30-25:00",
     "mon-fri 07:30-16:00;sat 08:00-12:00", "xyz 07:30-16:00", "mon-fri 07:30-07:30", "mon-fri ०७:३०-16:00"],
)  # fmt: skip
def test_hours_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        OpeningHours.parse(text)
    if text:
        with pytest.raises(ValueError, match=REFUSED):
            Settings(opening_hours=text)


def test_the_judges() -> None:
    assert judge_outside_hours(3, 3, is_open=False).allowed
    assert judge_outside_hours(4, 3, is_open=False).reason == "outside_hours"
    assert judge_outside_hours(400, 3, is_open=True).allowed
    quiet = [10] * 20
    assert judge_own_mean(30, quiet, 3, 5).allowed
    assert judge_own_mean(31, quiet, 3, 5).reason == "above_own_mean"
    assert judge_own_mean(31, quiet, 3, 40).allowed  # nobody is stopped below one hour's allotment
    assert judge_own_mean(1_000, [1] * 4, 3, 5).allowed  # no habit yet


async def test_at_night_hardly_anybody_is_served(world: World) -> None:
    """By the clock of the site; back ends work at night."""
    officer = await world.officer()
    now = datetime.now(ZONE)
    closed = now - timedelta(hours=12)  # open twelve hours ago, for a minute
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    hours = f"{days[closed.weekday()]} {closed:%H}:{closed:%M}-{closed:%H}:{closed.minute + 1:02d}"
    if closed.minute == 59:
        hours = f"{days[closed.weekday()]} {closed:%H}:58-{closed:%H}:59"
    _limited(world, opening_hours=hours, citizens_outside_hours=2)
    answers = [await _looks(officer, nik) for nik in NIKS[:4]]
    assert [answer.status_code for answer in answers] == [
        404,
        404,
        429,
        429,
    ]  # nobody of them is enrolled: they count all the same
    assert (await world.entries())[-1]["result"]["reason"] == "outside_hours"
    _limited(world, opening_hours="mon-sun 00:00-24:00", citizens_outside_hours=0)
    assert (await _looks(officer, NIKS[2])).status_code == 404


async def _habit(world: World, officer: OfficerAt, each_day: int) -> str:
    officer_id = await run_officers.id_of(world.parts.database, officer.username)
    today = datetime.now(UTC).astimezone(ZONE)
    days = {f"{today - timedelta(days=back):%Y-%m-%d}": each_day for back in range(1, 11)}
    days[f"{today - timedelta(days=31):%Y-%m-%d}"] = 10_000  # longer ago than a mean remembers
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "INSERT INTO reached_days (id, days) VALUES ($1, $2)", f"officer:{officer_id}", json.dumps(days)
        )
    return officer_id


async def test_three_times_the_own_mean(world: World) -> None:
    """The day counts by the site's calendar; the days before it are kept for thirty days and no longer."""
    officer = await world.officer()
    officer_id = await _habit(world, officer, 1)
    _limited(world, citizens_per_officer_hour=2)
    # Below the hour's allotment nobody is stopped; the hour itself stops at two.
    assert [(await _looks(officer, nik)).status_code for nik in NIKS[:3]] == [404, 404, 429]
    assert (await world.entries())[-1]["result"]["reason"] == "citizens_spent"
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("DELETE FROM hourly_budget")  # the next hour
        await transaction.raw.execute("DELETE FROM seen")
    assert [(await _looks(officer, nik)).status_code for nik in NIKS[2:4]] == [404, 429]
    assert (await world.entries())[-1]["result"]["reason"] == "above_own_mean"
    async with world.parts.database.reading() as reading:
        kept = json.loads(
            await reading.raw.fetchval("SELECT days FROM reached_days WHERE id = $1", f"officer:{officer_id}")
        )
    assert len(kept) == 11
    assert max(kept.values()) == 3


async def test_the_supervisor_is_told_once_and_within_a_minute(world: World) -> None:
    """One message an hour for each caller, without a citizen in it, to who oversees and not to who was stopped."""
    boss = await signed_in(world, "penyelia", "supervisor")
    keyring, appender = world.parts.keyring, world.parts.appender
    database = world.parts.database
    for username in ("penyelia",):
        officer_id = await run_officers.id_of(database, username)
        await run_officers.set_email(
            keyring, appender, officer_id=officer_id, email="penyelia@contoh.invalid"
        )
    officer = await world.officer()
    _limited(world, citizens_per_officer_hour=1)
    assert [(await _looks(officer, nik)).status_code for nik in NIKS[:4]] == [404, 429, 429, 429]
    listed = (await boss.get("/v1/alerts")).json()["alerts"]
    assert [(alert["reason"], alert["agency"]) for alert in listed] == [("citizens_spent", f"DPMPTSP@{SITE}")]

    def told_by_a_replica() -> Awaitable[int]:
        return tell_supervisors.tell(
            database,
            keyring,
            appender,
            site=world.parts.site_name,
            zone=world.parts.zone,
            now=datetime.now(UTC),
        )

    await asyncio.gather(told_by_a_replica(), told_by_a_replica())
    assert _stopped(await _looks(officer, NIKS[4]))  # in the same hour
    await told_by_a_replica()
    notices = [
        message for message in await world.inbox("notice") if message["to"] == "penyelia@contoh.invalid"
    ]
    assert len(notices) == 1
    assert notices[0]["channel"] == "email"
    assert "melebihi batas" in notices[0]["text"]
    assert not any(nik in notices[0]["text"] for nik in NIKS)
    assert (await boss.get("/v1/alerts")).json()["alerts"][0]["told_at"]
    entries = [entry for entry in await world.entries() if entry.get("act") == "tell_supervisors"]
    assert [(entry["why"], entry["messages"]) for entry in entries][:1] == [("citizens_spent", 1)]


async def test_without_anybody_to_tell_it_can_still_be_seen(world: World) -> None:
    officer, auditor = await world.officer(), await signed_in(world, "auditor", "auditor", "POLRI")
    elsewhere = await signed_in(world, "lain", "supervisor", "POLRI")
    _limited(world, citizens_per_officer_hour=1)
    assert [
        _stopped(answer) for answer in [await _looks(officer, NIKS[0])] if answer.status_code == 429
    ] == []
    assert (await _looks(officer, NIKS[1])).status_code == 429
    assert len((await auditor.get("/v1/alerts")).json()["alerts"]) == 1
    assert (await elsewhere.get("/v1/alerts")).json() == {"alerts": []}  # another agency's
    assert told(await officer.get("/v1/alerts")) == (403, "BK-1017")


async def test_an_enrolment_that_is_stopped_is_told_too(world: World) -> None:
    """Every act that a limit stops, not only looking."""
    officer = await world.officer()
    _limited(world, citizens_per_officer_hour=1)
    first = await officer.post("/v1/subjects", json={"nik": NIKS[0], "name": "Warga Contoh"})
    assert first.status_code == 201
    assert _stopped(await officer.post("/v1/subjects", json={"nik": NIKS[1], "name": "Warga Contoh"}))
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM alert") == 1
    assert limits_of(world.parts).citizens_per_officer == 1


async def test_budgets_of_hours_that_are_over_are_forgotten(world: World) -> None:
    """Each kind of them, and none of an hour that somebody may still be in."""
    officer = await world.officer()
    await _looks(officer, NIKS[0])
    old = datetime.now(UTC) - timedelta(hours=30)
    kinds = (
        "officer:x/{}/citizens",
        "POLRI@6472/{}/citizens",
        "officer:x/{}/closed/citizens",
        "client:y/{}/sequence",
        "x/{}",
    )
    database = world.parts.database
    async with database.transaction() as transaction:
        for kind in kinds:
            row = kind.format(f"{old:%Y-%m-%dT%H}")
            await transaction.raw.execute("INSERT INTO hourly_budget (id, used) VALUES ($1, 1)", row)
        before = await transaction.raw.fetchval("SELECT count(*) FROM hourly_budget")
    await tidy_up.forget_old(database)
    async with database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM hourly_budget") == before - len(kinds) > 0
