"""Attacks on the consent link and the citizen's steps (A21 to A32): every case has a test that names it, and those that had none stand
here. Races and guesses at two processes are in ``test_consent_history``, random walks in ``test_consent_states``.
"""

from __future__ import annotations

import ast
import base64
import re
import secrets
from dataclasses import replace
from typing import Any

import httpx
import pytest

from auth.links import RANDOM_BYTES, code_hash, new_code
from exchange.routes import consent, trail
from tests.flows.campaign import LONG
from tests.rules.house import ROOT
from tests.tripwire import TRIPWIRE
from tests.world import NAME, NIK, PHONE, World, csrf_of, path_of

CASES = [f"A{number}" for number in range(21, 33)]
# A million in `make history`.
GUESSES = 1_000_000 if LONG else 50_000
PREVIEWS = {
    "WhatsApp": "WhatsApp/2.23.20.0",
    "Telegram": "TelegramBot (like TwitterBot)",
    "Facebook": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slack": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Google": "Mozilla/5.0 (compatible; Google-Safety; +http://www.google.com/bot.html)",
    "mail scanner": "Mozilla/5.0 (Windows NT 10.0) BarracudaCentral/1.0",
}
PREFETCH = (
    {"Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"X-Purpose": "preview"},
    {"X-Moz": "prefetch"},
    {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"},
)
JUDGED = (
    "consent_request",
    "consent",
    "consent_item",
    "challenge",
    "citizen_link",
    "outbox",
    "audit_event",
    "hourly_budget",
)


@pytest.fixture
async def asked(world: World) -> tuple[World, Any, dict[str, Any]]:
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    return world, officer, await world.asks(officer, subject)


def test_each_case_has_a_test() -> None:
    """A21 to A32: somewhere a test says so in its own words."""
    named = {case: set[str]() for case in CASES}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for case in re.findall(r"\bA\d\d\b", f"{node.name} {ast.get_docstring(node) or ''}"):
                    named.get(case, set()).add(node.name)
    named = {case: tests - {"test_each_case_has_a_test"} for case, tests in named.items()}
    assert [case for case, tests in named.items() if not tests] == []


async def _fingerprint(world: World) -> dict[str, str]:
    """Every judged row that a link can touch."""
    async with world.parts.database.reading() as reading:
        return {
            table: await reading.raw.fetchval(
                f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t"
            )
            for table in JUDGED
        }


async def _own_link(world: World) -> str:
    return path_of(next(m["link"] for m in reversed(await world.inbox("notice")) if m.get("link")))


def test_no_code_is_found_by_trying() -> None:
    """A23: 160 random bits behind a check that garbage does not pass; not one character of a real code can be changed."""
    assert RANDOM_BYTES * 8 >= 128
    key, alphabet = secrets.token_bytes(32), "abcdefghijklmnopqrstuvwxyz234567"
    real = new_code(key)
    assert code_hash(key, real) is not None
    tried = (base64.b32encode(secrets.token_bytes(30)).decode()[:45].lower() for _ in range(GUESSES))
    assert [code for code in tried if code_hash(key, code) is not None] == []
    beside = {f"{real[:at]}{other}{real[at + 1 :]}" for at in range(45) for other in alphabet} - {real}
    # The last character carries one bit that is no part of the code: two spellings, one link.
    assert {code_hash(key, code) for code in beside} <= {None, code_hash(key, real)}
    assert {code[:-1] for code in beside if code_hash(key, code) is not None} <= {real[:-1]}


async def test_counting_up_links_tells_nothing(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A23: random, following and almost right codes over HTTP: one answer, no entry, no row; what is kept of a code is a hash."""
    world, _, request = asked
    real = path_of(request["link"]).removeprefix("/p/")
    near = [real[:-2] + two for two in ("aa", "ab", "ba")]
    counted = [f"{n:045d}".translate(str.maketrans("0189", "aaaa")) for n in range(20)]
    drawn = [
        "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(45)) for _ in range(20)
    ]
    before = await _fingerprint(world)
    seen = set()
    for code in (
        *near,
        *counted,
        *drawn,
        "1",
        "cr_01JD0000000000000000000000",
        request["id"],
        "%00",
        real.upper() + "a",
    ):
        if code.lower() == real:
            continue
        for door in ("p", "w"):
            answer = await world.client.get(f"/{door}/{code}")
            posted = await world.client.post(f"/{door}/{code}", data={"step": "send"})
            seen |= {(one.status_code, one.text) for one in (answer, posted)}
    assert {status for status, _ in seen} == {410}
    assert len(seen) == 1
    assert await _fingerprint(world) == before
    async with world.parts.database.reading() as reading:
        row = str(await reading.raw.fetchval("SELECT t::text FROM consent_request t"))
    assert real not in row


async def test_who_only_looks_changes_nothing(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A24, N02: GET and HEAD by previews and scanners, with every sign of a prefetch, on the consent's link and on the own one: no entry,
    no row, no code sent; and the link is as good as before.
    """
    world, officer, first = asked
    await world.allows(first["link"])
    own = await _own_link(world)
    request = await world.asks(officer, await world.enrols(officer))
    before = await _fingerprint(world)
    for bot, agent in PREVIEWS.items():
        for path in (path_of(request["link"]), own):
            for more in ({}, *PREFETCH):
                headers = {"User-Agent": agent, **more}
                looked = await world.client.get(path, headers=headers)
                assert looked.status_code == 200, bot
                assert not any(secret in looked.text for secret in (NIK, NAME, PHONE, "Kartu"))
                assert (await world.client.head(path, headers=headers)).status_code in {200, 405}
    assert await _fingerprint(world) == before
    assert "Persetujuan tercatat" in (await world.allows(request["link"])).text


async def test_what_a_link_costs_to_guess(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A25: a link that five guesses ended has a successor only within the citizen's three codes an hour: fifteen guesses, then an hour of
    rest, whatever officers ask for.
    """
    world, officer, request = asked
    subject = await world.enrols(officer)
    guesses = []
    for _ in range(4):
        path, phone = path_of(request["link"]), world.browser()
        page = await phone.get(path)
        sent = await phone.post(path, data={"step": "send", "csrf": csrf_of(page)})
        guesses.append(sent.status_code)
        if sent.status_code != 303:
            break
        right = (await world.inbox("otp"))[-1]["code"]
        for n in range(1, 7):
            wrong = f"{(int(right) + n) % 1_000_000:06d}"
            last = await phone.post(path, data={"step": "code", "csrf": csrf_of(page), "code": wrong})
        assert last.status_code == 410
        request = await world.asks(officer, subject)
    assert guesses == [303, 303, 303, 403]
    wrong_ones = [e for e in await world.entries() if e["result"].get("reason") == "code_wrong"]
    assert len(wrong_ones) == 15


async def test_a_code_of_another_request_opens_nothing(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A26: the code of an older request, and of another agency's, in the same browser; each counts as a wrong try."""
    world, officer, older = asked
    phone = world.browser()
    page = await phone.get(path_of(older["link"]))
    await phone.post(path_of(older["link"]), data={"step": "send", "csrf": csrf_of(page)})
    first = (await world.inbox("otp"))[-1]["code"]
    newer = path_of((await world.asks(officer, await world.enrols(officer)))["link"])
    police = await world.officer("POLRI")
    other = path_of((await world.asks(police, await world.enrols(police), "POLRI.SIM_PERPANJANG"))["link"])
    for path in (newer, other):
        page = await phone.get(path)
        unsent = await phone.post(path, data={"step": "code", "csrf": csrf_of(page), "code": first})
        assert unsent.status_code == 422
        await phone.post(path, data={"step": "send", "csrf": csrf_of(page)})
        if (await world.inbox("otp"))[-1]["code"] != first:
            wrong = await phone.post(path, data={"step": "code", "csrf": csrf_of(page), "code": first})
            assert wrong.status_code == 422
        assert 'value="decide"' not in (await phone.get(path)).text


async def test_a_code_stands_in_its_message_only(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A26: in no page, no header, no address, no log line, and in no row as it is."""
    world, _, request = asked
    path, phone, seen = path_of(request["link"]), world.browser(), list[httpx.Response]()
    phone.event_hooks["response"] = [_keep(seen)]
    page = await phone.get(path)
    await phone.post(path, data={"step": "send", "csrf": csrf_of(page)}, follow_redirects=True)
    code = (await world.inbox("otp"))[-1]["code"]
    await phone.post(path, data={"step": "code", "csrf": csrf_of(page), "code": code}, follow_redirects=True)
    assert 'value="decide"' in seen[-1].text
    for answer in seen:
        told = f"{answer.url} {answer.headers} {re.sub(r'[0-9a-f]{64,}', '', answer.text)}"
        assert not re.search(rf"(?<!\d){code}(?!\d)", told)
    assert not any(re.search(rf"(?<![\w.]){code}(?![\w.])", line) for line in TRIPWIRE._lines)
    async with world.parts.database.reading() as reading:
        for table in ("challenge", "outbox"):
            rows = await reading.raw.fetch(f"SELECT t.* FROM {table} t")
            assert not any(
                code in str(value) for row in rows for value in row.values() if not isinstance(value, bytes)
            )
            assert not any(
                code.encode() in value for row in rows for value in row.values() if isinstance(value, bytes)
            )


def _keep(seen: list[httpx.Response]) -> Any:
    async def keep(answer: httpx.Response) -> None:
        await answer.aread()
        seen.append(answer)

    return keep


async def test_a_contact_is_not_moved_to_another_telephone(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A27: who enrols a known citizen again with the own number, or as an agency that never saw them, gets the same reference and nothing
    else: the next code goes where it went before.
    """
    world, officer, _ = asked
    police = await world.officer("POLRI")
    for somebody in (officer, police):
        again = await somebody.post(
            "/v1/subjects",
            json={"nik": NIK, "name": NAME, "contacts": [{"channel": "whatsapp", "value": "+6281277776666"}]},
        )
        assert again.status_code == 200
    request = await world.asks(police, again.json()["subject_ref"], "POLRI.SIM_PERPANJANG")
    await world.proves(world.browser(), request["link"])
    assert {message["to"] for message in await world.inbox("otp")} == {PHONE}


async def _pages(world: World, link: str) -> dict[str, httpx.Response]:
    """Every kind of page that a citizen can come to, by what it is."""
    phone, stranger, path = world.browser(), world.browser(), path_of(link)
    pages = {"start": await phone.get(path)}
    form = {"csrf": csrf_of(pages["start"])}
    pages["code"] = await phone.post(path, data={"step": "send", **form}, follow_redirects=True)
    pages["refused form"] = await stranger.post(path, data={"step": "send", **form})
    code = (await world.inbox("otp"))[-1]["code"]
    pages["wrong code"] = await phone.post(path, data={"step": "code", "code": "12", **form})
    pages["decide"] = await phone.post(
        path, data={"step": "code", "code": code, **form}, follow_redirects=True
    )
    chosen = {"step": "decide", "csrf": csrf_of(pages["decide"]), "decision": "grant", "document": "0"}
    pages["receipt"] = await phone.post(path, data=chosen)
    pages["gone"] = await stranger.get(path)
    own = await _own_link(world)
    pages["own link"] = await phone.get(own)
    pages["trail"] = await world.proves(phone, f"{world.origin}{own}")
    pages["leaving"] = await phone.post(own, data={"step": "leave", "csrf": csrf_of(pages["trail"])})
    pages["no such page"] = await phone.get("/p/a/b")
    pages["unreadable"] = await phone.post(path, data={})
    return pages


async def test_no_page_can_be_framed_or_tells_where_it_was_read(
    asked: tuple[World, Any, dict[str, Any]],
) -> None:
    """A30, A31: on each page the frame is forbidden twice, nothing foreign is loaded or linked, and nobody is told the address. The code
    stays in it: without a script a page cannot take it away, and its forms post to it; what could carry it out is forbidden instead (no
    ``Referer``, no foreign address on the page, nothing kept or indexed, and no log holds it).
    """
    world, _, request = asked
    for name, page in (await _pages(world, request["link"])).items():
        headers = page.headers
        assert headers["x-frame-options"] == "DENY", name
        assert headers["referrer-policy"] == "no-referrer", name
        assert headers["x-content-type-options"] == "nosniff", name
        assert "no-store" in headers["cache-control"], name
        if name == "leaving":
            assert headers["location"].startswith("/w/")
            continue
        policy = headers["content-security-policy"].split("; ")
        assert {
            "default-src 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
        } <= set(policy), name
        assert not any("unsafe" in part or "http" in part for part in policy), name
        assert headers["x-robots-tag"] == "noindex", name
        assert "<script" not in page.text
        addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
        assert all(
            one.startswith(("/", "?", "#", world.origin, "tel:")) and not one.startswith("//")
            for one in addresses
        ), addresses


async def test_every_step_needs_the_forms_own_token(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A30: none, empty, another browser's, another page's: refused, and nothing changed."""
    world, officer, request = asked
    consented = (await world.allows(request["link"])).status_code
    assert consented == 200
    own = await _own_link(world)
    path = path_of((await world.asks(officer, await world.enrols(officer)))["link"])
    phone, other = world.browser(), world.browser()
    await world.proves(phone, f"{world.origin}{path}")
    tokens = [
        csrf_of(await other.get(path)),
        csrf_of(await other.get(own)),
        csrf_of(await phone.get(own)),
        "",
        "0" * 64,
    ]
    state = (await officer.get(f"/v1/consent-requests/{request['id']}")).json()
    before = await _fingerprint(world)
    for token in (*tokens, None):
        sent = {} if token is None else {"csrf": token}
        decided = await phone.post(
            path, data={"step": "decide", "decision": "grant", "document": "0", **sent}
        )
        assert decided.status_code in {403, 409}
        for step in ("send", "code"):
            assert (await phone.post(path, data={"step": step, "code": "123456", **sent})).status_code == 403
        if token == tokens[2]:
            continue  # of this very page
        for step in ("send", "code", "withdraw", "withdrawn", "leave"):
            form = {"step": step, "code": "123456", "consent": state["consent_id"], **sent}
            assert (await phone.post(own, data=form)).status_code == 403, step
    assert await _fingerprint(world) == before


async def test_the_browsers_cookie(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A30: out of reach of scripts, not sent along by foreign forms; behind TLS bound to the host and to TLS."""
    world, _, request = asked
    path = path_of(request["link"])

    async def given() -> tuple[str, set[str]]:
        name, *flags = (await world.browser().get(path)).headers["set-cookie"].split("; ")
        return name.partition("=")[0], {flag.casefold() for flag in flags}

    name, flags = await given()
    assert name == "berkas-peramban"
    assert flags == {"httponly", "path=/", "samesite=lax"}
    settings = world.parts.settings.model_copy(update={"public_origin": "https://berkas.example.go.id"})
    world.app.state.parts = replace(world.parts, settings=settings)
    name, flags = await given()
    assert name == "__Host-berkas-peramban"
    assert flags == {"httponly", "path=/", "samesite=lax", "secure"}


async def test_nothing_leads_elsewhere(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A31: there is no ``return_url``. An address in any parameter that a citizen's route takes, and in some that it does not, in the query
    and in the form, and a foreign ``Host``: where a page goes on is its own path, and nothing on it leads away.
    """
    world, _, request = asked
    path, evil = path_of(request["link"]), "https://evil.example/x"
    taken = {
        parameter.alias or parameter.name
        for router in (consent.router, trail.router)
        for route in router.routes
        for parameter in (*route.dependant.query_params, *route.dependant.body_params)  # type: ignore[attr-defined]
    }
    assert {"step", "csrf", "code", "decision", "document", "consent", "before"} <= taken
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    for name in (*sorted(taken), "return_url", "next", "redirect_uri", "url", "continue"):
        phone = world.browser()
        page = await phone.get(path, params={name: evil}, headers=headers)
        form = {"step": "send", "csrf": csrf_of(page), name: evil}
        sent = await phone.post(path, params={name: evil}, data=form, headers=headers)
        for answer in (page, sent):
            assert answer.headers.get("location", path) == path, name
            assert not re.search(r'(?:href|src|action)="[^"]*evil', answer.text), name
    assert "evil.example" not in (await world.inbox("otp"))[-1]["text"]
