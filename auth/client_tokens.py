"""What an agency's client signs: who it is (RFC 7523 3) and that it holds its key at this moment (DPoP, RFC 9449 4.3).

The rules of ``auth.token_checks`` hold here too, with the exceptions of ``protocols.md`` 1.3: other libraries sign with a
high s half of the time, leave ``typ`` out, and send one or several audiences. That nothing is used twice is the business
of who remembers ``replay_id``: these functions ask no database.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auth.client_keys import LEGACY_ALGORITHM, RSA_BITS, ClientPublicKey, algorithm_of, client_key_from_jwk
from auth.keys import ALGORITHM, KeyRefused, PublicKey, public_key_from_jwk, thumbprint
from auth.token_checks import (
    LEEWAY_S,
    SIGNATURE_BYTES,
    Segments,
    TokenRefused,
    check_header,
    check_jti,
    check_text,
    is_time,
    split,
)
from auth.tokens import is_signed_by

MAX_CHARACTERS = 4_096
ASSERTION_LIFE_LIMIT_S = 300
PROOF_WINDOW_S = 60
NAME_LIMIT_CHARACTERS = 64
NONCE = "nonce"
UNKNOWN_KEY = "kid"
# What tells whether there is such a client or key.
KEY_REASONS = frozenset({UNKNOWN_KEY, "alg", "signature_length", "signature"})
_ASSERTION_TYPES = frozenset({None, "JWT", "client-authentication+jwt"})
_PROOF_TYPES = frozenset({"dpop+jwt"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_URI = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#\s]*)?(?:[?#]\S*)?",
    re.ASCII,
)


# The examples of RFC 7517 A.1: keys like any other, whose private halves are of no use here.
_NOBODY = {
    ALGORITHM: client_key_from_jwk(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }
    ),
    LEGACY_ALGORITHM: client_key_from_jwk(
        {
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4"
            "n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
            "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEg"
            "U8awapJzKnqDKgw",
            "e": "AQAB",
        }
    ),
}
_SIGNATURE_BYTES = {
    ALGORITHM: range(SIGNATURE_BYTES, SIGNATURE_BYTES + 1),
    LEGACY_ALGORITHM: range(RSA_BITS[0] // 8, RSA_BITS[1] // 8 + 1),
}


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whose assertion this says it is, and with which key; nothing of it is believed yet."""

    client_id: str
    kid: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """A verified client. ``replay_id`` must be new until ``remember_until``."""

    client_id: str
    replay_id: str
    remember_until: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """Whoever sent the request holds the key of thumbprint ``jkt``. ``replay_id`` must be new until ``remember_until``."""

    jkt: str
    replay_id: str
    remember_until: datetime


def claimed_client(token: str) -> Claimed:
    """Whom to look up before the signature can be checked. Raises ``TokenRefused``."""
    kid, _, segments = _assertion(token)
    subject = segments.claims().get("sub")
    if type(subject) is not str or not 0 < len(subject) <= NAME_LIMIT_CHARACTERS:
        raise TokenRefused("sub")
    return Claimed(subject, kid)


def verified_assertion(
    token: str, keys: Mapping[str, ClientPublicKey], audiences: Collection[str], now: datetime
) -> Assertion:
    """``keys`` by kid are those of the client that ``claimed_client`` named, none for an unknown one; ``audiences`` the issuer and the token endpoint,
    for libraries send either. Raises ``TokenRefused``.
    """
    kid, alg, segments = _assertion(token)
    key = keys.get(kid)
    wrong = _mismatch(key, alg, segments)
    # An unknown client or key, and a key that signs otherwise, take the time of a wrong signature.
    signed = is_signed_by(token, _NOBODY[alg] if key is None or wrong else key)
    if wrong or not signed:
        raise TokenRefused(wrong or "signature")
    claims = segments.claims()
    client_id = claims.get("sub")
    if type(client_id) is not str or claims.get("iss") != client_id:
        raise TokenRefused("iss")
    _check_audiences(claims.get("aud"), audiences)
    issued_s, ends_s = claims.get("iat"), claims.get("exp")
    if not is_time(issued_s) or not is_time(ends_s) or not is_time(claims.get("nbf", issued_s)):
        raise TokenRefused("time_type")
    if ends_s <= issued_s:
        raise TokenRefused("life")
    # Authlib writes an hour and offers no setting that keeps `jti` fresh: whatever `exp` says, five minutes are all.
    ends_s = min(ends_s, issued_s + ASSERTION_LIFE_LIMIT_S)
    now_s = now.timestamp()
    if now_s >= ends_s + LEEWAY_S:
        raise TokenRefused("expired")
    if max(issued_s, claims.get("nbf", issued_s)) > now_s + LEEWAY_S:
        raise TokenRefused("issued_ahead")
    jti = check_jti(claims)
    return Assertion(client_id, _replay_id("assertion", client_id, jti), _moment(ends_s + LEEWAY_S))


