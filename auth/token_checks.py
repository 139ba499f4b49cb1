"""What is checked of a token before and after the JOSE library sees it (``protocols.md`` 1.3; RFC 7515, 7519, 8725).

Everything here is plain Python over text: no keys, no library. ``auth.tokens`` is the only caller besides tests.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeGuard

from auth.keys import ALGORITHM, Purpose

LEEWAY_S = 30
LONGEST_LIFE_S = 900
MAX_BRACKETS = 64
SIGNATURE_BYTES = 64
JTI_CHARACTERS = (16, 64)
MAX_TEXT_CHARACTERS = 1_024
# The order n of P-256's base point (SEC 2, 2.4.2); of the two signatures (r, s) and (r, n - s) only the low one counts.
GROUP_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_JTI = re.compile(r"[!-~]+", re.ASCII)
_JKT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_TIMES = ("iat", "exp", "nbf")
_TEXTS = ("sub", "client_id", "scope")
# A record is evidence, never a credential: it has no audience and no end, and nothing that a verifier could take for one.
_NEVER_IN_A_RECORD = frozenset({"exp", "nbf", "aud", "scope", "cnf", "client_id"})


class TokenRefused(Exception):
    """``reason`` is a stable code for the log. Neither it nor the text holds anything of the token.

    The caller is told the same opaque 401 whatever the reason is.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Profile:
    """One type of token (RFC 8725 3.11). ``life_limit_s`` None: a record, which has no ``exp`` and no ``aud``.

    ``read`` turns the claims into what they mean and raises ``TokenRefused`` when their shape is wrong.
    """

    typ: str
    purpose: Purpose
    required: frozenset[str]
    life_limit_s: int | None
    max_characters: int
    read: Callable[[Mapping[str, Any]], object] | None = None


@dataclass(frozen=True, slots=True)
class Segments:
    """A token cut in three. ``claims`` are parsed when they are asked for, after the header was checked."""

    header: dict[str, Any]
    payload: bytes
    signature: bytes

    def claims(self) -> dict[str, Any]:
        """Raises ``TokenRefused``."""
        return parse_json(self.payload)


@dataclass(frozen=True, slots=True)
class Unverified:
    """A well-formed token of the right type. Nothing in it is believed before its signature is verified."""

    kid: str
    payload: bytes
    claims: dict[str, Any]


def check_text(token: str, max_characters: int) -> None:
    """Asked first, so that nothing else ever runs over more than ``max_characters``. Raises ``TokenRefused``."""
    if type(token) is not str:
        raise TokenRefused("not_text")
    if len(token) > max_characters:
        raise TokenRefused("too_long")
    if not token.isascii():
        raise TokenRefused("not_ascii")


