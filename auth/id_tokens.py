"""What the office's identity provider signs: ID tokens (OpenID Connect Core 3.1.3.7) and logout tokens (Back-Channel Logout 2.6).

The only importer of ``joserfc``, as ``auth.tokens`` is of ``jose``: our own tokens stay ES256, a provider signs as it does.
The rules of ``auth.token_checks`` stand before the library, which only verifies: one algorithm, one key, built from the
few members of the provider's JWK that say what the key is.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from auth.callers import same_text
from auth.sign_in import names_somebody
from auth.token_checks import LEEWAY_S, Segments, TokenRefused, check_jti, check_text, is_time, split

MAX_CHARACTERS = 16_384
SIGNED_WITHIN_S = 600  # longer than a sign-in may take
LOGOUT_WITHIN_S = 300
_RSA_BITS = (2_048, 8_192)
_ID_TYPES = frozenset({None, "JWT"})
_LOGOUT_TYPES = frozenset({"logout+jwt"})  # recommended in 2.4; without it an ID token could pass for one
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
# Beside what every header has, the fingerprints that some providers add. Never what brings a key along (A04).
_HEADER = frozenset({"alg", "typ", "kid", "x5t", "x5t#S256"})
_KINDS = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "ES512": ("EC", "P-521")}
_LIBRARY_ERRORS = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Party:
    """Who signs (``issuer``), for whom (``client_id``), and how it may be signed."""

    issuer: str
    client_id: str
    algorithms: Collection[str]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who has signed in at the provider, its name for that session when it gives one (``sid``), and the claim that was asked for."""

    subject: str
    session: str
    claim: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """Whose session, or which, is over at the provider; empty for what it does not say. ``replay_id`` must be new until
    ``remember_until``.
    """

    subject: str
    session: str
    replay_id: str
    remember_until: datetime


def key_id(token: str, party: Party) -> str:
    """Which of the provider's keys to look for, empty for its only one; nothing of the token is believed yet. Raises
    ``TokenRefused``.
    """
    return str(_segments(token, party, _ID_TYPES | _LOGOUT_TYPES).header.get("kid", ""))


def read_id_token(
    token: str,
    key: Mapping[str, Any] | None,
    party: Party,
    *,
    nonce: str,
    access_token: str,
    acr: Collection[str],
    claim: str = "",
    now: datetime,
) -> Identity:
    """``key`` is the provider's JWK of ``key_id``, None when there is no such key. ``acr`` are the classes of authentication of which one
    is required, if any are; ``claim`` names a text that must be there. Raises ``TokenRefused``.
    """
    segments = _segments(token, party, _ID_TYPES)
    claims = _verified(token, segments, key)
    _check_issued(claims, party, SIGNED_WITHIN_S, now)
    if not same_text(_text(claims, "nonce"), nonce):
        raise TokenRefused("nonce")
    at_hash = claims.get("at_hash")
    if at_hash is not None and at_hash != _half_hash(segments.header["alg"], access_token):
        raise TokenRefused("at_hash")
    if acr and claims.get("acr") not in acr:
        raise TokenRefused("acr")
    session = _name(claims, "sid") if "sid" in claims else ""
    return Identity(_name(claims, "sub"), session, _text(claims, claim) if claim else "")


def read_logout_token(token: str, key: Mapping[str, Any] | None, party: Party, *, now: datetime) -> Ended:
    """Raises ``TokenRefused``."""
    claims = _verified(token, _segments(token, party, _LOGOUT_TYPES), key)
    _check_issued(claims, party, LOGOUT_WITHIN_S, now)
    if "nonce" in claims:  # 2.4: so that no ID token is taken for a logout
        raise TokenRefused("nonce")
    events = claims.get("events")
    if type(events) is not dict or type(events.get(_LOGOUT_EVENT)) is not dict:
        raise TokenRefused("events")
    jti = check_jti(claims)
    subject, session = (_name(claims, name) if name in claims else "" for name in ("sub", "sid"))
    if not subject and not session:
        raise TokenRefused("sub")
    replay = hashlib.sha256(f"logout\x00{party.issuer}\x00{jti}".encode()).hexdigest()
    forgotten_s = claims["iat"] + LOGOUT_WITHIN_S + 2 * LEEWAY_S
    return Ended(subject, session, replay, datetime.fromtimestamp(forgotten_s, UTC))


