"""Signs and verifies every token of Berkas; the only importer of ``jose`` (``protocols.md`` 1.3, DESIGN.md D5).

python-jose 3.5.0 alone accepts a missing ``exp`` or ``aud``, any ``typ`` and ``crit``, a DER public key as HMAC secret,
several spellings of one token, and raises errors that are no JWTError. So the checks of ``auth.token_checks`` stand
before and after it, its keys are built once from P-256 key objects, and all of its errors end here.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import orjson
from jose import jws
from jose.backends import ECKey, RSAKey
from jose.exceptions import JOSEError

from auth.client_keys import ClientPublicKey, algorithm_of
from auth.keys import ALGORITHM, PURPOSES, KeySet, Purpose, SigningKey, VerificationKey, p256
from auth.tickets import TICKET, Ticket, TicketClaims, TicketDocument, read_ticket, ticket_members
from auth.token_cache import Remembered, Verified
from auth.token_checks import (
    GROUP_ORDER,
    LEEWAY_S,
    SIGNATURE_BYTES,
    Profile,
    TokenRefused,
    check_access,
    check_claims,
    check_text,
    check_times,
    frozen,
    parse,
    parse_json,
)

__all__ = [
    "ACCESS",
    "CONSENT",
    "CONSENT_REQUEST",
    "RECEIPT",
    "RECORD_RECEIPT",
    "TICKET",
    "Profile",
    "Ticket",
    "TicketClaims",
    "TicketDocument",
    "TokenDesk",
    "TokenRefused",
    "issue_ticket",
    "read_ticket",
]

_RECORD = frozenset({"iss", "jti", "iat"})
_PLACED = _RECORD | {"recipient", "log"}
_RECORD_CHARACTERS = 16_384

ACCESS = Profile(
    typ="at+jwt",  # RFC 9068 2.1
    purpose="access",
    required=frozenset({"iss", "sub", "client_id", "aud", "iat", "exp", "jti", "scope"}),
    life_limit_s=300,
    max_characters=4_096,
    read=check_access,
)
CONSENT_REQUEST = Profile("berkas-consent-request+jwt", "document", _RECORD, None, _RECORD_CHARACTERS)
CONSENT = Profile("berkas-consent+jwt", "document", _RECORD, None, _RECORD_CHARACTERS)
_OF_DELIVERY, _OF_RECORD = _PLACED | {"ticket", "consent", "doc"}, _PLACED | {"record"}
RECEIPT = Profile("berkas-delivery-receipt+jwt", "document", _OF_DELIVERY, None, _RECORD_CHARACTERS)
RECORD_RECEIPT = Profile("berkas-record-receipt+jwt", "document", _OF_RECORD, None, _RECORD_CHARACTERS)

_SAFE_BACKEND = "jose.backends.cryptography_backend"
# What python-jose has been seen to raise besides JWTError (`protocols.md` 1.4).
_LIBRARY_ERRORS = (
    JOSEError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
    UnicodeError,
)


@dataclass(frozen=True, slots=True)
class _VerifyingKey:
    key: Any  # jose's ECKey, which has no types
    not_before_s: float
    not_after_s: float


@dataclass(frozen=True, slots=True)
class _With:
    """What a desk works with: its keys, ready to verify, and what was verified with them."""

    keys: KeySet
    verifying: Mapping[Purpose, Mapping[str, _VerifyingKey]]
    remembered: Remembered


class TokenDesk:
    """Signs and verifies for one issuer. Safe to use from several threads.

    It remembers verified signatures. When its keys are turned, everything goes that it remembered (A16).
    """

    def __init__(self, issuer: str, audience: str, keys: KeySet) -> None:
        """``issuer`` is the public origin, ``audience`` the API's identifier (``{origin}/v1``).

        Raises ``RuntimeError`` when python-jose fell back to another implementation than ``cryptography``.
        """
        # The pure-Python `ecdsa` signs in a time that depends on the key (CVE-2024-23342).
        if (used := {ECKey.__module__, RSAKey.__module__}) != {_SAFE_BACKEND}:
            raise RuntimeError(f"python-jose uses {', '.join(sorted(used))}, expected {_SAFE_BACKEND}")
        self._issuer = issuer
        self._audience = audience
        self.turn(keys)

    def turn(self, keys: KeySet) -> None:
        """From now on with these keys and no others."""
        verifying = {
            purpose: {kid: _verifying_key(key) for kid, key in keys.verification_keys(purpose).items()}
            for purpose in PURPOSES
        }
        self._with = _With(keys, verifying, Remembered())  # in one step, for whoever verifies meanwhile

    @property
    def keys(self) -> KeySet:
        return self._with.keys

    def sign(self, profile: Profile, claims: Mapping[str, Any]) -> str:
        """A compact JWS over ``claims`` and ``iss``, and ``aud`` where the type has one. ``iat`` chooses the key.

        Raises ``ValueError`` for claims that ``verify`` would refuse at the moment of ``iat`` (a bug, not a refusal) and
        ``TypeError`` for what is not JSON.
        """
        complete = {
            "iss": self._issuer,
            **({} if profile.life_limit_s is None else {"aud": self._audience}),
            **claims,
        }
        issued_at = complete.get("iat")
        if type(issued_at) is not int or not 0 < issued_at < 2**33:
            raise ValueError("these claims cannot be signed: time_type")
        current = self._with
        key = current.keys.signing_key(profile.purpose, datetime.fromtimestamp(issued_at, UTC))
        payload = _encoded(complete)
        try:
            # Parsed again, because that is what the verifier will see: json.dumps writes NaN, and 1 and "1" alike.
            claims_to_be = parse_json(payload)
            meaning = self._check(profile, current.verifying[profile.purpose][key.kid], claims_to_be)
            check_times(profile, claims_to_be, issued_at)
        except TokenRefused as refusal:
            raise ValueError(f"these claims cannot be signed: {refusal.reason}") from None
        token = signed_as_is(_header(profile.typ, key.kid), payload, key)
        if len(token) > profile.max_characters:
            raise ValueError("these claims cannot be signed: too_long")
        if profile.life_limit_s is not None:
            # A ticket usually comes back to the process that signed it: what we signed need not be verified again.
            digest = hashlib.sha256(token.encode()).digest()
            current.remembered.keep(digest, Verified(profile, frozen(claims_to_be), meaning, len(token)))
        return token

    def verify(self, profile: Profile, token: str, now: datetime) -> Mapping[str, Any]:
        """The claims, read-only (arrays as tuples). Raises ``TokenRefused``, and nothing else for any token."""
        return self._verified(profile, token, now).claims

    def ticket(self, token: str, now: datetime, *, expired_too: bool = False) -> Ticket:
        """A verified ticket, read. Raises ``TokenRefused``.

        ``expired_too`` forgives ``exp`` and nothing else: for a caller that judges ``expires_at`` itself, in the batch,
        so that the expired ticket of a known holder leaves its entry.
        """
        meaning = self._verified(TICKET, token, now, expired_too=expired_too).meaning
        if not isinstance(meaning, Ticket):
            raise TypeError("the reader of tickets reads tickets")
        return meaning

    def _verified(
        self, profile: Profile, token: str, now: datetime, *, expired_too: bool = False
    ) -> Verified:
        if now.tzinfo is None:
            raise ValueError("a time without zone")
        check_text(token, profile.max_characters)
        digest = hashlib.sha256(token.encode()).digest()
        current = self._with
        verified = current.remembered.find(digest, profile)
        fresh = verified is None
        if verified is None:
            verified = self._freshly_verified(current.verifying[profile.purpose], profile, token)
        check_times(profile, verified.claims, now.timestamp(), expired_too=expired_too)
        if fresh:
            current.remembered.keep(digest, verified)
        return verified

    def _freshly_verified(self, keys: Mapping[str, _VerifyingKey], profile: Profile, token: str) -> Verified:
        signed = False
        try:
            unverified = parse(profile, token, keys)
            # jws.verify instead of jwt.decode: the latter parses all of it twice more (20 us, 90 us for a long ticket)
            # to ask less than check_claims does, and its require_exp would judge by the machine's clock, whatever its
            # options say. A list of algorithms, never a string (a substring test) and never None (everything).
            signed = jws.verify(token, keys[unverified.kid].key, [ALGORITHM]) == unverified.payload
            if signed:
                meaning = self._check(profile, keys[unverified.kid], unverified.claims)
                return Verified(profile, frozen(unverified.claims), meaning, len(token))
        except _LIBRARY_ERRORS:
            pass
        # Raised outside of the handler, so that no traceback carries the library's text with parts of the token.
        raise TokenRefused("malformed" if signed else "signature")

    def _check(self, profile: Profile, key: _VerifyingKey, claims: dict[str, Any]) -> object:
        """Rule 4 but for the clock: claims that the issuer means, in the time of the key. Returns their meaning."""
        check_claims(profile, claims, self._issuer, self._audience)
        if not key.not_before_s - LEEWAY_S <= claims["iat"] <= key.not_after_s + LEEWAY_S:
            raise TokenRefused("key_period")
        return None if profile.read is None else profile.read(claims)


def is_signed_by(token: str, key: ClientPublicKey) -> bool:
    """Is this well-formed token (``token_checks.split``) signed with ``key``, a client's? With the key's own algorithm, whatever the
    header says. Never raises for a token.
    """
    algorithm = algorithm_of(key)
    try:
        prepared = ECKey(p256(key), algorithm) if algorithm == ALGORITHM else RSAKey(key, algorithm)
        jws.verify(token, prepared, [algorithm])
    except _LIBRARY_ERRORS:
        return False
    return True


def issue_ticket(desk: TokenDesk, claims: TicketClaims, now: datetime) -> str:
    """Sign a ticket. Raises ``ValueError`` when it is malformed, lives longer than 300 s, or is over at ``now``."""
    if now >= claims.expires_at:
        raise ValueError("this ticket is over before it is issued")
    return desk.sign(TICKET, ticket_members(claims))


def signed_as_is(header: bytes, payload: bytes, key: SigningKey) -> str:
    """A compact JWS over any bytes (RFC 7515 3.1). Unchecked: for ``sign``, and for the self-test's bad tokens."""
    signing_input = _base64url(header) + b"." + _base64url(payload)
    signature = _low_s(ECKey(key.private_key, ALGORITHM).sign(signing_input))
    return (signing_input + b"." + _base64url(signature)).decode()


