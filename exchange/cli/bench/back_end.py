"""Who else acts in a bench: an agency's back end, with a client, a key for its tokens, and a fresh proof for each call."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import orjson

from auth.client_tokens import token_hash
from auth.keys import SigningKey, bare_jwk, generate_signing_key, thumbprint
from auth.scopes import TICKETS
from auth.tokens import signed_as_is
from exchange.cli.bench.load import Call, Generator
from exchange.cli.bench.people import AGENCY
from exchange.cli.bench.world import SITE
from exchange.deps import Parts, clock
from exchange.flows import run_clients

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TOKEN_PATH = "/oauth/token"  # noqa: S105 - an address


class BackEnd:
    """One client. Proofs are made before the clock starts and count for a minute."""

    def __init__(self, origin: str, client_id: str, key: SigningKey) -> None:
        self._origin = origin
        self._client_id = client_id
        self._key = key
        self._proof_key = generate_signing_key("access", clock())
        self._token = ""

    @property
    def jkt(self) -> str:
        return thumbprint(self._proof_key.private_key.public_key())

    async def arrive(self, generator: Generator) -> None:
        """A new access token; it lives for five minutes."""
        load = await generator.run(self._origin, [self.token_call()], 1, keep_bodies=True)
        self._token = orjson.loads(load.bodies[0])["access_token"]

    def asking(self, path: str) -> dict[str, str]:
        return self._shown("POST", path, self._token)

    def redeeming(self, path: str, ticket: str) -> dict[str, str]:
        return self._shown("GET", path, ticket)

    def token_call(self) -> Call:
        """For a bound access token, with an assertion and a proof that were not used."""
        now_s = int(clock().timestamp())
        who = {"iss": self._client_id, "sub": self._client_id, "aud": self._origin}
        claims = {**who, "iat": now_s, "exp": now_s + 300, "jti": secrets.token_urlsafe(16)}
        header = {"alg": "ES256", "typ": "JWT", "kid": self._key.kid}
        form = {
            "grant_type": "client_credentials",
            "scope": TICKETS,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": signed_as_is(orjson.dumps(header), orjson.dumps(claims), self._key),
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "DPoP": self._proof("POST", _TOKEN_PATH),
        }
        return Call(_TOKEN_PATH, headers, "POST", urlencode(form))

    def _shown(self, method: str, path: str, token: str) -> dict[str, str]:
        return {"Authorization": f"DPoP {token}", "DPoP": self._proof(method, path, ath=token_hash(token))}

    def _proof(self, method: str, path: str, **claims: Any) -> str:
        header = {
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": bare_jwk(self._proof_key.private_key.public_key()),
        }
        about = {"htm": method, "htu": self._origin + path, "iat": int(clock().timestamp())}
        payload = {**about, "jti": secrets.token_urlsafe(16), **claims}
        return signed_as_is(orjson.dumps(header), orjson.dumps(payload), self._proof_key)


async def open_back_end(parts: Parts, scopes: Iterable[str] = (TICKETS,)) -> BackEnd:
    """A new client of the bench's agency."""
    key = generate_signing_key("access", clock())
    client_id = f"bench-{hashlib.sha256(key.kid.encode()).hexdigest()[:8]}"
    await run_clients.add_client(
        parts.database,
        parts.keyring,
        parts.appender,
        client_id=client_id,
        agency_id=f"{AGENCY}@{SITE}",
        name="Bench",
        scopes=list(scopes),
    )
    await run_clients.add_client_key(
        parts.keyring,
        parts.appender,
        client_id=client_id,
        kid=key.kid,
        jwk=bare_jwk(key.private_key.public_key()),
    )
    return BackEnd(parts.settings.origin, client_id, key)
