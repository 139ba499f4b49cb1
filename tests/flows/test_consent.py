"""The link, the factor and the decision: nothing is skipped, nothing is decided twice, nothing is told to strangers."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.world import NAME, NIK, PHONE, World, csrf_of, path_of


@pytest.fixture
async def asked(world: World) -> tuple[World, Any, dict[str, Any]]:
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    return world, officer, await world.asks(officer, subject)


async def _state(world: World, request_id: str) -> str:
    async with world.parts.database.transaction() as transaction:
        return str(
            await transaction.raw.fetchval("SELECT state FROM consent_request WHERE id = $1", request_id)
        )


async def _count(world: World) -> int:
    return len(await world.entries())


async def test_opening_changes_nothing(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A24, U13: GET, HEAD, a preview bot, twice: no entry, no state, nothing about the citizen (A22)."""
    world, _, request = asked
    before = await _count(world)
    path = path_of(request["link"])
    for agent in ("WhatsApp/2.23", "TelegramBot", "Mozilla/5.0"):
        page = await world.browser().get(path, headers={"User-Agent": agent})
        assert page.status_code == 200
        for secret in (NIK, NAME, PHONE, "KTP", NIK[-4:]):
            assert secret not in page.text
        assert request["pairing_code"][:2] in page.text
        head = await world.browser().head(path)
        assert head.status_code in {200, 405}
    assert await _count(world) == before
    assert await _state(world, request["id"]) == "pending"


async def test_page_headers(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A30, A31: strict CSP, no frames, no referrer, not kept, not indexed."""
    world, _, request = asked
    page = await world.browser().get(path_of(request["link"]))
    headers = page.headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-robots-tag"] == "noindex"
    assert "<script" not in page.text


async def test_dead_links_look_alike(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A21, A23, U18: unknown, malformed, used, replaced and expired: one 410 page, byte for byte."""
    world, officer, request = asked
    subject = await world.enrols(officer)
    pages = []
    pages.append(await world.browser().get("/p/" + "a" * 45))
    pages.append(await world.browser().get("/p/short"))
    replaced = request["link"]
    second = await world.asks(officer, subject)
    pages.append(await world.browser().get(path_of(replaced)))
    await world.allows(second["link"])
    pages.append(await world.browser().get(path_of(second["link"])))
    third = await world.asks(officer, subject)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE consent_request SET expires_at = created_at WHERE id = $1", third["id"]
        )
    pages.append(await world.browser().get(path_of(third["link"])))
    pages.append(await world.browser().get(path_of(third["link"]).replace("/p/", "/w/")))
    assert {page.status_code for page in pages} == {410}
    assert len({page.text for page in pages}) == 1


