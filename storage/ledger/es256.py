"""Signed records (RFC 7515) for whoever verifies without the server: ES256 with ``cryptography`` alone, no JOSE library.

    <base64url header>.<base64url claims>.<base64url of r and s, 32 bytes each>

The rules are those of ``protocols.md`` 1.3, for the record types only: one spelling of each token (canonical base64url, low s, no member
twice), ``alg`` ES256 and nothing else, a ``kid`` that is the thumbprint (RFC 7638) of the key it names, and signed within that key's time.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

RECEIPT = "berkas-delivery-receipt+jwt"
CONSENT = "berkas-consent+jwt"
RECORD_RECEIPT = "berkas-record-receipt+jwt"
MAX_CHARACTERS = 16_384
MAX_BRACKETS = 64
MAX_TIME_S = 2**33
LEEWAY_S = 30
COORDINATE_BYTES = 32
# The order n of P-256's base point (SEC 2, 2.4.2); of (r, s) and (r, n - s), which both verify, the low one counts.
GROUP_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_TYPES = (RECEIPT, CONSENT, RECORD_RECEIPT)  # no set: a list can be asked of it
_HEADER = {"alg", "typ", "kid"}
_KEY_NEEDED = {"kty", "crv", "x", "y", "kid", "nbf"}
_KEY_ALLOWED = _KEY_NEEDED | {"alg", "use", "exp", "revoked"}
# What a verifier could take for a credential: a record has none of it.
_NEVER = {"exp", "nbf", "aud", "scope", "cnf", "client_id"}


class RecordRefused(ValueError):
    """A record, or a set of keys, that is malformed or not signed by the key that it names. The message holds nothing of it."""


@dataclass(frozen=True, slots=True)
class RecordKey:
    """``from_s`` and ``to_s`` (None: no end) in seconds since 1970. ``revoked``: somebody else may hold it."""

    public: ec.EllipticCurvePublicKey = field(repr=False)
    from_s: int
    to_s: int | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class Record:
    """``typ`` is ``RECEIPT``, ``CONSENT`` or ``RECORD_RECEIPT`` (which revision of a consent record an entry is about). ``revoked``: the signature alone proves nothing any more, only the log does."""

    typ: str
    claims: Mapping[str, Any]
    sha256: str
    revoked: bool


def read_keys(text: str | bytes) -> dict[str, RecordKey]:
    """A JWK set (RFC 7517 5) as ``/.well-known/jwks-archive.json`` gives it, by ``kid``. Raises ``RecordRefused``."""
    document = _json(text.encode() if isinstance(text, str) else text, max_brackets=100_000)
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise RecordRefused("no set of keys")
    return dict(_key(jwk) for jwk in keys)


def read_record(jws: str, keys: Mapping[str, RecordKey]) -> Record:
    """Verify one record. Raises ``RecordRefused``."""
    if len(jws) > MAX_CHARACTERS or not jws.isascii() or jws.count(".") != 2:  # noqa: PLR2004 - header, claims, signature
        raise RecordRefused("not a compact JWS")
    signed, _, _ = jws.rpartition(".")
    header, payload, signature = (_decoded(segment) for segment in jws.split("."))
    members = _json(header)
    if members.keys() != _HEADER or members["alg"] != "ES256" or members["typ"] not in _TYPES:
        raise RecordRefused("its header is not that of a receipt or a consent record signed with ES256")
    key = keys.get(members["kid"]) if isinstance(members["kid"], str) else None
    if key is None:
        raise RecordRefused("signed with a key that is not in the set")
    if len(signature) != 2 * COORDINATE_BYTES:
        raise RecordRefused("malformed signature")
    r, s = (
        int.from_bytes(part, "big") for part in (signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:])
    )
    if s > GROUP_ORDER // 2:
        raise RecordRefused("signature with a high s")
    try:
        key.public.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise RecordRefused("bad signature") from error
    claims = _json(payload)
    if not _NEVER.isdisjoint(claims) or not all(isinstance(claims.get(name), str) for name in ("iss", "jti")):
        raise RecordRefused("its claims are not those of a record")
    at_s = _time(claims.get("iat"))
    if not key.from_s - LEEWAY_S <= at_s <= (MAX_TIME_S if key.to_s is None else key.to_s + LEEWAY_S):
        raise RecordRefused("signed outside of the time of its key")
    return Record(members["typ"], claims, hashlib.sha256(jws.encode()).hexdigest(), key.revoked)


def _key(jwk: Any) -> tuple[str, RecordKey]:
    if not isinstance(jwk, dict) or not _KEY_NEEDED <= jwk.keys() <= _KEY_ALLOWED:
        raise RecordRefused("a key with other members")
    if (jwk["kty"], jwk["crv"], jwk.get("alg", "ES256")) != ("EC", "P-256", "ES256"):
        raise RecordRefused("a key that is not P-256")
    bare = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    coordinates = [_decoded(bare[name]) if isinstance(bare[name], str) else b"" for name in ("x", "y")]
    if any(len(one) != COORDINATE_BYTES for one in coordinates):
        raise RecordRefused("a key with malformed coordinates")
    thumbprint = hashlib.sha256(json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()).digest()
    if jwk["kid"] != base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode():
        raise RecordRefused("a key whose kid is not its thumbprint")
    x, y = (int.from_bytes(one, "big") for one in coordinates)
    try:
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError as error:
        raise RecordRefused("a key off the curve") from error
    to_s = _time(jwk["exp"]) if "exp" in jwk else None
    return jwk["kid"], RecordKey(public, _time(jwk["nbf"]), to_s, "revoked" in jwk)


def _time(value: object) -> int:
    if type(value) is not int or not 0 < value < MAX_TIME_S:
        raise RecordRefused("a time that is none")
    return value


def _decoded(segment: str) -> bytes:
    """Base64url without padding in its one canonical spelling."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raw = b""
    if not segment or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise RecordRefused("base64url that is not canonical")
    return raw


def _json(raw: bytes, max_brackets: int = MAX_BRACKETS) -> dict[str, Any]:
    """An object; whatever two parsers could read in two ways is refused."""
    if raw.count(b"[") + raw.count(b"{") > max_brackets:
        raise RecordRefused("JSON that is too deep")
    try:
        value = _READER.decode(raw.decode())
    except RecordRefused:
        raise
    except (ValueError, RecursionError) as error:
        raise RecordRefused("malformed JSON") from error
    if not isinstance(value, dict):
        raise RecordRefused("JSON that is no object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RecordRefused("JSON with a member twice")
    return members


def _no_fraction(_text: str) -> float:
    raise RecordRefused("JSON with a fraction")


_READER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_no_fraction, parse_constant=_no_fraction)