@functools.lru_cache(maxsize=64)
def _header(typ: str, kid: str) -> bytes:
    return _JSON.encode({"alg": ALGORITHM, "typ": typ, "kid": kid}).encode()


def _low_s(signature: bytes) -> bytes:
    """python-jose does not normalise: half of its signatures would have a second valid spelling."""
    half = SIGNATURE_BYTES // 2
    s = int.from_bytes(signature[half:], "big")
    return signature if s <= GROUP_ORDER // 2 else signature[:half] + (GROUP_ORDER - s).to_bytes(half, "big")


def _verifying_key(key: VerificationKey) -> _VerifyingKey:
    not_after_s = float("inf") if key.not_after is None else key.not_after.timestamp()
    return _VerifyingKey(ECKey(p256(key.public_key), ALGORITHM), key.not_before.timestamp(), not_after_s)


def _plain(value: object) -> dict[str, Any]:
    """Claims that came out of ``verify`` may be signed again, in the next revision of a record."""
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _encoded(claims: Mapping[str, Any]) -> bytes:
    """``orjson`` takes a third of the time. What it refuses or would write as null (NaN) goes to the library that says why."""
    try:
        fast = orjson.dumps(claims, default=_plain, option=_NOTHING_SPECIAL)
    except TypeError:
        fast = b"null"
    return _JSON.encode(claims).encode() if b"null" in fast else fast


_NOTHING_SPECIAL = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_plain)


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
