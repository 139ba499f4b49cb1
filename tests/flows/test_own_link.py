"""Each notice leads to the citizen's own list: there one can stop, and say "this is wrong" (N04, M39, U14)."""

from __future__ import annotations

import httpx

from auth.links import CODE_CHARACTERS, code_hash, new_code, own_code
from tests.world import World, csrf_of, path_of


def test_an_own_code_is_a_code_like_every_other() -> None:
    key = b"k" * 32
    code = own_code(key, "sbj_1", "2026-11")
    assert len(code) == CODE_CHARACTERS == len(new_code(key))
    assert code_hash(key, code) is not None
    others = {
        own_code(key, "sbj_2", "2026-11"),
        own_code(key, "sbj_1", "2026-12"),
        own_code(b"x" * 32, "sbj_1", "2026-11"),
    }
    assert code not in others
    assert len(others) == 3


async def stop(world: World, link: str, consent: str) -> httpx.Response:
    """From the notice: two taps behind the factor."""
    phone = world.browser()
    page = await world.proves(phone, link)
    asked = await phone.post(
        path_of(link), data={"step": "withdraw", "csrf": csrf_of(page), "consent": consent}
    )
    return await phone.post(
        path_of(link), data={"step": "withdrawn", "csrf": csrf_of(asked), "consent": consent}
    )


async def test_the_notice_of_an_access_leads_to_stop(world: World) -> None:
    officer = await world.officer()
    consent, ticket = await world.consented(officer)
    await officer.post("/v1/tickets", json={"consent_id": consent})
    first, second = (await world.inbox("notice"))[-2:]
    assert first["link"] == second["link"]
    assert first["link"] in first["text"]
    receipt = (await world.inbox("notice"))[0]["link"]
    assert receipt != first["link"]
    async with world.parts.database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT count(*) FROM citizen_link") == 2
    done = await stop(world, first["link"], consent)
    assert "Persetujuan ditarik kembali" in done.text
    refused = await world.fetches(officer, ticket)
    assert (refused.status_code, refused.json()["code"]) == (403, "BK-4005")
    confirmed = (await world.inbox("notice"))[-1]
    assert confirmed["link"] == first["link"]


async def test_the_link_alone_opens_nothing(world: World) -> None:
    """Whoever reads the notice over a shoulder sees a page that asks for the one-time code."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    path = path_of((await world.inbox("notice"))[-1]["link"])
    stranger = world.browser()
    page = await stranger.get(path)
    assert "Kirim kode ke kontak terdaftar Anda" in page.text
    form = {"csrf": csrf_of(page), "consent": consent, "step": "withdrawn"}
    assert (await stranger.post(path, data=form)).status_code == 403
    async with world.parts.database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT state FROM consent") == "active"