async def test_a_withdrawn_consent_has_a_dead_link(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, officer, request = asked
    await world.allows(request["link"])
    consent = (await officer.get(f"/v1/consent-requests/{request['id']}")).json()["consent_id"]
    await officer.post(f"/v1/consents/{consent}/withdrawal")
    assert (await world.browser().get(path_of(request["link"]))).status_code == 410
    state = (await officer.get(f"/v1/consent-requests/{request['id']}")).json()
    assert state["state"] == "withdrawn"


async def test_no_decision_without_the_factor(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A22: the form token alone does not decide; another browser does not inherit the factor."""
    world, _, request = asked
    path = path_of(request["link"])
    browser = world.browser()
    page = await browser.get(path)
    form = {"step": "decide", "decision": "grant", "document": "0", "csrf": csrf_of(page)}
    assert (await browser.post(path, data=form)).status_code == 403
    proven = world.browser()
    await world.proves(proven, request["link"])
    again = await browser.post(path, data=form)
    assert again.status_code == 403
    assert await _state(world, request["id"]) == "pending"
    # A stranger who only has the link cannot fill the citizen's list, nor use up the citizen's refusals of this minute.
    assert [e for e in await world.entries() if e["type"] in {"grant", "refuse"}] == []


async def test_csrf(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A30: no token, or another browser's token."""
    world, _, request = asked
    path = path_of(request["link"])
    browser, other = world.browser(), world.browser()
    page = await other.get(path)
    await browser.get(path)
    for token in ("", csrf_of(page)):
        answer = await browser.post(path, data={"step": "send", "csrf": token})
        assert answer.status_code == 403
    assert await world.inbox("otp") == []


async def test_nothing_ticked(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """U12: an error summary, not a silent refusal."""
    world, _, request = asked
    browser = world.browser()
    page = await world.proves(browser, request["link"])
    answer = await browser.post(
        path_of(request["link"]), data={"step": "decide", "decision": "grant", "csrf": csrf_of(page)}
    )
    assert answer.status_code == 422
    assert "Centang sekurang-kurangnya satu dokumen" in answer.text
    assert await _state(world, request["id"]) == "pending"


async def test_second_tab(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A28: the second decision changes nothing; the deciding browser sees its decision again."""
    world, _, request = asked
    browser = world.browser()
    page = await world.proves(browser, request["link"])
    path = path_of(request["link"])
    form = {"step": "decide", "csrf": csrf_of(page)}
    first = await browser.post(path, data={**form, "decision": "grant", "document": "0"})
    second = await browser.post(path, data={**form, "decision": "refuse"})
    assert first.status_code == 200
    assert "Persetujuan tercatat" in second.text
    assert "Persetujuan tercatat" in (await browser.get(path)).text
    assert await _state(world, request["id"]) == "granted"
    assert [e["type"] for e in await world.entries() if e["type"] in {"grant", "refuse"}] == ["grant"]


async def test_twenty_decisions_at_once(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A28, I5, U13: exactly one consent, and twenty times the same receipt (seen failing: 410 for who came second)."""
    world, _, request = asked
    browser = world.browser()
    page = await world.proves(browser, request["link"])
    form = {"step": "decide", "csrf": csrf_of(page), "document": "0"}
    answers = await asyncio.gather(
        *(
            browser.post(path_of(request["link"]), data={**form, "decision": "grant" if n % 2 else "refuse"})
            for n in range(20)
        )
    )
    async with world.parts.database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT count(*) FROM consent") == 1
    done = [e for e in await world.entries() if e["type"] in {"grant", "refuse"} and e["result"]["allowed"]]
    assert len(done) == 1
    told = "Persetujuan tercatat" if done[0]["type"] == "grant" else "Anda menolak permintaan ini"
    assert [(answer.status_code, told in answer.text) for answer in answers] == [(200, True)] * 20


async def test_five_wrong_codes(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A25: the fifth wrong code ends the link, for every browser; the right code no longer helps."""
    world, _, request = asked
    path = path_of(request["link"])
    browser = world.browser()
    page = await browser.get(path)
    await browser.post(path, data={"step": "send", "csrf": csrf_of(page)})
    right = (await world.inbox("otp"))[-1]["code"]
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for left in (4, 3, 2, 1):
        answer = await browser.post(path, data={"step": "code", "csrf": csrf_of(page), "code": wrong})
        assert answer.status_code == 422
        assert str(left) in answer.text
    last = await browser.post(path, data={"step": "code", "csrf": csrf_of(page), "code": wrong})
    assert last.status_code == 403
    late = await browser.post(path, data={"step": "code", "csrf": csrf_of(page), "code": right})
    assert late.status_code == 410
    assert await _state(world, request["id"]) == "expired"


async def test_parallel_tries_count_one_by_one(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A25: thirty parallel wrong codes are thirty tries; at most five were looked at."""
    world, _, request = asked
    path = path_of(request["link"])
    browser = world.browser()
    page = await browser.get(path)
    await browser.post(path, data={"step": "send", "csrf": csrf_of(page)})
    right = (await world.inbox("otp"))[-1]["code"]
    wrong = [f"{(int(right) + n) % 1_000_000:06d}" for n in range(1, 31)]
    await asyncio.gather(
        *(browser.post(path, data={"step": "code", "csrf": csrf_of(page), "code": code}) for code in wrong)
    )
    tried = [
        e
        for e in await world.entries()
        if e["type"] == "factor" and e["result"].get("reason") == "code_wrong"
    ]
    assert len(tried) == 5


async def test_a_code_of_before_and_of_another_browser(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A26: after a new code the older one is nothing; a code works only where it was asked for."""
    world, _, request = asked
    path = path_of(request["link"])
    browser, other = world.browser(), world.browser()
    page, other_page = await browser.get(path), await other.get(path)
    await browser.post(path, data={"step": "send", "csrf": csrf_of(page)})
    first = (await world.inbox("otp"))[-1]["code"]
    await browser.post(path, data={"step": "send", "csrf": csrf_of(page)})
    second = (await world.inbox("otp"))[-1]["code"]
    if first != second:
        old = await browser.post(path, data={"step": "code", "csrf": csrf_of(page), "code": first})
        assert old.status_code == 422
    elsewhere = await other.post(path, data={"step": "code", "csrf": csrf_of(other_page), "code": second})
    assert elsewhere.status_code == 422
    good = await browser.post(path, data={"step": "code", "csrf": csrf_of(page), "code": second})
    assert good.status_code == 303


async def test_three_codes_an_hour(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, _, request = asked
    path = path_of(request["link"])
    browser = world.browser()
    page = await browser.get(path)
    statuses = [
        (await browser.post(path, data={"step": "send", "csrf": csrf_of(page)})).status_code for _ in range(4)
    ]
    assert statuses == [303, 303, 303, 403]
    assert len(await world.inbox("otp")) == 3


async def test_an_expired_code(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, _, request = asked
    path = path_of(request["link"])
    browser = world.browser()
    page = await browser.get(path)
    await browser.post(path, data={"step": "send", "csrf": csrf_of(page)})
    code = (await world.inbox("otp"))[-1]["code"]
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE challenge SET expires_at = sent_at")
    answer = await browser.post(path, data={"step": "code", "csrf": csrf_of(page), "code": code})
    assert answer.status_code == 422


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12 34 5x"])
async def test_what_is_no_code(asked: tuple[World, Any, dict[str, Any]], code: str) -> None:
    world, _, request = asked
    path = path_of(request["link"])
    browser = world.browser()
    page = await browser.get(path)
    await browser.post(path, data={"step": "send", "csrf": csrf_of(page)})
    before = await _count(world)
    answer = await browser.post(path, data={"step": "code", "csrf": csrf_of(page), "code": code})
    assert answer.status_code == 422
    assert await _count(world) == before


async def test_a_citizen_without_contact(world: World) -> None:
    """No channel, no factor: the page sends the citizen to the counter. Without one from the start there is no link at all."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    request = await world.asks(officer, subject)
    contacts = f"/v1/subjects/{subject}/contacts"
    (only,) = (await officer.get(contacts)).json()["contacts"]
    assert (await officer.post(f"{contacts}/{only['id']}/removal")).status_code == 204
    browser = world.browser()
    page = await browser.get(path_of(request["link"]))
    answer = await browser.post(path_of(request["link"]), data={"step": "send", "csrf": csrf_of(page)})
    assert answer.status_code == 403
    assert "Kode tidak dapat dikirim" in answer.text
    assert (await world.asks(officer, subject))["mode"] == "assisted"
    by_message = await officer.post(
        "/v1/consent-requests",
        json={"subject_ref": subject, "service": "DPMPTSP.NIB", "channel": "whatsapp",
              "answers": {"legal_entity": False, "represented": False}},
    )  # fmt: skip
    assert (by_message.status_code, by_message.json()["code"]) == (422, "BK-2033")


async def test_a_paper_that_the_service_does_not_require(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """M04: an officer cannot add a paper."""
    world, officer, _ = asked
    subject = await world.enrols(officer)
    before = await _count(world)
    answer = await officer.post(
        "/v1/consent-requests", json={"subject_ref": subject, "service": "DPMPTSP.NIB", "documents": ["KK"]}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "BK-2031")
    assert await _count(world) == before + 1
    assert (await world.entries())[-1]["result"] == {"allowed": False, "reason": "not_required"}


async def test_nothing_to_ask(world: World) -> None:
    officer = await world.officer()
    subject = await world.enrols(officer)
    answer = await officer.post(
        "/v1/consent-requests", json={"subject_ref": subject, "service": "DPMPTSP.NIB"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "BK-2032")


async def test_another_agencys_request(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A33: like a request that does not exist."""
    world, _, request = asked
    other = await world.officer("POLRI")
    seen = await other.get(f"/v1/consent-requests/{request['id']}")
    absent = await other.get("/v1/consent-requests/cr_01JD0000000000000000000000")
    assert (
        (seen.status_code, seen.json()["code"])
        == (absent.status_code, absent.json()["code"])
        == (404, "BK-2034")
    )


async def test_the_asker_polls_with_an_etag(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, officer, request = asked
    first = await officer.get(f"/v1/consent-requests/{request['id']}")
    etag = first.headers["etag"]
    again = await officer.get(f"/v1/consent-requests/{request['id']}", headers={"If-None-Match": etag})
    assert again.status_code == 304
    await world.allows(request["link"])
    changed = await officer.get(f"/v1/consent-requests/{request['id']}", headers={"If-None-Match": etag})
    assert changed.json()["state"] == "granted"


async def test_link_by_message(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """The message repeats what the officer says aloud, with the pairing code, and lives a day."""
    world, officer, _ = asked
    subject = await world.enrols(officer)
    request = await world.asks(officer, subject, channel="whatsapp")
    message = (await world.inbox("link"))[-1]
    assert message["link"] == request["link"]
    assert message["to"] == PHONE
    assert re.search(r"\d\d \d\d", message["text"])
    from datetime import datetime

    from exchange.deps import clock

    left = datetime.fromisoformat(request["expires_at"]) - clock()
    assert timedelta(hours=23) < left <= timedelta(hours=24)
