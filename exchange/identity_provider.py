"""An identity provider, the office's own or the citizens', as its client sees it: metadata, keys, the exchange of a code (OpenID Connect Core 1.0,
Discovery 1.0). It moves bytes; what a token is worth is said by ``auth.id_tokens``.

The operator names the issuer, so an address inside of the office's network is as good as any. What comes back is a
stranger's: a few seconds, a few kilobytes, no redirect, no address of another scheme.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp

from auth.verdict import AccessRefused

TIMEOUT_S = 3.0
BODY_LIMIT_BYTES = 131_072
AT_ONCE = 16  # who sends codes of nobody keeps the others waiting, and holds no more connections than these
METADATA_LIFE_S = 3_600.0
KEYS_LIFE_S = 600.0
KEYS_AGAIN_AFTER_S = 30.0  # whoever invents key ids makes us ask no more often
QUIET_S = 3.0  # who waits for one that is away waits once, not behind everybody who asked before
_log = logging.getLogger("berkas.provider")


@dataclass(frozen=True, slots=True)
class Registration:
    """What the provider and we have agreed on. ``acr``: the classes of authentication of which one is required."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    algorithms: frozenset[str]
    acr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Discovery 3. ``names_itself``: its answers carry ``iss`` (RFC 9207)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    names_itself: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was exchanged for; nothing of it is believed yet."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider sent the browser back with; empty for what was not there."""

    state: str
    code: str
    issuer: str
    error: str


class IdentityProvider:
    """Asked when it is needed, not at the start: whether it answers says nothing about whether we can serve."""

    def __init__(self, registration: Registration) -> None:
        self.registration = registration
        self._asking = asyncio.Lock()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._metadata: Metadata | None = None
        self._metadata_at_s = float("-inf")
        self._keys: list[Mapping[str, Any]] = []
        self._keys_at_s = float("-inf")
        self._quiet_until_s = float("-inf")

    async def metadata(self) -> Metadata:
        """Kept for an hour. Raises ``AccessRefused`` when the provider does not answer, or as somebody else."""
        async with self._asking:
            if self._metadata is None or time.monotonic() - self._metadata_at_s > METADATA_LIFE_S:
                issuer = self.registration.issuer
                address = issuer.rstrip("/") + "/.well-known/openid-configuration"
                self._metadata = self._read(await self._learnt(address))
                self._metadata_at_s = time.monotonic()
            return self._metadata

    async def key(self, kid: str) -> Mapping[str, Any] | None:
        """The provider's public JWK of this id; with an empty one its only key, if it has no other (Core 10.1). Keys are kept for
        ten minutes; for one that is unknown they are asked for once more. Raises ``AccessRefused``.
        """
        address = (await self.metadata()).jwks_uri
        async with self._asking:
            age_s = time.monotonic() - self._keys_at_s
            if age_s > KEYS_LIFE_S or (self._key(kid) is None and age_s > KEYS_AGAIN_AFTER_S):
                listed = (await self._learnt(address)).get("keys")
                self._keys = [
                    key
                    for key in (listed if type(listed) is list else [])
                    if type(key) is dict and key.get("use", "sig") == "sig"
                ]
                self._keys_at_s = time.monotonic()
            return self._key(kid)

    def _key(self, kid: str) -> Mapping[str, Any] | None:
        meant = [key for key in self._keys if not kid or key.get("kid") == kid]
        return meant[0] if len(meant) == 1 else None

    async def exchange(self, code: str, verifier: str) -> Tokens:
        """Core 3.1.3, RFC 7636 4.5. Raises ``AccessRefused``: ``sign_in_unfinished`` when the provider does not know the code."""
        ours = self.registration
        # RFC 6749 2.3.1: both are form-encoded before they are joined.
        name = f"{quote_plus(ours.client_id)}:{quote_plus(ours.client_secret)}".encode()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": ours.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {
            "Authorization": f"Basic {b64encode(name).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        address = (await self.metadata()).token_endpoint
        answer = await self._asked("POST", address, body=urlencode(form).encode(), headers=headers)
        id_token, access_token = answer.get("id_token"), answer.get("access_token", "")
        if type(id_token) is not str or type(access_token) is not str:
            raise _away("no id token")
        return Tokens(id_token, access_token)

    async def authorization(self, **parameters: str) -> str:
        """Where the browser is sent to sign in."""
        return _with((await self.metadata()).authorization_endpoint, parameters)

    async def logout_address(self) -> str | None:
        """Where a browser ends the session at the provider (RP-Initiated Logout 2); None when it has no such place, or is away.
        Without ``id_token_hint``: no ID token is kept here.
        """
        try:
            address = (await self.metadata()).end_session_endpoint
        except AccessRefused:
            return None
        return _with(address, {"client_id": self.registration.client_id}) if address else None

    def _read(self, document: Mapping[str, Any]) -> Metadata:
        if document.get("issuer") != self.registration.issuer:  # Discovery 4.3
            raise _away("another issuer")
        end_session = document.get("end_session_endpoint")
        return Metadata(
            self._address(document.get("authorization_endpoint")),
            self._address(document.get("token_endpoint")),
            self._address(document.get("jwks_uri")),
            self._address(end_session) if end_session else None,
            document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _address(self, given: object) -> str:
        """Over TLS when the issuer is."""
        try:
            parts = urlsplit(given if type(given) is str else "")
        except ValueError:
            raise _away("an address that cannot be") from None
        schemes = {"https", urlsplit(self.registration.issuer).scheme}
        if parts.scheme not in schemes or not parts.hostname or parts.username or parts.fragment:
            raise _away("an address that cannot be")
        return parts.geturl()

    async def _learnt(self, address: str) -> dict[str, Any]:
        if time.monotonic() < self._quiet_until_s:
            raise _away("a moment ago")
        try:
            return await self._asked("GET", address)
        except AccessRefused:
            self._quiet_until_s = time.monotonic() + QUIET_S
            raise

    async def _asked(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One JSON object. Raises ``AccessRefused``."""
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._places,
                aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(method, address, data=body, headers=sent, allow_redirects=False) as answer,
            ):
                status, content = answer.status, await _bounded(answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _away(type(error).__name__) from None
        if method == "POST" and status == HTTPStatus.BAD_REQUEST:  # RFC 6749 5.2: this code, not this client
            raise AccessRefused("sign_in_unfinished")
        if status != HTTPStatus.OK:
            raise _away(f"status {status}")
        try:
            document = json.loads(content.decode())
        except (ValueError, RecursionError):
            raise _away("not JSON") from None
        if type(document) is not dict:
            raise _away("not an object")
        return document


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_any():
        content += piece
        if len(content) > BODY_LIMIT_BYTES:
            raise ValueError("too long")
    return bytes(content)


def _with(address: str, parameters: Mapping[str, str]) -> str:
    """The parameters behind those that the address has already."""
    parts = urlsplit(address)
    query = "&".join(part for part in (parts.query, urlencode(parameters)) if part)
    return parts._replace(query=query).geturl()


def _away(why: str) -> AccessRefused:
    """The operator reads why, the officer that the provider cannot be used."""
    _log.warning("the identity provider cannot be used", extra={"why": why})
    return AccessRefused("provider_unavailable")
