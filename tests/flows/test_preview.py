"""Who decides sees the paper first: a small picture behind the factor, and for nobody else (M30)."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from storage.vault import Vault
from tests.conftest import StoreServer
from tests.files import twin
from tests.flows.family_world import asks_for, birth_certificate, decided_by, person, years_ago
from tests.renditions.samples import picture_jpeg, reddish, scan
from tests.tampering import ATTACKS, Bucket, rows
from tests.world import OTHER_NIK, OfficerAt, World, csrf_of, path_of, running_world

WORDS = "Anda melihat pratinjau dokumen sebelum memutuskan"
HEADERS = {
    "cache-control": "no-store",
    "content-disposition": 'inline; filename="pratinjau.jpg"',
    "content-type": "image/jpeg",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    "referrer-policy": "no-referrer",
}


async def asked(world: World, officer: OfficerAt, content: bytes) -> str:
    """The link of a request for a KTP that is on file and an NPWP that is not."""
    subject = await world.enrols(officer)
    assert (await world.stores(officer, subject, content=content)).status_code == 201
    return str((await world.asks(officer, subject))["link"])


async def looks(browser: httpx.AsyncClient, link: str, key: str = "0") -> httpx.Response:
    return await browser.get(f"{path_of(link)}/dokumen/{key}")


async def decides(browser: httpx.AsyncClient, link: str, decision: str = "grant") -> httpx.Response:
    """In the browser that has passed the factor."""
    page = await browser.get(path_of(link))
    ticks = re.findall(r'name="document" value="([^"]+)"', page.text) if decision == "grant" else []
    form = {"step": "decide", "csrf": csrf_of(page), "decision": decision, "document": ticks}
    return await browser.post(path_of(link), data=form)


async def previews(world: World) -> list[dict[str, Any]]:
    return [entry for entry in await world.entries() if entry["type"] == "preview"]


@pytest.mark.parametrize("content", [picture_jpeg(), scan(6, size_px=(620, 877))], ids=["jpeg", "pdf"])
async def test_who_decides_sees_what_is_asked_for(world: World, content: bytes) -> None:
    """M30: the paper itself, marked, small; one entry on the own list; nothing is decided by it."""
    officer = await world.officer()
    link = await asked(world, officer, content)
    phone = world.browser()
    page = await world.proves(phone, link)
    assert f'href="{path_of(link)}/dokumen/0" target="_blank" rel="noopener">Lihat</a>' in page.text
    shown = await looks(phone, link)
    assert shown.status_code == 200, shown.text
    assert {name: shown.headers[name] for name in HEADERS} == HEADERS
    picture = Image.open(io.BytesIO(shown.content))
    assert (picture.format, picture.width, len(picture.getexif())) == ("JPEG", 720, 0)
    pages = 1 if content.startswith(b"\xff\xd8") else 4
    assert picture.height == pytest.approx(pages * 1_018 + (pages - 1) * 8, abs=pages)
    assert reddish(picture.convert("RGB"), (0, 0.9, 1, 1)) > 300
    assert len(shown.content) < len(content)
    (entry,) = await previews(world)
    assert (entry["act"], entry["document_type"], entry["result"]) == ("shown", "KTP", {"allowed": True})
    assert (await decides(phone, link)).status_code == 200
    own = (await world.inbox("notice"))[-1]["link"]
    assert WORDS in (await world.proves(world.browser(), own)).text


async def test_nobody_else_sees_it(world: World) -> None:
    """A22, A23, A27: before the factor, from another browser, from an officer's: no byte of it, and no entry of a look; the officer's
    try is one.
    """
    officer = await world.officer()
    link = await asked(world, officer, picture_jpeg())
    phone = world.browser()
    for stranger in (phone, world.browser()):
        turned = await looks(stranger, link)
        assert (turned.status_code, turned.headers["location"]) == (303, path_of(link))
    await world.proves(phone, link)
    assert (await looks(world.browser(), link)).status_code == 303
    cookies = httpx.Cookies(phone.cookies)
    cookies.update(officer.client.cookies)
    async with httpx.AsyncClient(base_url=world.origin, cookies=cookies) as both:
        told = await looks(both, link)
    assert (told.status_code, told.headers["content-type"]) == (403, "text/html; charset=utf-8")
    last = (await world.entries())[-1]
    assert (last["type"], last["act"], last["result"]["reason"]) == (
        "factor", "officer_browser", "officer_browser",
    )  # fmt: skip
    assert await previews(world) == []
    assert (await looks(phone, link)).status_code == 200


async def test_only_what_is_asked_and_on_file_while_it_is_open(world: World) -> None:
    """A21: another number, a paper that is not on file, an unknown link and a decided request are the same dead page."""
    officer = await world.officer()
    link = await asked(world, officer, picture_jpeg())
    phone = world.browser()
    await world.proves(phone, link)
    dead = [await looks(phone, link, key) for key in ("1", "7", "999")]
    dead.append(await looks(phone, link[:-4] + "AAAA"))
    assert (await looks(phone, link, "x")).status_code in {404, 422}
    assert (await looks(phone, link)).status_code == 200
    assert (await decides(phone, link)).status_code == 200
    dead.append(await looks(phone, link))
    assert {answer.status_code for answer in dead} == {410}
    assert len({answer.text for answer in dead}) == 1
    assert len(await previews(world)) == 1


async def test_it_is_judged_in_the_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is refused in the moment between the route's look and the batch. Wrong version: the judge left out, and a paper of a
    closed request is shown.
    """
    officer = await world.officer()
    link = await asked(world, officer, picture_jpeg())
    phone = world.browser()
    await world.proves(phone, link)
    found = Vault.find

    async def slow(vault: Vault, *about: Any) -> Any:
        assert (await decides(phone, link, "refuse")).status_code == 200
        return await found(vault, *about)

    monkeypatch.setattr(Vault, "find", slow)
    turned = await looks(phone, link)
    assert (turned.status_code, turned.headers["location"]) == (303, path_of(link))
    (entry,) = await previews(world)
    assert entry["result"] == {"allowed": False, "reason": "link_used"}