def parse(profile: Profile, token: str, kids: Container[str]) -> Unverified:
    """Rule 2: everything that can be refused before cryptography. Raises ``TokenRefused``."""
    segments = split(token)
    check_header(segments.header, frozenset({profile.typ}), "kid")
    kid = segments.header.get("kid")
    if type(kid) is not str or kid not in kids:
        raise TokenRefused("kid")
    signature = segments.signature
    if len(signature) != SIGNATURE_BYTES:
        raise TokenRefused("signature_length")
    if int.from_bytes(signature[SIGNATURE_BYTES // 2 :], "big") > GROUP_ORDER // 2:
        raise TokenRefused("signature_high_s")
    return Unverified(kid, segments.payload, segments.claims())


def split(token: str) -> Segments:
    """Three segments in their canonical spelling, the first an object. Raises ``TokenRefused``."""
    segments = token.split(".")
    if len(segments) != len(("header", "payload", "signature")):
        raise TokenRefused("not_three_segments")
    header, payload, signature = (_decoded(segment) for segment in segments)
    return Segments(parse_json(header), payload, signature)


def check_header(
    header: Mapping[str, Any],
    types: Container[str | None],
    key_member: str,
    algorithms: Container[str] = frozenset({ALGORITHM}),
) -> None:
    """``alg``, ``typ`` and the one member that names the key, nothing else: no ``crit``, ``jku``, ``x5c`` (A04)."""
    if not header.keys() <= {"alg", "typ", key_member}:
        raise TokenRefused("header_members")
    # A list can be in no set, and null is no way to leave it out.
    if type(header.get("typ", "")) is not str or header.get("typ") not in types:
        raise TokenRefused("typ")
    if type(header.get("alg")) is not str or header["alg"] not in algorithms:
        raise TokenRefused("alg")


def check_claims(profile: Profile, claims: Mapping[str, Any], issuer: str, audience: str) -> None:
    """Rule 4 without the clock. Raises ``TokenRefused``."""
    if not profile.required <= claims.keys():
        raise TokenRefused("claim_missing")
    if profile.life_limit_s is None and not _NEVER_IN_A_RECORD.isdisjoint(claims):
        raise TokenRefused("claim_not_allowed")
    if not all(is_time(claims[name]) for name in _TIMES if name in claims):
        raise TokenRefused("time_type")
    if type(claims["iss"]) is not str or claims["iss"] != issuer:
        raise TokenRefused("iss")
    if profile.life_limit_s is not None:
        _check_audience_and_life(claims, audience, min(profile.life_limit_s, LONGEST_LIFE_S))
    check_jti(claims)
    for name in _TEXTS:
        if name in claims and not (
            type(claims[name]) is str and 0 < len(claims[name]) <= MAX_TEXT_CHARACTERS
        ):
            raise TokenRefused(name)


def is_time(value: object) -> TypeGuard[int]:
    """Whole seconds since 1970; ``type(..) is int``, because True is an int for isinstance."""
    return type(value) is int and 0 < value < 2**33


def check_jti(claims: Mapping[str, Any]) -> str:
    """The token's own number. Raises ``TokenRefused``."""
    jti = claims.get("jti")
    shortest, longest = JTI_CHARACTERS
    if type(jti) is not str or not shortest <= len(jti) <= longest or not _JTI.fullmatch(jti):
        raise TokenRefused("jti")
    return jti


def _check_audience_and_life(claims: Mapping[str, Any], audience: str, life_limit_s: int) -> None:
    if type(claims["aud"]) is not str or claims["aud"] != audience:
        raise TokenRefused("aud")
    if not 0 < claims["exp"] - claims["iat"] <= life_limit_s:
        raise TokenRefused("life")


def check_times(
    profile: Profile, claims: Mapping[str, Any], now_s: float, *, expired_too: bool = False
) -> None:
    """The rules that change with the clock; asked again at every use of a remembered token."""
    # RFC 7519 4.1.4: "on or after" exp is too late.
    if profile.life_limit_s is not None and now_s >= claims["exp"] + LEEWAY_S and not expired_too:
        raise TokenRefused("expired")
    if claims["iat"] > now_s + LEEWAY_S:
        raise TokenRefused("issued_ahead")
    if claims.get("nbf", 0) > now_s + LEEWAY_S:
        raise TokenRefused("not_yet_valid")


def check_access(claims: Mapping[str, Any]) -> None:
    """``cnf`` of an access token, where there is one, is exactly one key thumbprint (RFC 9449 6.1)."""
    if "cnf" in claims:
        check_jkt(claims["cnf"])


def check_jkt(cnf: object) -> str:
    """The thumbprint in ``{"jkt": ...}``. Raises ``TokenRefused``."""
    if isinstance(cnf, Mapping) and cnf.keys() == {"jkt"}:
        jkt = cnf["jkt"]
        if type(jkt) is str and _JKT.fullmatch(jkt):
            return jkt
    raise TokenRefused("cnf")


def parse_json(raw: bytes) -> dict[str, Any]:
    """An object, with every liberty of JSON refused that two parsers could read in two ways (RFC 8725 3.7)."""
    # Counted before parsing: 1,500 brackets in a header of a few KB raise RecursionError before authentication.
    if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise TokenRefused("json_too_deep")
    try:
        # Decoded here, because json.loads on bytes would also take UTF-16 and UTF-32.
        value = _JSON.decode(raw.decode())
    except ValueError:
        value = _MALFORMED
    if value is _MALFORMED:
        raise TokenRefused("json_malformed")
    if type(value) is not dict:
        raise TokenRefused("json_not_an_object")
    if b"\\u" in raw:
        _check_escaped(value)
    return value


def frozen(value: Any) -> Any:
    """A deep read-only copy, because one remembered token is handed to many callers: arrays become tuples."""
    if type(value) is dict:
        return MappingProxyType({name: frozen(member) for name, member in value.items()})
    if type(value) is list:
        return tuple(frozen(member) for member in value)
    return value


def _check_escaped(value: Any) -> None:
    """Only an escape can bring in what a database or a log chokes on: NUL, or half a surrogate pair."""
    if type(value) is dict:
        for name, member in value.items():
            _check_escaped(name)
            _check_escaped(member)
    elif type(value) is list:
        for member in value:
            _check_escaped(member)
    elif type(value) is str and any(
        character == "\x00" or "\ud800" <= character <= "\udfff" for character in value
    ):
        raise TokenRefused("json_text")


def _decoded(segment: str) -> bytes:
    """Base64url without padding, in its one canonical spelling: python-jose alone takes many (1.4).

    Equality after the round trip also means that every character is of the alphabet (and it costs half of a regular
    expression): the decoder skips or translates others, the encoder never writes them.
    """
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:  # binascii.Error is one; so is the refusal of text that is not ASCII
        raw = b""
    if not segment or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise TokenRefused("segment_not_canonical")
    return raw


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise TokenRefused("json_duplicate_member")
    return members


def _no_fraction(_text: str) -> float:
    """No claim of ours is a fraction, and 1e400 would become infinity."""
    raise TokenRefused("json_number")


_MALFORMED = object()
_JSON = json.JSONDecoder(
    object_pairs_hook=_unique_members, parse_float=_no_fraction, parse_constant=_no_fraction
)
