"""A provider that is away, broken or hostile: a clear 503, at once, nothing changed, and the next answer counts again."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from auth.verdict import AccessRefused
from exchange.identity_provider import IdentityProvider, Registration
from tests.provider import (
    Provider,
    comes_back,
    goes_to_provider,
    links,
    provider_fixture,
    signs_in,
    slowly,
    world_with_provider,
)
from tests.storage.self_signed import make_certificate
from tests.world import World

__all__ = ["provider_fixture", "world_with_provider"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
METADATA = "/.well-known/openid-configuration"
HUGE = b'{"a": "' + b"x" * 200_000 + b'"}'


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.identity_provider.QUIET_S", 0.0)
    monkeypatch.setattr("exchange.identity_provider.METADATA_LIFE_S", -1.0)
    monkeypatch.setattr("exchange.identity_provider.KEYS_LIFE_S", -1.0)


def answers(status: int = 200, body: bytes = b"{}", **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return answer


async def cuts(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "5000"})
    await response.prepare(request)
    await response.write(b'{"issuer": "')
    assert request.transport is not None
    request.transport.close()
    return response


async def trickles(request: web.Request) -> web.StreamResponse:
    """A byte now and then: no single read is slow."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(100):
        await response.write(b" ")
        await asyncio.sleep(0.05)
    return response


async def lures(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": f"http://{request.host}/lured"})


FAULTS = {
    "500": answers(500),
    "404": answers(404),
    "empty": answers(200, b""),
    "not JSON": answers(200, b"<html>"),
    "a list": answers(200, b"[]"),
    "deep": answers(200, b'{"a":' + b"[" * 60_000 + b"]" * 60_000 + b"}"),
    "not UTF-8": answers(200, b'{"a": "\xff"}'),
    "huge": answers(200, HUGE),
    "a bomb": answers(200, gzip.compress(HUGE * 50), **{"Content-Encoding": "gzip"}),
    "cut": cuts,
    "trickles": trickles,
    "slow": slowly,
    "redirect": lures,
}


async def away(world: World, answer: httpx.Response, what: str = "") -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "BK-5007"), (what, answer.text)
    assert answer.json()["retryable"] is True
    async with world.parts.database.reading() as reading:
        assert (
            await reading.raw.fetchval("SELECT count(*) FROM session WHERE provider_session IS NOT NULL") == 0
        )


