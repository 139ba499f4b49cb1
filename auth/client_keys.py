"""The public keys of agencies' clients: uploaded one by one, or found as a set at an address of theirs (RFC 7517, RFC 7591 2).

Ours are P-256 and nothing else (``auth.keys``). A client may have RSA keys as well once an operator has allowed it, for
assertions and for nothing else. Which algorithm a signature is checked with is a property of the key, never the header's to choose.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from auth.facts import ClientFact, ClientKeyFact
from auth.keys import ALGORITHM, KeyRefused, PublicKey, bare_jwk, public_key_from_jwk
from auth.token_checks import TokenRefused, parse_json

ClientPublicKey = PublicKey | rsa.RSAPublicKey
LEGACY_ALGORITHM = "RS256"
RSA_BITS = (2_048, 4_096)
MAX_KEYS = 10
# What was found at an address counts so long after it was last seen there.
FOUND_KEYS_LIFE = timedelta(hours=24)
KEY_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
_EXPONENT = 65_537
_RSA_NEEDED = frozenset({"kty", "n", "e"})
_RSA_ALLOWED = _RSA_NEEDED | {"kid", "alg", "use"}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MODULUS = re.compile(r"[A-Za-z0-9_-]{342,683}", re.ASCII)


def client_key_from_jwk(jwk: Mapping[str, Any]) -> ClientPublicKey:
    """P-256 (RFC 7518 6.2.1), or RSA of 2048 to 4096 bits with e = 65537 (RFC 7518 6.3.1). Raises ``KeyRefused`` for every other
    key, a private member, an unknown member (A12).
    """
    if jwk.get("kty") != "RSA":
        return public_key_from_jwk(jwk)
    if not _RSA_NEEDED <= jwk.keys() <= _RSA_ALLOWED:
        raise KeyRefused("jwk_members")
    if jwk.get("alg", LEGACY_ALGORITHM) != LEGACY_ALGORITHM or jwk["e"] != "AQAB":
        raise KeyRefused("not_rs256")
    modulus = _modulus(jwk["n"])
    if not RSA_BITS[0] <= modulus.bit_length() <= RSA_BITS[1] or modulus % 2 == 0:
        raise KeyRefused("rsa_size")
    try:
        return rsa.RSAPublicNumbers(_EXPONENT, modulus).public_key()
    except ValueError:
        raise KeyRefused("rsa_size") from None


def algorithm_of(key: ClientPublicKey) -> str:
    return LEGACY_ALGORITHM if isinstance(key, rsa.RSAPublicKey) else ALGORITHM


def bare_client_jwk(key: ClientPublicKey) -> dict[str, str]:
    """The members that a thumbprint is made of (RFC 7638 3.2): a key has one such spelling."""
    if not isinstance(key, rsa.RSAPublicKey):
        return bare_jwk(key)
    modulus = key.public_numbers().n
    raw = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    return {"e": "AQAB", "kty": "RSA", "n": _base64url(raw)}


def jwk_thumbprint(bare: Mapping[str, str]) -> str:
    """RFC 7638 3 of a ``bare_client_jwk``."""
    canonical = json.dumps(dict(bare), sort_keys=True, separators=(",", ":")).encode()
    return _base64url(hashlib.sha256(canonical).digest())


def keys_in_set(document: bytes) -> dict[str, ClientPublicKey]:
    """By ``kid``: the public signing keys of a JWK set (RFC 7517 5) that a client could have; every other member of it is left out.
    A ``kid`` that stands for two of them stands for none. Raises ``KeyRefused``: no set, or one of more than ten keys.
    """
    try:
        listed = parse_json(document).get("keys")
    except TokenRefused as refused:
        raise KeyRefused(f"set_{refused.reason}") from None
    if type(listed) is not list:
        raise KeyRefused("set_malformed")
    if len(listed) > MAX_KEYS:
        raise KeyRefused("set_too_large")
    found = list(_usable(listed))
    kids = [kid for kid, _ in found]
    return {kid: key for kid, key in found if kids.count(kid) == 1}


def counts(key: ClientKeyFact, client: ClientFact, now: datetime) -> bool:
    """May ``client`` sign with this key at this moment? Asked with every request."""
    if not key.active or key.withdrawn or (key.alg != ALGORITHM and not client.rs256):
        return False
    seen_at = client.jwks_at
    return not key.by_uri or (seen_at is not None and now < seen_at + FOUND_KEYS_LIFE)


def _usable(listed: list[Any]) -> Iterator[tuple[str, ClientPublicKey]]:
    """Other people's sets hold certificates, keys for encryption and members that we do not know: only what is needed is read."""
    for jwk in listed:
        if type(jwk) is not dict or not _PRIVATE.isdisjoint(jwk) or jwk.get("use", "sig") != "sig":
            continue
        kid, operations = jwk.get("kid"), jwk.get("key_ops", ["verify"])
        if type(kid) is not str or not KEY_ID.fullmatch(kid):
            continue
        if type(operations) is not list or "verify" not in operations:
            continue
        needed = ("kty", "n", "e", "alg") if jwk.get("kty") == "RSA" else ("kty", "crv", "x", "y", "alg")
        try:
            yield kid, client_key_from_jwk({name: jwk[name] for name in needed if name in jwk})
        except KeyRefused:
            continue


def _modulus(text: object) -> int:
    """Canonical base64url without a leading zero byte (RFC 7518 6.3.1.1): a key has one spelling, so it has one thumbprint."""
    if type(text) is not str or not _MODULUS.fullmatch(text):
        raise KeyRefused("rsa_size")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64url(raw) != text or raw[0] == 0:
        raise KeyRefused("jwk_members")
    return int.from_bytes(raw, "big")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
