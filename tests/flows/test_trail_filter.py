"""The list by agency and year (ux.md 11.2, M38): nothing that belongs is left out, the pages go on."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx
import pytest

from exchange.flows import exercise_rights
from exchange.routes import trail
from tests.flows.test_rights import Phone, phone_of
from tests.world import ANSWERS, NIK, SERVICE, World

THIS_YEAR = datetime.now(UTC).year


@pytest.fixture
async def phone(world: World) -> Phone:
    """A list with entries of two agencies, nobody's, and one agency that only looked."""
    officer, police = await world.officer(), await world.officer("POLRI")
    await world.consented(officer)
    await police.post("/v1/readiness", json={"nik": NIK, "service": "POLRI.SKCK_BARU", "answers": {}})
    await police.post("/v1/readiness", json={"nik": NIK, "service": SERVICE, "answers": ANSWERS})  # refused
    return await phone_of(world)


def numbers(page: httpx.Response) -> list[int]:
    return [int(number.replace(".", "")) for number in re.findall(r"Catatan no\. ([\d.]+)", page.text)]


async def everything(phone: Phone, query: str) -> list[int]:
    """All pages of a list."""
    found: list[int] = []
    while True:
        page = await phone.reads(query, at="")
        assert page.status_code == 200
        found += numbers(page)
        older = re.search(r'href="(\?[^"]*before=\d+)"', page.text)
        if older is None:
            return found
        query = older[1].replace("&amp;", "&")


@pytest.mark.parametrize("a_page", [2, 3, 50])
@pytest.mark.parametrize("look", [4, 1_000])
async def test_by_agency(phone: Phone, monkeypatch: pytest.MonkeyPatch, a_page: int, look: int) -> None:
    monkeypatch.setattr(trail, "ENTRIES_A_PAGE", a_page)
    monkeypatch.setattr(exercise_rights, "LOOKED_AT", look)
    world = phone.world
    entries = await world.entries()
    own = entries[-1]["subject"]
    expected = [
        number
        for number, entry in enumerate(entries)
        if entry["subject"] == own and entry.get("agency") == "POLRI@6472"
    ]
    assert len(expected) == 2
    assert await everything(phone, "?instansi=POLRI%406472") == expected[::-1]
    assert await everything(phone, "") == [n for n, e in enumerate(entries) if e["subject"] == own][::-1]
    page = await phone.reads("?instansi=POLRI%406472", at="")
    assert "mencoba memeriksa kelengkapan berkas Anda" in page.text
    assert '<option value="POLRI@6472" selected>' in page.text


async def test_by_year(phone: Phone) -> None:
    """On the site's calendar: the last evening of the year in UTC is the new year's morning at the counter."""
    world = phone.world
    entries = await world.entries()
    mine = [number for number, entry in enumerate(entries) if entry["subject"] == entries[-1]["subject"]]
    async with world.parts.database.reading() as reading:
        times = await reading.raw.fetch("SELECT idx, at FROM audit_event WHERE idx = ANY($1::bigint[])", mine)
    assert len(times) == len(mine)
    assert await everything(phone, f"?tahun={THIS_YEAR}") == mine[::-1]
    for year in (THIS_YEAR - 1, THIS_YEAR + 1):
        page = await phone.reads(f"?tahun={year}", at="")
        assert numbers(page) == []
        assert "Tidak ada catatan." in page.text


def test_a_year_is_the_sites() -> None:
    from types import SimpleNamespace

    from exchange.trail_pages import chosen_of

    chosen = chosen_of(SimpleNamespace(zone="Asia/Makassar"), "", "2026")  # type: ignore[arg-type]  # all it reads
    assert chosen.since == datetime(2025, 12, 31, 16, 0, tzinfo=UTC)
    assert chosen.until == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize("query", ["?instansi=x", "?tahun=99", "?tahun=1e9", "?instansi=%3Cscript%3E"])
async def test_odd_filters_are_refused(phone: Phone, query: str) -> None:
    page = await phone.reads(query, at="")
    assert page.status_code == 422
    assert "<script" not in page.text


async def test_an_agency_that_nobody_knows_has_no_entries(phone: Phone) -> None:
    page = await phone.reads("?instansi=TIDAKADA%406472", at="")
    assert (page.status_code, numbers(page)) == (200, [])
