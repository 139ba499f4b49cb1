"""Indonesian first, English for who chooses it: the choice is kept, and what was read is what is recorded (U17, L11)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import httpx
import pytest

from tests.world import World, csrf_of, path_of

ENGLISH = "?lang=en"
SERVICE_ID = "Pendampingan penerbitan NIB (OSS) usaha mikro perorangan"
SERVICE_EN = "Assisted business registration"


@pytest.fixture
async def asked(world: World) -> tuple[World, Any, dict[str, Any]]:
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    return world, officer, await world.asks(officer, subject)


def _language(page: httpx.Response) -> str:
    """Of the page; header and element agree."""
    found = re.search(r'<html lang="(\w+)">', page.text)
    assert found
    assert page.headers.get("content-language", found[1]) == found[1]
    return found[1]


def _shown_sha256(page: httpx.Response) -> str:
    """Of what was read, without the form's token."""
    text = re.sub(r'(name="csrf" value=")[0-9a-f]+', r"\1", page.text)
    return hashlib.sha256(re.sub(r'href="/p/[^/"]+(/dokumen/)', r'href="\1', text).encode()).hexdigest()


def _forgets_language(phone: httpx.AsyncClient) -> None:
    phone.cookies.delete("berkas-lang")


async def _record(world: World) -> dict[str, Any]:
    async with world.parts.database.transaction() as transaction:
        row = await transaction.raw.fetchrow("SELECT * FROM consent")
    record = await world.parts.keyring.unseal(row["subject_ref"], "consent", row["record"])
    claims = record.decode().split("\n")[0].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(claims + "==")))


