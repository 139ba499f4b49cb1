"""Officers sign in at the office's provider: who gets in, who does not, and every way to come back that is not theirs."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from exchange.deps import clock
from exchange.flows import link_identity, run_officers, run_site
from tests.provider import (
    CLIENT_ID,
    SID,
    SIGNER,
    SUBJECT,
    Provider,
    comes_back,
    goes_to_provider,
    links,
    provider_fixture,
    signs_in,
    world_with_provider,
)
from tests.world import World

__all__ = ["provider_fixture", "world_with_provider"]


async def sessions(world: World) -> int:
    async with world.parts.database.reading() as reading:
        return int(await reading.raw.fetchval("SELECT count(*) FROM session WHERE ended_at IS NULL"))


async def refused(
    world: World, answer: httpx.Response, status: int, code: str, *, sessions_before: int = 1
) -> None:
    """A problem document, no session, no cookie of one."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "berkas=" not in answer.headers.get("set-cookie", "")
    assert await sessions(world) == sessions_before


async def test_an_officer_signs_in(world: World, provider: Provider) -> None:
    officer = await world.officer()
    await links(world, officer)
    browser = world.browser()
    answer = await signs_in(world, browser)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert "Anda sudah masuk" in answer.text
    assert "berkas-sso" not in browser.cookies, "what was begun is over"
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("berkas="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    shown = await browser.get("/v1/session")
    assert shown.headers["cache-control"] == "no-store"
    body = shown.json()
    assert body["officer"]["agency"] == "DPMPTSP@6472"
    assert body["provider_logout"] == f"{provider.issuer}/logout?client_id={CLIENT_ID}"
    act = await browser.post(
        "/v1/subjects",
        json={"nik": "6472091708909901", "name": "Warga Contoh"},
        headers={"X-CSRF-Token": body["csrf"]},
    )
    assert act.status_code == 201, "the token of a page that did not sign in itself"
    entry = [entry for entry in await world.entries() if entry.get("act") == "sign_in"][-1]
    assert entry["way"] == "oidc"
    assert entry["result"] == {"allowed": True}
    assert "provider_logout" not in (await officer.get("/v1/session")).json(), "this one came with a password"


async def test_what_the_provider_is_asked(world: World, provider: Provider) -> None:
    begun = await world.browser().get("/v1/session/oidc")
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert query["redirect_uri"] == f"{world.origin}/v1/session/oidc/callback"
    assert query["acr_values"] == "2 3"
    assert len(query["state"]) >= 43
    assert len(query["nonce"]) >= 43
    cookie = begun.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=600" in cookie
    assert query["state"] not in cookie, "it is sealed"
    assert begun.headers["cache-control"] == "no-store"


async def test_nothing_may_say_where_to_go_on(world: World) -> None:
    """No open redirect: there is no parameter for it, and what the answer links to is ours."""
    officer = await world.officer()
    await links(world, officer)
    browser = world.browser()
    names = ("next", "redirect", "redirect_uri", "return_to", "url", "continue")
    asked = dict.fromkeys(names, "https://evil.example/")
    begun = await browser.get("/v1/session/oidc", params=asked)
    assert "evil" not in begun.headers["location"]
    browser.cookies.clear()
    answer = await comes_back(browser, await goes_to_provider(browser), **asked)
    assert answer.status_code == 200
    assert "evil" not in answer.text + str(answer.headers)


async def test_somebody_nobody_linked(world: World) -> None:
    """403, no entry: every subject of a national provider could write one. Neither address nor user name links anybody."""
    officer = await world.officer(name="petugas")
    before = len(await world.entries())
    await refused(world, await signs_in(world), 403, "BK-1024")
    assert len(await world.entries()) == before
    await links(world, officer, "somebody-else")
    await refused(world, await signs_in(world), 403, "BK-1024")


async def test_a_browser_reads_a_page(world: World) -> None:
    browser = world.browser()
    browser.headers["accept"] = "text/html,*/*;q=0.8"
    page = await signs_in(world, browser)
    assert page.status_code == 403
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    assert "BK-1024" in page.text
    assert "ditautkan" in page.text


@pytest.mark.parametrize("why", ["officer", "agency", "agreement", "locked", "unlinked"])
async def test_who_may_not_sign_in(world: World, why: str) -> None:
    """The same answer for each, the reason in the ledger. Wrong version: linked is enough."""
    officer = await world.officer()
    await links(world, officer)
    parts = world.parts
    three = (parts.database, parts.keyring, parts.appender)
    if why == "officer":
        await run_officers.set_active(
            parts.keyring,
            parts.appender,
            officer_id=await run_officers.id_of(parts.database, officer.username),
            active=False,
        )
    elif why == "agency":
        await run_site.set_agency_active(
            parts.keyring, parts.appender, agency_id=officer.agency, active=False
        )
    elif why == "agreement":
        await run_site.set_agreement(parts.keyring, parts.appender, agency_id=officer.agency, until=clock())
    elif why == "locked":
        for number in range(10):
            await world.client.post(
                "/v1/session", json={"username": officer.username, "password": f"x{number}"}
            )
    else:
        await link_identity.unlink(*three, username=officer.username)
    ended = int(why in {"unlinked", "officer"})
    await refused(world, await signs_in(world), 403, "BK-1024", sessions_before=1 - ended)
    entry = (await world.entries())[-1]
    reasons = {"locked": "sign_in_locked", "unlinked": "identity_unlinked"}
    assert entry["way"] == "oidc"
    assert entry["result"] == {"allowed": False, "reason": reasons.get(why, "sign_in_failed")}
    if why == "locked":
        await run_officers.unlock(
            parts.keyring,
            parts.appender,
            officer_id=await run_officers.id_of(parts.database, officer.username),
        )
        assert (await signs_in(world)).status_code == 200


OTHER_ANSWERS = [
    {"state": "x" * 43},
    {"state": ""},
    {"iss": "https://evil.example"},
    {"iss": ""},
    {"code": ""},
    {"code": "invented"},
    {"error": "access_denied"},
]


async def test_another_answer_than_was_asked_for(world: World) -> None:
    """State, mix-up (RFC 9207: the provider says that it always names itself), a code of nobody, a person who declined."""
    officer = await world.officer()
    await links(world, officer)
    before = len(await world.entries())
    for change in OTHER_ANSWERS:
        browser = world.browser()
        back = await goes_to_provider(browser)
        await refused(world, await comes_back(browser, back, **change), 400, "BK-1025")
    assert len(await world.entries()) == before, "anonymous callers grow no ledger"
    assert (await signs_in(world)).status_code == 200


async def test_a_wrong_state_never_reaches_the_provider(world: World, provider: Provider) -> None:
    browser = world.browser()
    back = await goes_to_provider(browser)
    await comes_back(browser, back, state="x" * 43)
    assert "/token" not in provider.asked


async def test_a_provider_that_never_names_itself(world: World, provider: Provider) -> None:
    officer = await world.officer()
    await links(world, officer)
    provider.metadata["authorization_response_iss_parameter_supported"] = False
    browser = world.browser()
    back = await goes_to_provider(browser)
    await refused(world, await comes_back(browser, back, iss="https://evil.example"), 400, "BK-1025")
    back = await goes_to_provider(browser)
    assert (await comes_back(browser, back, iss="")).status_code == 200


async def test_the_callback_of_another_browser(world: World, provider: Provider) -> None:
    """Login CSRF: an attacker's link signs nobody in as the attacker. Wrong version: whoever brings a code is answered."""
    officer = await world.officer()
    await links(world, officer)
    attacker, victim = world.browser(), world.browser()
    back = await goes_to_provider(attacker)
    await refused(world, await comes_back(victim, back), 400, "BK-1025")
    await goes_to_provider(victim)  # also when the victim has begun something too
    await refused(world, await comes_back(victim, back), 400, "BK-1025")
    assert "/token" not in provider.asked, "PKCE and nonce would stop it too; it does not come to that"


@pytest.mark.parametrize("forgets", [True, False])
async def test_an_answer_counts_once(world: World, provider: Provider, forgets: bool) -> None:
    """Also when the provider takes a code twice. Wrong version: single use is left to the provider."""
    officer = await world.officer()
    await links(world, officer)
    provider.forgets_codes = forgets
    browser = world.browser()
    back = await goes_to_provider(browser)
    kept = dict(browser.cookies)
    assert (await comes_back(browser, back)).status_code == 200
    again = world.browser()
    again.cookies.update(kept)
    await refused(world, await comes_back(again, back), 400, "BK-1025", sessions_before=2)


async def test_what_was_begun_is_over_after_ten_minutes(
    world: World, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the browser keeps its cookie."""
    officer = await world.officer()
    await links(world, officer)
    provider.claims["exp"] = int(clock().timestamp()) + 3_600
    for late_s, status in ((605, 400), (595, 200)):
        browser = world.browser()
        back = await goes_to_provider(browser)
        late = clock() + timedelta(seconds=late_s)
        with monkeypatch.context() as patched:
            patched.setattr("exchange.routes.oidc.clock", lambda late=late: late)
            answer = await comes_back(browser, back)
        assert answer.status_code == status, late_s


async def test_a_cookie_that_is_not_ours(world: World, provider: Provider) -> None:
    for cookie in ("", "x", "AAAA", "A" * 400, "ä"):
        browser = world.browser()
        parts = urlsplit(await goes_to_provider(browser))
        browser.cookies.clear()
        answer = await browser.get(
            f"{parts.path}?{parts.query}", headers=[(b"cookie", f"berkas-sso={cookie}".encode())]
        )
        await refused(world, answer, 400, "BK-1025", sessions_before=0)
    assert "/token" not in provider.asked


WRONG_TOKENS: list[dict[str, Any]] = [
    {"claims": {"iss": "https://evil.example"}},
    {"claims": {"aud": "another"}},
    {"claims": {"aud": [CLIENT_ID, "another"]}, "left_out": ("azp",)},
    {"claims": {"nonce": "another"}},
    {"left_out": ("nonce",)},
    {"claims": {"exp": 1_700_000_000, "iat": 1_700_000_000}},
    {"left_out": ("acr",)},
    {"claims": {"acr": "1"}},
    {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
    {"claims": {"sub": "tidak sah"}},
    {"header": {"alg": "none"}},
    {"header": {"alg": "HS256"}},
    {"header": {"kid": "kunci-lain"}},
    {"header": {"kid": "kunci-RS256"}},
    {"header": {"kid": None}},
    {"algorithm": "ES512"},
]


async def test_an_id_token_that_is_not_right(
    world: World, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the whole way; each wrong thing for itself is in tests/auth/test_id_tokens.py."""
    officer = await world.officer()
    await links(world, officer)
    for wrong in WRONG_TOKENS:
        with monkeypatch.context() as patched:
            for name, value in wrong.items():
                patched.setattr(provider, name, value)
            await refused(world, await signs_in(world), 400, "BK-1025")
    provider.algorithm = "RS256"
    assert (await signs_in(world)).status_code == 200


async def test_a_key_that_turned(world: World, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown kid asks once more, and invented ones ask no more often than every half minute."""
    officer = await world.officer()
    await links(world, officer)
    provider.jwks = [SIGNER.jwk("RS256")]
    await refused(world, await signs_in(world), 400, "BK-1025")
    provider.jwks = [SIGNER.jwk("ES256")]
    for _ in range(3):
        await refused(world, await signs_in(world), 400, "BK-1025")
    assert provider.asked.count("/keys") == 1
    monkeypatch.setattr("exchange.identity_provider.KEYS_AGAIN_AFTER_S", 0.0)
    for _ in range(3):
        assert (await signs_in(world)).status_code == 200
    assert provider.asked.count("/keys") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


async def test_the_only_key_needs_no_name(world: World, provider: Provider) -> None:
    """OpenID Connect Core 10.1; with a second one it does."""
    officer = await world.officer()
    await links(world, officer)
    provider.header = {"kid": None}
    provider.jwks = [SIGNER.jwk("ES256"), {**SIGNER.jwk("RS256"), "use": "enc"}]
    assert (await signs_in(world)).status_code == 200


async def test_parallel_sign_ins_ask_once(world: World, provider: Provider) -> None:
    officer = await world.officer()
    await links(world, officer)
    answers = await asyncio.gather(*(signs_in(world) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert provider.asked.count("/keys") == 1
    assert provider.asked.count("/.well-known/openid-configuration") == 1
    async with world.parts.database.reading() as reading:
        named = await reading.raw.fetchval(
            "SELECT count(DISTINCT id) FROM session WHERE provider_session = $1", f"{provider.issuer} {SID}"
        )
    assert named == 8
    assert SUBJECT not in str(await world.entries())