async def test_what_cannot_be_drawn_can_be_decided(
    database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> None:
    """A broken file, from before there was a gate: no preview, no file in its place; the page says so and the decision is as free as
    before.
    """
    how = {"s3_bucket": bucket_name, "inspect_files": False}
    async with running_world(tmp_path, database_url=database_url, store=store, **how) as world:
        officer = await world.officer()
        link = await asked(world, officer, picture_jpeg()[:900] + bytes(200))
        phone = world.browser()
        await world.proves(phone, link)
        told = await looks(phone, link)
        assert told.status_code == 422
        assert "Pratinjau tidak dapat ditampilkan" in told.text
        assert (await decides(phone, link)).status_code == 200


@pytest.mark.parametrize("name", ["a cut object", "an old wrapped key"])
async def test_a_copy_that_is_damaged_is_put_aside(world: World, name: str) -> None:
    """F20, I8: who decides is the first to look at it: no picture, and the next one is told. Wrong versions: only a seal that breaks is
    looked at again, not an object of another length; a key that does not open is told and left there.
    """
    attack, fault = ATTACKS[name]
    officer = await world.officer()
    other = await world.enrols(officer, OTHER_NIK)
    assert (await world.stores(officer, other, content=twin(picture_jpeg()))).status_code == 201
    link = await asked(world, officer, picture_jpeg())
    phone = world.browser()
    await world.proves(phone, link)
    theirs, mine = await rows(world)
    await attack(Bucket(world), world, mine, theirs)
    world.parts.vault._places.clear()
    told = await looks(phone, link)
    assert told.status_code == 502
    state = {row["id"]: row["state"] for row in await rows(world)}
    assert (state[mine["id"]], state[theirs["id"]]) == ("quarantined", "ready")
    found = [(e["fault"], e["found_by"]) for e in await world.entries() if e["type"] == "quarantine"]
    assert found == [(fault, "fetch")]


async def test_a_parent_looks_and_both_lists_say_so(world: World) -> None:
    """M19: who decides for a child sees the child's paper; an entry on each list."""
    officer = await world.officer("IMIGRASI")
    child = await person(world, officer, "Anak Contoh", years_ago(7), 1, phone=False)
    mother = await person(world, officer, "Ibu Contoh", years_ago(35), 2)
    akta = await birth_certificate(world, officer, child, mother)
    made = await asks_for(officer, child, decided_by(mother, "parent", akta))
    assert made.status_code == 201, made.text
    phone = world.browser()
    page = await world.proves(phone, made.json()["link"])
    keys = [part.split('"')[0] for part in page.text.split("/dokumen/")[1:]]
    assert (await looks(phone, made.json()["link"], keys[0])).status_code == 200
    theirs, own = await previews(world)
    assert (theirs["actor"], theirs["relation"], "decider" in theirs) == ("representative", "parent", True)
    assert (own["actor"], own["relation"], "for_another" in own) == ("citizen", "parent", True)


async def test_a_look_is_no_delivery(world: World) -> None:
    """Whoever takes the consent back at once reads that nothing was received: the owner's own look counts as no delivery."""
    officer = await world.officer()
    link = await asked(world, officer, picture_jpeg())
    phone = world.browser()
    await world.proves(phone, link)
    assert (await looks(phone, link)).status_code == 200
    assert (await decides(phone, link)).status_code == 200
    (consent,) = [entry["consent"] for entry in await world.entries() if entry["type"] == "grant"]
    done = await officer.post(f"/v1/consents/{consent}/withdrawal", json={})
    assert done.status_code == 200, done.text
    (owed,) = (await officer.get("/v1/withdrawals?state=all")).json()["data"]
    assert owed["answer"] == "nothing_received"