@pytest.mark.parametrize("path", [METADATA, "/token", "/keys"])
async def test_it_answers_badly(
    world: World, provider: Provider, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("exchange.identity_provider.TIMEOUT_S", 0.4)
    officer = await world.officer()
    await links(world, officer)
    for fault, answer in FAULTS.items():
        browser = world.browser()
        back = await goes_to_provider(browser)
        provider.faults[path] = answer
        began_s = time.monotonic()
        if path == METADATA:
            await away(world, await browser.get("/v1/session/oidc"), fault)
        else:
            await away(world, await comes_back(browser, back), fault)
        assert time.monotonic() - began_s < 3, f"bounded, however it is slow: {fault}"
        provider.faults.clear()
    assert "/lured" not in provider.asked, "a redirect is not followed"
    assert (await officer.get("/v1/services")).status_code == 200, "everybody else goes on"
    assert (await signs_in(world)).status_code == 200


async def test_nobody_is_there() -> None:
    gone = Registration("http://127.0.0.1:9", "a", "b", "http://127.0.0.1/back", frozenset({"ES256"}), ())
    with pytest.raises(AccessRefused, match="provider_unavailable"):
        await IdentityProvider(gone).metadata()


async def test_a_certificate_of_nobody(tmp_path: Path) -> None:
    """TLS is verified. Wrong version: any certificate will do, and whoever sits in between reads the secret."""
    certificate, key = make_certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[str] = []

    async def metadata(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.json_response({})

    app = web.Application()
    app.router.add_get(METADATA, metadata)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    issuer = f"https://localhost:{runner.addresses[0][1]}"
    registration = Registration(issuer, "a", "b", "http://127.0.0.1/back", frozenset({"ES256"}), ())
    with pytest.raises(AccessRefused, match="provider_unavailable"):
        await IdentityProvider(registration).metadata()
    await runner.cleanup()
    assert heard == []


@pytest.mark.parametrize("secure", [True, False])
def test_an_issuer_behind_tls_names_no_plain_address(*, secure: bool) -> None:
    issuer = "https://sso.contoh.go.id" if secure else "http://sso.contoh.go.id"
    there = IdentityProvider(Registration(issuer, "a", "b", "https://b/back", frozenset({"ES256"}), ()))
    document = {
        "issuer": issuer,
        "authorization_endpoint": "https://sso.contoh.go.id/a",
        "token_endpoint": "http://sso.contoh.go.id/t",
        "jwks_uri": "https://sso.contoh.go.id/k",
    }
    if secure:
        with pytest.raises(AccessRefused, match="provider_unavailable"):
            there._read(document)
    else:
        assert there._read(document).token_endpoint == "http://sso.contoh.go.id/t"


async def test_metadata_that_cannot_be(world: World, provider: Provider) -> None:
    changes: list[dict[str, object]] = [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"token_endpoint": "http://user:secret@127.0.0.1/token"},
        {"token_endpoint": "http://[::1/token"},
        {"jwks_uri": "/keys"},
        {"jwks_uri": 7},
        {"end_session_endpoint": "data:text/html,x"},
    ]
    for change in changes:
        provider.metadata = change
        await away(world, await world.browser().get("/v1/session/oidc"), str(change))
    provider.metadata = {}
    assert (await world.browser().get("/v1/session/oidc")).status_code == 302


async def test_a_token_answer_without_what_it_is_for(world: World, provider: Provider) -> None:
    officer = await world.officer()
    await links(world, officer)
    answers: list[dict[str, object]] = [
        {"id_token": None}, {"id_token": 7}, {"id_token": ["x"]}, {"access_token": 7},
    ]  # fmt: skip
    for answer in answers:
        provider.answer = answer
        await away(world, await signs_in(world), str(answer))


async def test_keys_that_are_none(world: World, provider: Provider) -> None:
    officer = await world.officer()
    await links(world, officer)
    lists: list[list[Any]] = [
        [], [7, None, "x"], [{"kid": 7}], [{"kid": "kunci-ES256"}],
        [{"kid": "kunci-ES256", "kty": "oct", "k": "AA"}],
    ]  # fmt: skip
    for jwks in lists:
        provider.jwks = jwks
        answer = await signs_in(world)
        assert (answer.status_code, answer.json()["code"]) == (400, "BK-1025"), jwks


async def test_who_waits_waits_once(
    world: World, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong version: thirty browsers stand in one line, each with its own timeout."""
    monkeypatch.setattr("exchange.identity_provider.TIMEOUT_S", 0.3)
    monkeypatch.setattr("exchange.identity_provider.QUIET_S", 3.0)
    provider.faults[METADATA] = slowly
    began_s = time.monotonic()
    calls = await asyncio.gather(*(world.browser().get("/v1/session/oidc") for _ in range(30)))
    assert {answer.status_code for answer in calls} == {503}
    assert time.monotonic() - began_s < 3
    assert provider.asked.count(METADATA) == 1


async def test_a_wrong_secret_is_the_operators_business(world: World, provider: Provider) -> None:
    provider.faults["/token"] = answers(401, b'{"error": "invalid_client"}')
    await away(world, await signs_in(world))


async def test_the_logout_address_of_a_provider_that_is_away(world: World, provider: Provider) -> None:
    """Who is signed in is told without it."""
    officer = await world.officer()
    await links(world, officer)
    browser = world.browser()
    await comes_back(browser, await goes_to_provider(browser))
    assert "provider_logout" in (await browser.get("/v1/session")).json()
    provider.faults[METADATA] = answers(500)
    shown = await browser.get("/v1/session")
    assert shown.status_code == 200
    assert "provider_logout" not in shown.json()
