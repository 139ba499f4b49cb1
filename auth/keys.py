"""Signing keys by ``kid``: made, loaded, published. Where private keys are kept is the business of ``storage.keys``.

Every key is ECDSA on P-256 (ES256, RFC 7518 3.4). A ``kid`` is the key's RFC 7638 thumbprint: it can be computed
from the public key alone, so no two keys share one and a ten-year-old receipt names the one key that signed it.
Keys of two purposes never mix: an access token cannot be made with the key that signs papers (RFC 8725 3.8).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

# document: tickets, consent requests, consents, delivery receipts. access: access tokens.
Purpose = Literal["document", "access"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

PublicKey = ec.EllipticCurvePublicKey
ALGORITHM = "ES256"
COORDINATE_BYTES = 32
_JWK_NEEDED = frozenset({"kty", "crv", "x", "y"})
_JWK_ALLOWED = _JWK_NEEDED | {"kid", "alg", "use", "nbf", "exp"}


class KeyRefused(Exception):
    """A key that is not a P-256 key of ours, or a set of keys that contradicts itself. ``reason`` is stable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """The public half. ``not_after`` is the time of retirement: what claims to be signed later is refused. With a ``revoked`` key
    nothing is accepted: somebody else may hold it.
    """

    kid: str
    purpose: Purpose
    public_key: ec.EllipticCurvePublicKey = field(repr=False)
    not_before: datetime
    not_after: datetime | None = None
    revoked: bool = False

    def encodings(self) -> dict[str, bytes]:
        """The public key as bytes, in the spellings that attackers have passed off as an HMAC secret (A02)."""
        form = serialization.PublicFormat
        encode = self.public_key.public_bytes
        return {
            "DER": encode(serialization.Encoding.DER, form.SubjectPublicKeyInfo),
            "a raw point": encode(serialization.Encoding.X962, form.UncompressedPoint),
        }


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the time from which it signs. Its ``repr`` holds no key material."""

    kid: str
    purpose: Purpose
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    not_before: datetime

    @property
    def public(self) -> VerificationKey:
        return VerificationKey(self.kid, self.purpose, self.private_key.public_key(), self.not_before)

    def retired(self, at: datetime) -> VerificationKey:
        """What is kept of this key once it signs no more: enough to check what it signed until ``at``."""
        public_key = self.private_key.public_key()
        return VerificationKey(self.kid, self.purpose, public_key, self.not_before, _aware(at))


class KeySet:
    """The keys of one deployment: those that sign now or next, and the public halves of retired ones.

    Immutable. A key is withdrawn at once by making a new set (and a new ``TokenDesk``) without it.
    """

    def __init__(self, signing: Iterable[SigningKey], retired: Iterable[VerificationKey] = ()) -> None:
        """Raises ``KeyRefused`` when a key appears twice, is not P-256, or a purpose has nothing to sign with."""
        self._signing = tuple(sorted(signing, key=lambda key: key.not_before))
        self._verification = (*(key.public for key in self._signing), *retired)
        self._retired = self._verification[len(self._signing) :]
        for key in self._verification:
            if key.kid != thumbprint(p256(key.public_key)):
                raise KeyRefused("kid_is_not_the_thumbprint")
        if len({key.kid for key in self._verification}) != len(self._verification):
            raise KeyRefused("key_twice")
        if {key.purpose for key in self._signing} != set(PURPOSES):
            raise KeyRefused("purpose_without_key")

    def signing_key(self, purpose: Purpose, at: datetime) -> SigningKey:
        """The newest key of this purpose whose time has come at ``at``.

        Before the first key's time it is the first one: replicas' clocks differ by seconds, and verifiers allow that.
        """
        keys = [key for key in self._signing if key.purpose == purpose]
        return next((key for key in reversed(keys) if key.not_before <= at), keys[0])

    def verification_keys(self, purpose: Purpose) -> Mapping[str, VerificationKey]:
        """By ``kid``: what may have signed artefacts of this purpose, retired keys included, revoked ones not."""
        return {key.kid: key for key in self._verification if key.purpose == purpose and not key.revoked}

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """For ``/.well-known/jwks.json`` (RFC 7517 5): the current and the next keys."""
        return {"keys": [public_jwk(key.public) for key in self._signing]}

    def jwks_archive(self) -> dict[str, list[dict[str, Any]]]:
        """Retired public keys with ``nbf`` and ``exp``, so that an old receipt can be checked offline."""
        return {"keys": [public_jwk(key) for key in self._retired]}


def generate_signing_key(purpose: Purpose, now: datetime) -> SigningKey:
    """A fresh key that signs from ``now`` on (cut to the second, like every time in a token)."""
    return _signing_key(ec.generate_private_key(ec.SECP256R1()), purpose, _aware(now).replace(microsecond=0))


def private_bytes(key: SigningKey) -> bytes:
    """PKCS #8 in DER (RFC 5958), not encrypted: whoever stores it wraps it first."""
    return key.private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def signing_key_from_bytes(data: bytes, purpose: Purpose, not_before: datetime) -> SigningKey:
    """The inverse of ``private_bytes``. Raises ``KeyRefused`` for anything but a P-256 private key (A12)."""
    try:
        key = serialization.load_der_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if key is None:
        raise KeyRefused("not_a_private_key")
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyRefused("not_p256")
    return _signing_key(key, purpose, _aware(not_before))