def _segments(token: str, party: Party, types: Collection[str | None]) -> Segments:
    check_text(token, MAX_CHARACTERS)
    segments = split(token)
    header = segments.header
    if not header.keys() <= _HEADER:
        raise TokenRefused("header_members")
    if type(header.get("typ", "")) is not str or header.get("typ") not in types:
        raise TokenRefused("typ")
    if type(header.get("alg")) is not str or header["alg"] not in party.algorithms:
        raise TokenRefused("alg")
    if "kid" in header and (type(header["kid"]) is not str or not header["kid"]):
        raise TokenRefused("kid")
    return segments


def _verified(token: str, segments: Segments, key: Mapping[str, Any] | None) -> dict[str, Any]:
    if key is None:
        raise TokenRefused("kid")
    algorithm = segments.header["alg"]
    signed = False
    try:
        payload = jws.deserialize_compact(token, _key(key, algorithm), algorithms=[algorithm]).payload
        signed = payload == segments.payload
    except _LIBRARY_ERRORS:
        pass
    if not signed:  # outside of the handler: no traceback carries parts of the token
        raise TokenRefused("signature")
    return segments.claims()


def _key(jwk: Mapping[str, Any], algorithm: str) -> RSAKey | ECKey:
    """A key for this algorithm and for signatures. Raises ``TokenRefused`` and what the library raises."""
    kty, crv = _KINDS[algorithm]
    if jwk.get("kty") != kty or jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig":
        raise TokenRefused("key")
    if kty == "RSA":
        rsa = RSAKey.import_key({"kty": kty, "n": jwk["n"], "e": jwk["e"]})
        if not _RSA_BITS[0] <= rsa.raw_value.key_size <= _RSA_BITS[1]:
            raise TokenRefused("key")
        return rsa
    if jwk.get("crv") != crv:
        raise TokenRefused("key")
    return ECKey.import_key({"kty": kty, "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"]})


def _check_issued(claims: Mapping[str, Any], party: Party, within_s: int, now: datetime) -> None:
    """By the provider, for us alone, a moment ago."""
    if type(claims.get("iss")) is not str or claims["iss"] != party.issuer:
        raise TokenRefused("iss")
    audience = claims.get("aud")
    audiences = audience if type(audience) is list else [audience]
    if party.client_id not in audiences:
        raise TokenRefused("aud")
    # With further audiences it must say that it was made for us (3.1.3.7, points 3 to 5).
    if claims.get("azp", None if len(audiences) > 1 else party.client_id) != party.client_id:
        raise TokenRefused("azp")
    if not all(is_time(claims.get(name)) for name in ("iat", "exp")) or not is_time(claims.get("nbf", 1)):
        raise TokenRefused("time_type")
    now_s = now.timestamp()
    if now_s >= claims["exp"] + LEEWAY_S or now_s >= claims["iat"] + within_s + LEEWAY_S:
        raise TokenRefused("expired")
    if max(claims["iat"], claims.get("nbf", 1)) > now_s + LEEWAY_S:
        raise TokenRefused("issued_ahead")


def _half_hash(algorithm: str, access_token: str) -> str:
    """Core 3.1.3.6: the left half of the hash that belongs to the algorithm."""
    digest = hashlib.new(f"sha{algorithm[2:]}", access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if type(value) is not str:
        raise TokenRefused(name)
    return value


def _name(claims: Mapping[str, Any], name: str) -> str:
    value = _text(claims, name)
    if not names_somebody(value):
        raise TokenRefused(name)
    return value
