"""The auditor's pages: without a script, under the strict policy, a NIK in no address (N03; U17; D10)."""

from __future__ import annotations

import io
import zipfile

import httpx
import pyotp
import pytest

from exchange.pages import CONTENT_SECURITY_POLICY
from tests.flows.test_administration import admin, last, signed_in
from tests.flows.test_audit import ASSIGNMENT, NOBODYS
from tests.world import NIK, OTHER_NIK, PASSWORD, World, csrf_of

PLACE = "/audit"


async def second_factor(world: World, username: str) -> str:
    """The secret of an auditor of the inspectorate who has just been given an authenticator."""
    at = await signed_in(world, username, "auditor", "IMIGRASI")
    begun = (await at.post("/v1/session/totp", json={"password": PASSWORD})).json()
    code = pyotp.TOTP(begun["secret"])
    await at.post("/v1/session/totp/confirmation", json={"code": code.now()})
    return str(begun["secret"])


async def comes_in(
    world: World, username: str, role: str = "auditor", agency: str = "IMIGRASI"
) -> httpx.AsyncClient:
    """A browser of one who has signed in on the page, with a recovery code: each code of an authenticator counts once."""
    codes = (await admin(world, username, role, agency)).codes
    browser = world.browser()
    form = await browser.get(PLACE)
    assert form.status_code == 200
    sent = {
        "step": "sign_in",
        "csrf": csrf_of(form),
        "username": username,
        "password": PASSWORD,
        "code": codes.pop(),
    }
    answer = await browser.post(PLACE, data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, PLACE), answer.text
    return browser


async def does(browser: httpx.AsyncClient, step: str, **fields: str) -> httpx.Response:
    csrf = csrf_of(await browser.get(PLACE))
    return await browser.post(PLACE, data={"step": step, "csrf": csrf, **fields})


async def test_from_the_form_to_the_evidence(world: World) -> None:
    """A number is typed, the list is read page by page, asked for, approved by another person, and taken: all without a script."""
    officer = await world.officer()
    for kind in ("KTP", "NPWP", "KK"):
        await world.stores(officer, await world.enrols(officer), kind)
    _, ticket = await world.consented(officer)
    await world.fetches(officer, ticket)
    await world.outcomes()
    one, two = await comes_in(world, "auditor"), await comes_in(world, "auditor.dua")
    page = await does(one, "find", assignment=ASSIGNMENT, nik=NIK)
    assert page.status_code == 200, page.text
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert page.headers["cache-control"] == "no-store"
    assert len(page.content) <= 30_000
    for told in ("release", "DPMPTSP@6472", "Loket 3", "KTP-el"):
        assert told in page.text
    assert NIK not in page.text
    assert NIK not in str(page.url)
    assert "pw:" not in page.text
    hidden = {
        name: page.text.split(f'name="{name}" value="')[1].split('"')[0] for name in ("citizen", "assignment")
    }
    asked = await does(one, "export", **hidden)
    assert (asked.status_code, asked.headers["location"]) == (303, PLACE)
    waiting = await one.get(PLACE)
    assert "Menunggu persetujuan orang kedua." in waiting.text
    export = (await two.get(PLACE)).text.split('name="export" value="')[1].split('"')[0]
    assert (await does(two, "approve", export=export)).status_code == 303
    assert f"/v1/audit/exports/{export}/archive" in (await one.get(PLACE)).text
    assert "diambil oleh yang memintanya" in (await two.get(PLACE)).text
    taken = await one.get(f"/v1/audit/exports/{export}/archive")
    assert "index.csv" in zipfile.ZipFile(io.BytesIO(taken.content)).namelist()
    english = await one.get(PLACE, params={"lang": "en"})
    assert "Check access records" in english.text
    assert (await does(one, "leave")).status_code == 303
    assert "Sign in as an auditor" in (await one.get(PLACE)).text


async def test_what_is_refused_is_said_on_the_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No assignment, a number of nobody, a field that is none, another's form: nothing is found, and the page says why, in a sentence."""
    officer = await world.officer()
    await world.enrols(officer)
    browser = await comes_in(world, "auditor")
    before = await world.size()
    for fields in ({"assignment": ""}, {"assignment": NIK}, {"officer": "x"}, {"since": "kemarin"}, {"kind": "peek"}, {"allowed": "maybe"},
                   {"since": "2026-11-20", "until": "2026-11-01"}):  # fmt: skip
        answer = await does(browser, "find", **{"assignment": ASSIGNMENT, **fields})
        assert (answer.status_code, "BK-2001" in answer.text) == (422, True), fields
        assert NIK not in answer.text.replace(f'value="{NIK}"', "")
    assert await world.size() == before
    number = await does(browser, "find", assignment=ASSIGNMENT, nik="6472")
    assert "BK-2003" in number.text
    unknown = await does(browser, "find", assignment=ASSIGNMENT, nik=OTHER_NIK)
    assert (unknown.status_code, "BK-2002" in unknown.text) == (404, True)
    assert OTHER_NIK not in unknown.text
    forged = await browser.post(PLACE, data={"step": "find", "csrf": "0" * 64, "assignment": ASSIGNMENT})
    assert (forged.status_code, "BK-1005" in forged.text) == (403, True)
    nobodys = await does(browser, "approve", export=f"ax_{NOBODYS}")
    assert (nobodys.status_code, "BK-2141" in nobodys.text) == (404, True)


async def test_who_may_not_come_in(world: World) -> None:
    """A wrong password, another form's token, no session, a counter officer who signed in: none of them finds anything."""
    await second_factor(world, "auditor")
    stranger = world.browser()
    csrf = csrf_of(await stranger.get(PLACE))
    sent = {
        "step": "sign_in",
        "csrf": csrf,
        "username": "auditor",
        "password": "bukan sandi ini",
        "code": "000000",
    }
    wrong = await stranger.post(PLACE, data=sent)
    assert (wrong.status_code, "BK-1002" in wrong.text) == (401, True)
    forged = await stranger.post(PLACE, data=sent | {"csrf": "x"})
    assert (forged.status_code, "BK-1005" in forged.text) == (403, True)
    outside = await stranger.post(PLACE, data={"step": "find", "csrf": csrf, "assignment": ASSIGNMENT})
    assert (outside.status_code, "BK-1001" in outside.text) == (401, True)
    officer = await world.officer()
    page = await officer.client.get(PLACE)
    assert (page.status_code, "BK-1017" in page.text) == (403, True)
    tried = await officer.client.post(
        PLACE, data={"step": "find", "csrf": csrf_of(page), "assignment": ASSIGNMENT, "nik": NIK}
    )
    assert (tried.status_code, "BK-1017" in tried.text) == (403, True)
    entries = [entry for entry in await world.entries() if entry["type"] == "audit"]
    assert {(entry["act"], entry["result"]["reason"]) for entry in entries} == {
        ("list_exports", "role_missing"),
        ("find", "role_missing"),
    }
    assert (await last(world))["type"] == "audit"
