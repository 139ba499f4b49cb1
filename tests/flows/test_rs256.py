"""RSA for a client that can do no better: allowed one by one, for assertions only, and gone with the next request."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import RSAKey

from auth.verdict import AccessRefused
from exchange.deps import clock
from exchange.flows import run_clients
from tests.backend import CLIENT, Backend
from tests.conftest import StoreServer
from tests.key_server import KeyServer, key_server
from tests.world import World, running_world

KID = "kunci-lama"


class OldBackend(Backend):
    """Signs its assertions with RSA; its proofs are P-256 like everybody's."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.rsa = RSAKey.generate_key(2_048, {"kid": KID}, private=True)

    @property
    def rsa_public(self) -> dict[str, Any]:
        return {name: self.rsa.as_dict(private=False)[name] for name in ("kty", "n", "e")}

    def assertion(self, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id, "sub": self.client_id, "aud": self.world.origin,
            "iat": now, "exp": now + 60, "jti": secrets.token_urlsafe(16),
        }  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": KID}, claims | changes, self.rsa, algorithms=["RS256"])

    async def may(self, *, allowed: bool) -> None:
        parts = self.world.parts
        await run_clients.set_client_rs256(
            parts.keyring, parts.appender, client_id=self.client_id, allowed=allowed
        )

    async def adds_its_key(self, **changes: Any) -> None:
        parts = self.world.parts
        await run_clients.add_client_key(
            parts.keyring, parts.appender, client_id=CLIENT, kid=KID, jwk=self.rsa_public | changes
        )


@pytest.fixture
async def old(world: World) -> OldBackend:
    backend = OldBackend(world)
    await backend.registered()
    return backend


def _refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"}), answer.text


async def test_authlib_as_it_comes(old: OldBackend) -> None:
    """Its default algorithm is RS256, and a PEM is what it takes."""
    await old.may(allowed=True)
    await old.adds_its_key()
    pem, origin = old.rsa.as_pem(private=True).decode(), old.world.origin

    def use() -> tuple[dict[str, Any], requests.Response]:
        session = OAuth2Session(
            CLIENT, pem, token_endpoint_auth_method="private_key_jwt", scope="catalog.read"
        )
        session.register_client_auth_method(PrivateKeyJWT(old.endpoint, headers={"kid": KID}))
        token = session.fetch_token(old.endpoint, grant_type="client_credentials")
        return token, session.get(f"{origin}/v1/document-types", timeout=10)

    token, answer = await asyncio.to_thread(use)
    assert (token["token_type"], answer.status_code) == ("Bearer", 200)


async def test_off_until_it_is_allowed(old: OldBackend) -> None:
    """Neither the key nor the signature; the P-256 key beside it stays as it is."""
    with pytest.raises(AccessRefused, match="client_key_refused"):
        await old.adds_its_key()
    entry = (await old.world.entries())[-1]
    assert entry["result"] == {"allowed": False, "reason": "client_key_refused"}
    _refused(await old.asks())
    await old.may(allowed=True)
    _refused(await old.asks())
    with pytest.raises(AccessRefused, match="client_key_refused"):
        await old.adds_its_key(e="Aw")
    await old.adds_its_key()
    assert (await old.asks()).status_code == 200
    ours = Backend.assertion(old)
    assert (await old.asks(old.form(client_assertion=ours))).status_code == 200
    acts = [entry.get("act") for entry in await old.world.entries()]
    assert "allow_rs256" in acts


async def test_taken_back_with_the_next_request(old: OldBackend) -> None:
    """Assertions, and the tokens that they got (A15); given again, the key counts again."""
    await old.may(allowed=True)
    await old.adds_its_key()
    token = await old.token(bound=True)
    assert (await old.calls("GET", "/v1/services", token)).status_code == 200
    await old.may(allowed=False)
    _refused(await old.asks())
    ended = await old.calls("GET", "/v1/services", token)
    assert (ended.status_code, ended.json()["code"]) == (401, "BK-1010")
    assert (await old.world.entries())[-1]["act"] == "forbid_rs256"
    await old.may(allowed=True)
    assert (await old.calls("GET", "/v1/services", token)).status_code == 200
    with pytest.raises(AccessRefused, match="client_unknown"):
        nobody = OldBackend(old.world)
        nobody.client_id = "nobody"
        await nobody.may(allowed=True)


async def test_the_metadata_promise_what_everybody_has(old: OldBackend) -> None:
    told = (await old.world.client.get("/.well-known/oauth-authorization-server")).json()
    await old.may(allowed=True)
    for endpoint in ("token", "revocation", "introspection"):
        assert told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] == ["ES256"]
    assert told["dpop_signing_alg_values_supported"] == ["ES256"]
    assert (await old.world.client.get("/.well-known/oauth-authorization-server")).json() == told


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[KeyServer]:
    async with key_server(tmp_path) as running:
        yield running


async def test_found_at_an_address(
    database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path, server: KeyServer
) -> None:
    """Taken only while it is allowed: with the permission it comes, with its end it goes."""
    allowed = {"outbound_allow": f"localhost:{server.port}", "outbound_ca_file": server.certificate}
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, **allowed
    ) as world:
        old, parts = OldBackend(world), world.parts
        await old.registered()
        server.publishes({**old.rsa_public, "kid": KID, "use": "sig", "alg": "RS256"})
        await run_clients.set_client_jwks_uri(
            parts.keyring, parts.appender, parts.guarded, client_id=CLIENT, uri=server.uri
        )
        for may in (False, True, False, True):
            await old.may(allowed=may)
            assert await parts.client_keys.refresh(CLIENT, clock()) == ""
            if may:
                assert (await old.asks()).status_code == 200
            else:
                _refused(await old.asks())
        taken = [
            (entry["taken"], entry["ended"]) for entry in await world.entries() if entry.get("act") == "fetch"
        ]
        assert [([key["kid"] for key in keys], ended) for keys, ended in taken] == [
            ([], []), ([KID], []), ([], [KID]), ([KID], []),
        ]  # fmt: skip
