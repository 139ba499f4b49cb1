"""An identity provider of our own, real on loopback, that answers as a test wants it to: well, or with every wrong thing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from pydantic import SecretStr

from exchange.flows import link_identity
from tests.conftest import StoreServer
from tests.world import CANARIES, OfficerAt, World, running_world

CLIENT_ID = "berkas-samarinda"
CLIENT_SECRET = "rahasia klien & +percobaan"
SUBJECT = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
SID = "08a5019c-17e1-4977-8f42-65a12843ea02"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
CANARIES.add(CLIENT_SECRET)


def segment(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def half_hash(text: str, name: str = "sha256") -> str:
    digest = hashlib.new(name, text.encode()).digest()
    return segment(digest[: len(digest) // 2])


def without(claims: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in names}


@dataclass
class Signer:
    """Keys of all three kinds, and a token signed with one of them."""

    keys: dict[str, RSAKey | ECKey] = field(
        default_factory=lambda: {
            "RS256": RSAKey.generate_key(2048),
            "ES256": ECKey.generate_key("P-256"),
            "ES512": ECKey.generate_key("P-521"),
        }
    )

    def jwk(self, algorithm: str) -> dict[str, Any]:
        return {
            **self.keys[algorithm].as_dict(private=False),
            "kid": f"kunci-{algorithm}",
            "use": "sig",
            "alg": algorithm,
        }

    def token(self, claims: dict[str, Any], algorithm: str = "ES256", **header: Any) -> str:
        whole = {"alg": algorithm, "kid": f"kunci-{algorithm}", **header}
        head = segment({name: value for name, value in whole.items() if value is not None})
        body = segment(claims)
        # Past the library's own look at the header: what it would not write must be seen refused.
        model = jws.JWSRegistry(algorithms=[algorithm]).get_alg(algorithm)
        signature = model.sign(f"{head}.{body}".encode(), self.keys[algorithm])
        return f"{head}.{body}.{segment(signature)}"


SIGNER = Signer()


@dataclass
class Provider:
    """``claims``, ``metadata`` and ``answer`` replace members; ``faults`` maps a path to a handler that answers instead."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    header: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "ES256"
    metadata: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    jwks: list[dict[str, Any]] = field(default_factory=lambda: [SIGNER.jwk("ES256"), SIGNER.jwk("RS256")])
    faults: dict[str, Any] = field(default_factory=dict)
    forgets_codes: bool = True
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> web.Application:
        @web.middleware
        async def faulty(request: web.Request, handler: Any) -> web.StreamResponse:
            self.asked.append(request.path)
            answer: web.StreamResponse = await self.faults.get(request.path, handler)(request)
            return answer

        app = web.Application(middlewares=[faulty])
        app.router.add_get("/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        return app

    async def _metadata(self, _request: web.Request) -> web.Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?realm=mpp",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
            "authorization_response_iss_parameter_supported": True,
        }
        return web.json_response(document | self.metadata)

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": self.jwks})

    async def _authorize(self, request: web.Request) -> web.Response:
        """As if the person had signed in: what was asked is kept, and the browser goes back."""
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["scope"] == "openid"
        assert asked["realm"] == "mpp"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(24)
        CANARIES.update({code, asked["state"], asked["nonce"]})
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer, "session_state": "x"}
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        asked = self.codes.get(str(form["code"]))
        if self.forgets_codes:
            self.codes.pop(str(form["code"]), None)
        challenge = segment(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        name = f"{CLIENT_ID}:rahasia+klien+%26+%2Bpercobaan"
        if request.headers["Authorization"] != f"Basic {base64.b64encode(name.encode()).decode()}":
            return web.json_response({"error": "invalid_client"}, status=401)
        if (
            asked is None
            or challenge != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        access = secrets.token_urlsafe(24)
        return web.json_response(
            {
                "access_token": access,
                "token_type": "Bearer",
                "id_token": self.id_token(asked["nonce"], access),
            }
            | self.answer
        )

    def id_token(self, nonce: str, access_token: str) -> str:
        now_s = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "iat": now_s,
            "exp": now_s + 300,
            "nonce": nonce,
            "at_hash": half_hash(access_token, "sha512" if self.algorithm == "ES512" else "sha256"),
            "sid": SID,
            "acr": "2",
            "preferred_username": "petugas.dpmptsp",
            "email": "petugas@contoh.go.id",
        }
        return SIGNER.token(without(claims | self.claims, *self.left_out), self.algorithm, **self.header)

    def logout_token(self, **changes: Any) -> str:
        now_s = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now_s,
            "exp": now_s + 120,
            "jti": secrets.token_urlsafe(16),
            "sub": SUBJECT,
            "events": {LOGOUT_EVENT: {}},
        }
        header = {"typ": "logout+jwt", **changes.pop("header", {})}
        left = without(claims | changes, *(name for name, value in changes.items() if value is None))
        return SIGNER.token(left, self.algorithm, **header)


@asynccontextmanager
async def running_provider() -> AsyncIterator[Provider]:
    provider = Provider()
    runner = web.AppRunner(provider.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()


@pytest.fixture(name="provider")
async def provider_fixture() -> AsyncIterator[Provider]:
    async with running_provider() as running:
        yield running


def oidc_settings(issuer: str) -> dict[str, Any]:
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SecretStr(CLIENT_SECRET),
        "oidc_acr": "2 3",
    }


@pytest.fixture(name="world")
async def world_with_provider(
    provider: Provider, database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[World]:
    """In the place of ``world``, for the module that imports it."""
    settings = oidc_settings(provider.issuer)
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, **settings
    ) as running:
        yield running


async def links(world: World, officer: OfficerAt, subject: str = SUBJECT) -> None:
    parts = world.parts
    await link_identity.link(
        parts.database, parts.keyring, parts.appender,
        username=officer.username, issuer=parts.settings.oidc_issuer, subject=subject,
    )  # fmt: skip


async def goes_to_provider(browser: httpx.AsyncClient) -> str:
    """Begin, sign in there; the address that the provider sends the browser back to."""
    begun = await browser.get("/v1/session/oidc")
    assert begun.status_code == 302, begun.text
    CANARIES.update(value for name, value in browser.cookies.items() if name == "berkas-sso")
    async with httpx.AsyncClient() as elsewhere:
        there = await elsewhere.get(begun.headers["location"])
    assert there.status_code == 302, there.text
    return str(there.headers["location"])


async def comes_back(browser: httpx.AsyncClient, address: str, **changes: str) -> httpx.Response:
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    answer = await browser.get(parts.path, params={name: value for name, value in query.items() if value})
    CANARIES.update(value for name, value in browser.cookies.items() if name == "berkas")
    return answer


async def signs_in(world: World, browser: httpx.AsyncClient | None = None) -> httpx.Response:
    browser = browser or world.browser()
    return await comes_back(browser, await goes_to_provider(browser))


async def slowly(_request: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()