def verified_proof(
    token: str,
    *,
    method: str,
    uri: str,
    now: datetime,
    access_token: str | None = None,
    nonces: Collection[str] = (),
) -> Proof:
    """``uri`` is built from the configured public origin, never from the request (A13). With an ``access_token`` the proof
    must be about it; with ``nonces`` it must carry one of them (RFC 9449 8). Raises ``TokenRefused``.
    """
    segments = _segments(token, ALGORITHM)
    check_header(segments.header, _PROOF_TYPES, "jwk")
    key, jkt = _proof_key(segments.header.get("jwk"))
    if not is_signed_by(token, key):
        raise TokenRefused("signature")
    claims = segments.claims()
    if claims.get("htm") != method:
        raise TokenRefused("htm")
    if _plain_uri(claims.get("htu")) != _plain_uri(uri):
        raise TokenRefused("htu")
    if claims.get("ath") != (None if access_token is None else token_hash(access_token)):
        raise TokenRefused("ath")
    issued_s = claims.get("iat")
    if not is_time(issued_s):
        raise TokenRefused("time_type")
    if abs(now.timestamp() - issued_s) > PROOF_WINDOW_S:
        raise TokenRefused("proof_time")
    jti = check_jti(claims)
    # Last, so that only a proof that is good but for it learns the nonce's place (RFC 9449 8).
    if nonces and claims.get("nonce") not in nonces:
        raise TokenRefused(NONCE)
    # As long as this proof's own time could be accepted by a replica whose clock is the other way off.
    return Proof(
        jkt, _replay_id("proof", jkt, jti), _moment(issued_s) + timedelta(seconds=2 * PROOF_WINDOW_S)
    )


def token_hash(token: str) -> str:
    """``ath`` (RFC 9449 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def _segments(token: str, *algorithms: str) -> Segments:
    check_text(token, MAX_CHARACTERS)
    segments = split(token)
    if not any(len(segments.signature) in _SIGNATURE_BYTES[alg] for alg in algorithms):
        raise TokenRefused("signature_length")
    return segments


def _assertion(token: str) -> tuple[str, str, Segments]:
    """The ``kid``, and the ``alg`` that the header names: whether it is that key's own is still to be seen."""
    segments = _segments(token, *_SIGNATURE_BYTES)
    check_header(segments.header, _ASSERTION_TYPES, "kid", _SIGNATURE_BYTES)
    kid, alg = segments.header.get("kid"), segments.header["alg"]
    if type(kid) is not str or not 0 < len(kid) <= NAME_LIMIT_CHARACTERS:
        raise TokenRefused(UNKNOWN_KEY)
    return kid, alg, segments


def _mismatch(key: ClientPublicKey | None, alg: str, segments: Segments) -> str | None:
    """Why this cannot be a signature by ``key``, before it is verified."""
    if key is None:
        return UNKNOWN_KEY
    if algorithm_of(key) != alg:
        return "alg"
    return None if len(segments.signature) in _SIGNATURE_BYTES[alg] else "signature_length"


def _check_audiences(claimed: object, ours: Collection[str]) -> None:
    """One or several, each of them ours: what is meant for another server too could be replayed there (RFC 7523 3)."""
    several = [claimed] if type(claimed) is str else claimed
    if (
        type(several) is not list
        or not several
        or not all(type(one) is str and one in ours for one in several)
    ):
        raise TokenRefused("aud")


def _proof_key(jwk: object) -> tuple[PublicKey, str]:
    """The key and its thumbprint. Members that libraries add (``alg``, ``kid``, ``use``) are let pass; a private or a symmetric
    one is not.
    """
    if type(jwk) is dict and all(type(member) is str for member in jwk.values()):
        try:
            return _accepted_key(tuple(jwk.items()))
        except KeyRefused:
            pass
    raise TokenRefused("jwk")


@functools.lru_cache(maxsize=1_024)
def _accepted_key(members: tuple[tuple[str, str], ...]) -> tuple[PublicKey, str]:
    """A client proves the same key with every request, and reading it again takes a seventh of the time of a proof."""
    key = public_key_from_jwk(dict(members))
    return key, thumbprint(key)


def _plain_uri(uri: object) -> str:
    """Scheme, authority and path in one spelling (RFC 9449 4.3: query and fragment do not count; RFC 3986 6.2.2)."""
    found = _URI.fullmatch(uri) if type(uri) is str else None
    if found is None:
        raise TokenRefused("htu")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    shown = "" if found["port"] in {None, _DEFAULT_PORTS[scheme]} else f":{found['port']}"
    return f"{scheme}://{host}{shown}{found['path'] or '/'}"


def _replay_id(kind: str, owner: str, jti: str) -> str:
    """Of the owner and ``jti``, never of the token's text, which has many spellings (A09)."""
    return hashlib.sha256(f"{kind}\x00{owner}\x00{jti}".encode()).hexdigest()


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
