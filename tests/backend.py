"""An agency's back end in the tests: what it keeps, and how it signs by hand."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from auth.client_tokens import token_hash
from auth.keys import generate_signing_key, private_jwk
from exchange.deps import clock
from exchange.flows import run_clients
from tests.world import World

AGENCY = "DPMPTSP@6472"
CLIENT = "dpmptsp-oss"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def jose_key(jwk: dict[str, str]) -> ECKey:
    members: dict[str, str | list[str]] = {**jwk}
    return ECKey.import_key(members)


class Backend:
    """What an agency's back end keeps, and how it signs by hand."""

    def __init__(self, world: World, client_id: str = CLIENT) -> None:
        self.world = world
        self.client_id = client_id
        self.jwk = private_jwk(generate_signing_key("access", clock()))
        self.key = jose_key(self.jwk)
        self.proof_jwk = private_jwk(generate_signing_key("access", clock()))
        self.proof_key = jose_key(self.proof_jwk)

    @property
    def endpoint(self) -> str:
        return f"{self.world.origin}/oauth/token"

    @property
    def public(self) -> dict[str, str]:
        return {name: self.jwk[name] for name in ("kty", "crv", "x", "y")}

    async def registered(
        self,
        agency: str = AGENCY,
        scopes: Sequence[str] = ("catalog.read",),
        purposes: Sequence[str] = (),
    ) -> Backend:
        parts = self.world.parts
        await run_clients.add_client(
            parts.database,
            parts.keyring,
            parts.appender,
            client_id=self.client_id,
            agency_id=agency,
            name="OSS",
            scopes=scopes,
            purposes=purposes,
        )
        await run_clients.add_client_key(
            parts.keyring, parts.appender, client_id=self.client_id, kid=self.jwk["kid"], jwk=self.public
        )
        return self

    def assertion(self, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id, "sub": self.client_id, "aud": self.world.origin,
            "iat": now, "exp": now + 60, "jti": secrets.token_urlsafe(16),
        }  # fmt: skip
        return jwt.encode({"alg": "ES256", "kid": self.jwk["kid"]}, claims | changes, self.key)

    def proof(self, method: str, uri: str, token: str | None = None, **changes: Any) -> str:
        jwk = {name: self.proof_jwk[name] for name in ("kty", "crv", "x", "y")}
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": uri,
            "iat": int(time.time()),
        }
        claims |= {} if token is None else {"ath": token_hash(token)}
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}, claims | changes, self.proof_key)

    def form(self, **changes: str) -> dict[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": "",
        }
        return form | {"client_assertion": self.assertion()} | changes

    async def asks(self, form: dict[str, str] | None = None, *, proof: str | None = None) -> httpx.Response:
        headers = {} if proof is None else {"DPoP": proof}
        return await self.world.client.post("/oauth/token", data=form or self.form(), headers=headers)

    async def token(self, *, bound: bool = False, **form: str) -> str:
        proof = self.proof("POST", self.endpoint) if bound else None
        answer = await self.asks(self.form(**form), proof=proof)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    async def reads(
        self, authorization: str, proof: str | None = None, path: str = "/v1/services"
    ) -> httpx.Response:
        headers = {"Authorization": authorization} | ({} if proof is None else {"DPoP": proof})
        return await self.world.client.get(path, headers=headers)

    async def calls(self, method: str, path: str, token: str | None = None, **sent: Any) -> httpx.Response:
        """With a bound token, a fresh one if none is given, and a fresh proof."""
        token = token or await self.token(bound=True)
        address = f"{self.world.origin}{path.partition('?')[0]}"
        headers = {"Authorization": f"DPoP {token}", "DPoP": self.proof(method, address, token)}
        return await self.world.client.request(
            method, path, headers=headers | sent.pop("headers", {}), **sent
        )

    async def fetches(self, ticket: dict[str, Any], number: int = 0) -> httpx.Response:
        return await self.calls("GET", ticket["documents"][number]["content_url"], ticket["ticket"])

    async def ticket(self, consent_id: str) -> dict[str, Any]:
        answer = await self.calls("POST", "/v1/tickets", json={"consent_id": consent_id})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())
