"""Asked once at every start: the token module still refuses what python-jose alone would accept (1.3 rule 6).

Uses throw-away keys, so that no bad token is ever signed by a key that anybody trusts.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from auth.keys import KeySet, SigningKey, generate_signing_key
from auth.tokens import ACCESS, TokenDesk, TokenRefused, signed_as_is

_ISSUER = "https://self-test.invalid"
_AUDIENCE = "https://self-test.invalid/v1"


def self_test(now: datetime) -> None:
    """Refuse to start on a token module that is not what it was when its tests ran.

    Raises ``RuntimeError`` when a good token is refused, one of ten bad tokens is accepted, or python-jose computes
    ECDSA with something else than ``cryptography``.
    """
    key = generate_signing_key("access", now)
    document_key = generate_signing_key("document", now)
    desk = TokenDesk(_ISSUER, _AUDIENCE, KeySet([key, document_key]))
    claims = _claims(int(now.timestamp()))
    good = desk.sign(ACCESS, claims)
    # By a desk that did not sign it: what a desk has signed it need not verify again.
    reader = TokenDesk(_ISSUER, _AUDIENCE, KeySet([key, document_key]))
    try:
        reader.verify(ACCESS, good, now)
    except TokenRefused as refusal:
        raise RuntimeError(f"token self-test: a good token is refused ({refusal.reason})") from None
    for name, bad in _bad_tokens(key, document_key, claims, good):
        try:
            desk.verify(ACCESS, bad, now)
        except TokenRefused:
            continue
        raise RuntimeError(f"token self-test: accepted {name}")


def _claims(now_s: int) -> dict[str, Any]:
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "self-test", "client_id": "self-test", "scope": "none"}
    return claims | {"jti": "self-test-0123456789", "iat": now_s, "exp": now_s + 60}


def _bad_tokens(
    key: SigningKey, document_key: SigningKey, claims: dict[str, Any], good: str
) -> Iterator[tuple[str, str]]:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    header_part, payload_part, signature_part = good.split(".")
    none_part = _base64url(_json(header | {"alg": "none"}))
    hmac_input = _base64url(_json(header | {"alg": "HS256"})) + "." + payload_part
    yield "alg none", f"{none_part}.{payload_part}.{signature_part}"
    for name, secret in key.public.encodings().items():
        mac = hmac.new(secret, hmac_input.encode(), hashlib.sha256).digest()
        yield f"HS256 with the public key as {name}", f"{hmac_input}.{_base64url(mac)}"
    yield (
        "a changed payload",
        f"{header_part}.{_base64url(_json(claims | {'scope': 'all'}))}.{signature_part}",
    )
    without_exp = {name: value for name, value in claims.items() if name != "exp"}
    without_aud = {name: value for name, value in claims.items() if name != "aud"}
    yield "no exp", signed_as_is(_json(header), _json(without_exp), key)
    yield "no aud", signed_as_is(_json(header), _json(without_aud), key)
    yield "another typ", signed_as_is(_json(header | {"typ": "JWT"}), _json(claims), key)
    yield "crit", signed_as_is(_json(header | {"crit": ["x"], "x": 1}), _json(claims), key)
    yield "a member twice", signed_as_is(_json(header), _json(claims)[:-1] + b',"scope":"all"}', key)
    yield (
        "a key of another purpose",
        signed_as_is(_json(header | {"kid": document_key.kid}), _json(claims), document_key),
    )


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