async def test_a_choice_is_shown_at_once_and_remembered(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, _, request = asked
    path = path_of(request["link"])
    phone = world.browser()
    first = await phone.get(path, headers={"Accept-Language": "en-GB, en"})
    assert _language(first) == "id", "many phones are sold in English to people who read Indonesian"
    assert "berkas-lang" not in phone.cookies
    chosen = await phone.get(path + ENGLISH)
    assert _language(chosen) == "en"
    assert "DPMPTSP Kota Samarinda asks for your consent" in chosen.text
    assert SERVICE_EN in chosen.text
    cookie = next(line for line in chosen.headers.get_list("set-cookie") if line.startswith("berkas-lang="))
    assert {part.strip().lower() for part in cookie.split(";")} == {
        "berkas-lang=en", "httponly", "samesite=lax", "path=/", "max-age=31536000",
    }  # fmt: skip
    assert _language(await phone.get(path)) == "en"
    assert _language(await phone.get(path + "?lang=id")) == "id"
    assert _language(await phone.get(path)) == "id"


@pytest.mark.parametrize("named", ["fr", "EN", "", "en-GB", "../en", "%00", "id&lang=fr"])
async def test_a_language_that_we_do_not_have_is_no_choice(
    asked: tuple[World, Any, dict[str, Any]], named: str
) -> None:
    world, _, request = asked
    phone = world.browser()
    page = await phone.get(f"{path_of(request['link'])}?lang={named}")
    assert page.status_code == 200
    assert _language(page) == "id"
    assert "berkas-lang" not in phone.cookies
    phone.cookies.set("berkas-lang", "fr")
    assert _language(await phone.get(path_of(request["link"]))) == "id"


async def test_the_address_keeps_the_language_through_forms_and_redirects(
    asked: tuple[World, Any, dict[str, Any]],
) -> None:
    """Every page posts to its own address; the cookie is taken away after each step."""
    world, _, request = asked
    path = path_of(request["link"]) + ENGLISH
    phone = world.browser()
    start = await phone.get(path)
    _forgets_language(phone)
    sent = await phone.post(path, data={"step": "send", "csrf": csrf_of(start)})
    assert (sent.status_code, sent.headers["location"]) == (303, path)
    _forgets_language(phone)
    typing = await phone.get(path)
    assert "Type the one-time code" in typing.text
    _forgets_language(phone)
    wrong = await phone.post(path, data={"step": "code", "csrf": csrf_of(typing), "code": "12"})
    assert (wrong.status_code, _language(wrong)) == (422, "en")
    assert "Type just these six digits." in wrong.text
    _forgets_language(phone)
    code = (await world.inbox("otp"))[-1]["code"]
    right = await phone.post(path, data={"step": "code", "csrf": csrf_of(typing), "code": code})
    assert (right.status_code, right.headers["location"]) == (303, path)
    _forgets_language(phone)
    page = await phone.get(path)
    assert "asks for 1 of your documents" in page.text
    assert "Electronic resident identity card" in page.text
    _forgets_language(phone)
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant"}
    nothing = await phone.post(path, data=form)
    assert (nothing.status_code, _language(nothing)) == (422, "en")
    assert "Tick at least one document" in nothing.text
    _forgets_language(phone)
    done = await phone.post(path, data={**form, "document": "0"})
    assert (done.status_code, _language(done)) == (200, "en")
    assert "Consent recorded" in done.text


async def test_what_was_read_in_english_is_recorded_as_english(
    asked: tuple[World, Any, dict[str, Any]],
) -> None:
    """L11: text version, language and hash are of the page that was shown; the messages stay Indonesian."""
    world, _, request = asked
    path = path_of(request["link"])
    phone = world.browser()
    page = await world.proves(phone, request["link"] + ENGLISH)
    assert _language(page) == "en"
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
    done = await phone.post(path, data=form)
    assert "You allowed 1 of 1 document." in done.text
    assert "Electronic resident identity card" in done.text
    record = await _record(world)
    assert record["notice"]["language"] == "en"
    assert record["notice"]["sha256"] == _shown_sha256(page)
    assert record["purpose"]["text"] == SERVICE_EN
    entry = [entry for entry in await world.entries() if entry["type"] == "grant"][-1]
    assert entry["shown_sha256"] == record["notice"]["sha256"]
    told = [message["text"] for message in await world.inbox()]
    assert any("untuk MENYETUJUI DPMPTSP membaca KTP-el s.d." in text for text in told)
    assert any("Anda mengizinkan DPMPTSP membaca KTP-el s.d." in text for text in told)
    assert not any(" at " in text for text in told)


@pytest.mark.parametrize(("read_in", "browser_in"), [("en", "id"), ("id", "en")])
async def test_a_page_is_decided_as_it_was_read_whatever_was_chosen_since(
    asked: tuple[World, Any, dict[str, Any]], read_in: str, browser_in: str
) -> None:
    """Two tabs. Never recorded as the other language: hash, language and purpose are of one page. Seen failing with the browser's
    language in place of the page's.
    """
    world, _, request = asked
    path = path_of(request["link"])
    phone = world.browser()
    page = await world.proves(phone, f"{request['link']}?lang={read_in}")
    other = await phone.get(f"{path}?lang={browser_in}")
    assert (_language(page), _language(other)) == (read_in, browser_in)
    assert csrf_of(page) != csrf_of(other), "the token binds the language"
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
    done = await phone.post(path, data=form)
    assert done.status_code == 200
    assert _language(done) == browser_in, "the receipt is for who reads now"
    record = await _record(world)
    assert record["notice"]["language"] == read_in
    assert record["notice"]["sha256"] == _shown_sha256(page)
    assert record["purpose"]["text"] == {"id": SERVICE_ID, "en": SERVICE_EN}[read_in]


async def test_a_page_that_changed_is_shown_again_in_the_readers_language(
    asked: tuple[World, Any, dict[str, Any]],
) -> None:
    world, _, request = asked
    path = path_of(request["link"])
    phone = world.browser()
    page = await world.proves(phone, request["link"] + ENGLISH)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE document_version SET issued_on = '2020-02-02'")
    form = {"step": "decide", "decision": "grant", "document": "0"}
    token = csrf_of(page)
    for forged in (token, f"{int(token[:8], 16) - 60:08x}{token[8:]}", token[:-1], "en", ""):
        answer = await phone.post(path, data={**form, "csrf": forged})
        assert (answer.status_code, _language(answer)) == (409, "en")
        assert "This page has changed" in answer.text
    assert [entry for entry in await world.entries() if entry["type"] in {"grant", "refuse"}] == []
    good = await phone.post(path, data={**form, "csrf": csrf_of(await phone.get(path))})
    assert "Consent recorded" in good.text


async def test_a_decision_seen_again_in_the_other_language(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, _, request = asked
    phone = world.browser()
    await world.allows(request["link"], browser=phone)
    path = path_of(request["link"])
    english = await phone.get(path + ENGLISH)
    assert "Consent recorded" in english.text
    assert SERVICE_EN in english.text
    again = await phone.get(path)
    assert again.text == english.text, "the choice is remembered"
    assert "Persetujuan tercatat" in (await phone.get(path + "?lang=id")).text


async def test_the_trail_and_a_withdrawal_in_english(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, _, request = asked
    await world.allows(request["link"])
    trail = path_of((await world.inbox("notice"))[-1]["link"])
    phone = world.browser()
    page = await world.proves(phone, world.origin + trail + ENGLISH)
    assert _language(page) == "en"
    text = " ".join(re.sub(r"<[^>]*>", " ", page.text).split())
    assert "My Data Trail" in text
    assert "You allowed : Electronic resident identity card." in text
    assert f"Purpose: {SERVICE_EN}" in text
    assert "Consents still valid (1)" in text
    consent = re.search(r'name="consent" value="([^"]+)"', page.text)
    assert consent
    form = {"csrf": csrf_of(page), "consent": consent[1]}
    sure = await phone.post(trail, data={"step": "withdraw", **form})
    assert "Withdraw this consent?" in sure.text
    assert re.search(r"stops by \d+ \w+ \d{4} at \d\d\.\d\d WITA at the latest\.", sure.text)
    done = await phone.post(trail, data={"step": "withdrawn", **form})
    assert "From now on DPMPTSP can no longer open:" in done.text
    assert "ditarik kembali" in (await world.inbox("notice"))[-1]["text"]
    left = await phone.post(trail + ENGLISH, data={"step": "leave", "csrf": form["csrf"]})
    assert (left.status_code, left.headers["location"]) == (303, trail + ENGLISH)
    next_person = await phone.get(left.headers["location"])
    assert "Send a code to your registered contact" in next_person.text


async def test_dead_links_and_problems_speak_the_language_too(
    asked: tuple[World, Any, dict[str, Any]],
) -> None:
    """U18, A21: in English too one page for used and unknown codes, which sets no cookie."""
    world, _, request = asked
    await world.allows(request["link"])
    seen = set()
    for path in ("/p/" + "a" * 45, path_of(request["link"])):
        gone = await world.browser().get(path + ENGLISH)
        assert (gone.status_code, _language(gone)) == (410, "en")
        assert "set-cookie" not in gone.headers
        seen.add(gone.text)
    assert len(seen) == 1
    assert "This link is not valid" in seen.pop()
    phone = world.browser()
    phone.cookies.set("berkas-lang", "en")
    missing = await phone.get("/p/")
    assert (missing.status_code, _language(missing)) == (404, "en")
    assert "Page not found" in missing.text
    unread = await phone.post("/p/" + "a" * 45, data={"step": "x" * 11})
    assert (unread.status_code, _language(unread)) == (422, "en")
    assert "Nothing was recorded." in unread.text
