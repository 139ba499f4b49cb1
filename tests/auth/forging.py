"""Makes good and bad tokens with ``cryptography`` alone, so that the module under test has no hand in them.

TEST ONLY: the private keys are SHA-256 hashes of the sentences below. Anybody can sign with them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from auth.keys import KeySet, Purpose, SigningKey, thumbprint
from auth.tokens import (
    ACCESS,
    CONSENT,
    CONSENT_REQUEST,
    RECEIPT,
    TICKET,
    Profile,
    TicketClaims,
    TicketDocument,
    TokenDesk,
)

NOW = datetime(2026, 11, 24, 6, 40, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
ISSUER = "https://berkas.example.go.id"
AUDIENCE = "https://berkas.example.go.id/v1"
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PROFILES: tuple[Profile, ...] = (ACCESS, TICKET, CONSENT_REQUEST, CONSENT, RECEIPT)


def private_key(sentence: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(
        int.from_bytes(hashlib.sha256(sentence.encode()).digest(), "big") % N, ec.SECP256R1()
    )


def signing_key(purpose: Purpose, sentence: str | None = None) -> SigningKey:
    private = private_key(sentence or f"berkas TEST ONLY {purpose} key")
    return SigningKey(thumbprint(private.public_key()), purpose, private, NOW - timedelta(days=30))


KEYS: dict[Purpose, SigningKey] = {"access": signing_key("access"), "document": signing_key("document")}
STRANGER = private_key("berkas TEST ONLY stranger")


def fresh_desk() -> TokenDesk:
    return TokenDesk(ISSUER, AUDIENCE, KeySet(KEYS.values()))


def ulid(prefix: str, number: int = 0) -> str:
    return f"{prefix}_01JD7XKQ{number:018d}"


def good_claims(profile: Profile) -> dict[str, Any]:
    """Complete claims of this type that are accepted at ``NOW``."""
    claims: dict[str, Any] = {"iss": ISSUER, "iat": NOW_S}
    if profile is TICKET:
        return claims | {
            "aud": AUDIENCE,
            "jti": ulid("t"),
            "nbf": NOW_S,
            "exp": NOW_S + 300,
            "sub": "pw:6YtAAAAAAAAAAAAAAAAAAA",
            "agency": "DPMPTSP@6472",
            "act": {"sub": "officer:0192", "sid": ulid("s"), "counter": "Loket 3"},
            "purpose": "DPMPTSP.IUMK",
            "application_no": "IUM-2026-00412",
            "consent": {"id": ulid("c"), "rev": 1, "sha256": "ab" * 32},
            "docs": [ticket_doc(1)],
            "max_uses_per_doc": 1,
        }
    if profile is ACCESS:
        who = {"sub": "dpmptsp-oss", "client_id": "dpmptsp-oss", "scope": "tickets.issue feed.read"}
        return claims | who | {"aud": AUDIENCE, "jti": "at-0123456789abcdef", "exp": NOW_S + 300}
    if profile is RECEIPT:
        return claims | {
            "jti": ulid("r"),
            "ticket": ulid("t"),
            "consent": {"id": ulid("c"), "sha256": "ab" * 32},
            "recipient": "DPMPTSP@6472",
            "act": "officer:0192",
            "doc": {"id": ulid("d"), "ver": 3, "type": "KTP", "source_sha256": "9c" * 32, "size": 482113},
            "log": {"origin": "berkas.example.go.id/akses", "index": 18234, "leaf_sha256": "cd" * 32},
        }
    return claims | {
        "jti": "urn:uuid:5b0e0000-0000-4000-8000-000000000000",
        "items": [{"document_type": "KTP"}],
    }


def ticket_doc(number: int) -> dict[str, Any]:
    doc = {"id": ulid("d", number), "ver": 3, "type": "KTP", "sha256": "9c" * 32}
    return doc | {"size": 482113, "media": "application/pdf"}


def ticket_claims(documents: int = 1, **changes: Any) -> TicketClaims:
    members: dict[str, Any] = {
        "jti": ulid("t"),
        "sub": "pw:6YtAAAAAAAAAAAAAAAAAAA",
        "agency": "DPMPTSP@6472",
        "purpose": "DPMPTSP.IUMK",
        "consent_id": ulid("c"),
        "consent_rev": 1,
        "consent_sha256": "ab" * 32,
        "docs": tuple(TicketDocument(**ticket_doc(number)) for number in range(documents)),
        "issued_at": NOW,
        "expires_at": NOW + timedelta(seconds=300),
        "act_sub": "officer:0192",
        "act_sid": ulid("s"),
        "act_counter": "Loket 3",
        "application_no": "IUM-2026-00412",
    }
    return TicketClaims(**(members | changes))


def header_of(profile: Profile) -> dict[str, Any]:
    return {"alg": "ES256", "typ": profile.typ, "kid": KEYS[profile.purpose].kid}


def forge(
    profile: Profile,
    claims: dict[str, Any] | bytes | None = None,
    header: dict[str, Any] | bytes | None = None,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    high_s: bool = False,
) -> str:
    """A token of exactly these bytes, signed by ``key`` (our own for this type unless told)."""
    key = key or KEYS[profile.purpose].private_key
    signing_input = f"{part(header_of(profile) if header is None else header)}.{part(good_claims(profile) if claims is None else claims)}"
    r, s = decode_dss_signature(key.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
    if isinstance(key.curve, ec.SECP256R1) and (s > N // 2) != high_s:
        s = N - s
    size = (key.key_size + 7) // 8
    return f"{signing_input}.{b64(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"


def forge_hmac(profile: Profile, secret: bytes, alg: str = "HS256") -> str:
    signing_input = f"{part(header_of(profile) | {'alg': alg})}.{part(good_claims(profile))}"
    return f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), hashlib.sha256).digest())}"


def part(value: dict[str, Any] | bytes) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def respelled(token: str) -> str:
    """The same bytes: a bit that no byte needs is set in the last character of the signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def with_raw_claim(profile: Profile, name: str, json_text: str) -> bytes:
    """The good payload with one member written as this very text, valid JSON or not."""
    rest = {member: value for member, value in good_claims(profile).items() if member != name}
    return f"{json.dumps(rest, separators=(',', ':'))[:-1]},{json.dumps(name)}:{json_text}}}".encode()