def public_jwk(key: VerificationKey) -> dict[str, Any]:
    """RFC 7517 with ``nbf``, and ``exp`` of a retired key (seconds since 1970)."""
    jwk: dict[str, Any] = bare_jwk(key.public_key)
    jwk |= {"kid": key.kid, "alg": ALGORITHM, "use": "sig", "nbf": int(key.not_before.timestamp())}
    if key.not_after is None:
        return jwk
    ended_s = int(key.not_after.timestamp())
    # OpenID Federation 1.0 8.7.2 has the word for it; whoever holds an old receipt asks the log when it was entered.
    return jwk | {"exp": ended_s} | ({"revoked": {"revoked_at": ended_s}} if key.revoked else {})


def private_jwk(key: SigningKey) -> dict[str, str]:
    """RFC 7518 6.2.2, for the clients of a sandbox: our own keys are never written like this."""
    secret = key.private_key.private_numbers().private_value.to_bytes(COORDINATE_BYTES, "big")
    return bare_jwk(key.private_key.public_key()) | {
        "d": _base64url(secret),
        "kid": key.kid,
        "alg": ALGORITHM,
    }


def verification_key_from_jwk(jwk: Mapping[str, Any], purpose: Purpose) -> VerificationKey:
    """The inverse of ``public_jwk``. Raises ``KeyRefused``."""
    public_key = public_key_from_jwk(jwk)
    kid = thumbprint(public_key)
    if jwk.get("kid", kid) != kid:
        raise KeyRefused("kid_is_not_the_thumbprint")
    not_before, not_after = _jwk_time(jwk.get("nbf")), _jwk_time(jwk.get("exp"))
    if not_before is None:
        raise KeyRefused("key_without_time")
    return VerificationKey(kid, purpose, public_key, not_before, not_after)


def public_key_from_jwk(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    """A P-256 public key from RFC 7517 members (RFC 7518 6.2.1), as ours are kept and others' are registered.

    Raises ``KeyRefused`` for another type or curve, a point off the curve, a private member, an unknown member.
    """
    if not _JWK_NEEDED <= jwk.keys() <= _JWK_ALLOWED:
        raise KeyRefused("jwk_members")
    if jwk["kty"] != "EC" or jwk["crv"] != "P-256" or jwk.get("alg", ALGORITHM) != ALGORITHM:
        raise KeyRefused("not_p256")
    x, y = _coordinate(jwk["x"]), _coordinate(jwk["y"])
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        pass
    raise KeyRefused("point_off_the_curve")


def thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """RFC 7638 3: SHA-256 over the required members in lexicographic order, base64url, 43 characters."""
    canonical = json.dumps(bare_jwk(key), sort_keys=True, separators=(",", ":")).encode()
    return _base64url(hashlib.sha256(canonical).digest())


def p256(key: object) -> ec.EllipticCurvePublicKey:
    """The same key when it is a public key on P-256. Raises ``KeyRefused`` for every other (A12)."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyRefused("not_p256")
    return key


def _signing_key(key: ec.EllipticCurvePrivateKey, purpose: Purpose, not_before: datetime) -> SigningKey:
    if purpose not in PURPOSES:
        raise KeyRefused("purpose_unknown")
    return SigningKey(thumbprint(p256(key.public_key())), purpose, key, not_before)


def bare_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """The four members that a thumbprint is made of (RFC 7638 3.2)."""
    numbers = key.public_numbers()
    x, y = (_base64url(number.to_bytes(COORDINATE_BYTES, "big")) for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _coordinate(text: object) -> int:
    """Exactly 32 bytes in canonical base64url: a key has one spelling, so it has one thumbprint."""
    if not isinstance(text, str):
        raise KeyRefused("jwk_members")
    try:
        raw = base64.urlsafe_b64decode(text + "=")
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != COORDINATE_BYTES or _base64url(raw) != text:
        raise KeyRefused("jwk_members")
    return int.from_bytes(raw, "big")


def _jwk_time(value: object) -> datetime | None:
    if value is None:
        return None
    if type(value) is not int or not 0 < value < 2**33:
        raise KeyRefused("jwk_members")
    return datetime.fromtimestamp(value, UTC)


def _aware(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("a time without zone")
    return time


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
