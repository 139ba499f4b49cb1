"""Signing keys: only P-256, named by their thumbprint, never mixed between purposes, never shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc.jwk import ECKey

from auth.keys import (
    KeyRefused,
    KeySet,
    SigningKey,
    VerificationKey,
    generate_signing_key,
    private_bytes,
    public_jwk,
    public_key_from_jwk,
    signing_key_from_bytes,
    thumbprint,
    verification_key_from_jwk,
)
from tests.auth.forging import KEYS, NOW, b64, signing_key

DOCUMENT, ACCESS = KEYS["document"], KEYS["access"]


def der(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def test_a_key_survives_storage() -> None:
    key = generate_signing_key("document", NOW + timedelta(microseconds=5))
    again = signing_key_from_bytes(private_bytes(key), "document", key.not_before)
    assert (again.kid, again.purpose, again.not_before) == (key.kid, "document", NOW)
    assert private_bytes(again) == private_bytes(key)


def test_kid_is_the_thumbprint_that_others_compute() -> None:
    """RFC 7638 3.1 has an RSA example only; joserfc is the second opinion."""
    jwk = public_jwk(DOCUMENT.public)
    assert jwk["kid"] == DOCUMENT.kid == ECKey.import_key(dict(jwk)).thumbprint()
    assert len(DOCUMENT.kid) == 43


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("P-384", der(ec.generate_private_key(ec.SECP384R1())), "not_p256"),
        ("P-521", der(ec.generate_private_key(ec.SECP521R1())), "not_p256"),
        ("secp256k1", der(ec.generate_private_key(ec.SECP256K1())), "not_p256"),
        ("brainpool", der(ec.generate_private_key(ec.BrainpoolP256R1())), "not_p256"),
        ("RSA-1024", der(rsa.generate_private_key(65537, 1024)), "not_p256"),
        ("RSA-2048", der(rsa.generate_private_key(65537, 2048)), "not_p256"),
        ("Ed25519", der(ed25519.Ed25519PrivateKey.generate()), "not_p256"),
        ("nothing", b"", "not_a_private_key"),
        ("text", b"secret", "not_a_private_key"),
        ("cut off", private_bytes(DOCUMENT)[:-1], "not_a_private_key"),
        (
            "with a password",
            DOCUMENT.private_key.private_bytes(
                Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
            ),
            "not_a_private_key",
        ),
        (
            "PEM",
            DOCUMENT.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "not_a_private_key",
        ),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else "key"
    ),  # a fresh key in a test's name would be another name in each process
)
def test_a12_other_private_keys_are_refused(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(KeyRefused) as refusal:
        signing_key_from_bytes(data, "document", NOW)
    assert refusal.value.reason == reason


def jwk_with(**changes: Any) -> dict[str, Any]:
    jwk = public_jwk(DOCUMENT.public) | changes
    return {name: value for name, value in jwk.items() if value is not ...}


def rsa_jwk(bits: int) -> dict[str, Any]:
    return {"kty": "RSA", "n": b64(b"\xff" * (bits // 8)), "e": "AQAB"}


@pytest.mark.parametrize(
    ("name", "jwk", "reason"),
    [
        ("RSA-512", rsa_jwk(512), "jwk_members"),
        ("RSA-1024", rsa_jwk(1024), "jwk_members"),
        ("symmetric", {"kty": "oct", "k": "AAAA"}, "jwk_members"),
        ("P-384", dict(ECKey.generate_key("P-384", private=False).as_dict(private=False)), "not_p256"),
        ("curve renamed", jwk_with(crv="P-384"), "not_p256"),
        ("type renamed", jwk_with(kty="OKP"), "not_p256"),
        ("alg HS256", jwk_with(alg="HS256"), "not_p256"),
        ("the private key in it", jwk_with(d=b64(b"\x01" * 32)), "jwk_members"),
        ("x5u", jwk_with(x5u="https://evil.example"), "jwk_members"),
        ("no y", jwk_with(y=...), "jwk_members"),
        ("x a number", jwk_with(x=5), "jwk_members"),
        ("x short", jwk_with(x=b64(b"\x01" * 31)), "jwk_members"),
        ("x with padding", jwk_with(x=str(jwk_with()["x"]) + "="), "jwk_members"),
        ("x not ASCII", jwk_with(x="\u00e9" * 43), "jwk_members"),
        ("off the curve", jwk_with(x=b64(b"\x01" * 32)), "point_off_the_curve"),
        ("zero", jwk_with(x=b64(bytes(32)), y=b64(bytes(32))), "point_off_the_curve"),
        ("x over the prime", jwk_with(x=b64(b"\xff" * 32)), "point_off_the_curve"),
        ("another kid", jwk_with(kid=ACCESS.kid), "kid_is_not_the_thumbprint"),
        ("no nbf", jwk_with(nbf=...), "key_without_time"),
        ("nbf true", jwk_with(nbf=True), "jwk_members"),
        ("exp a string", jwk_with(exp="1"), "jwk_members"),
    ],
)
def test_a12_other_public_keys_are_refused(name: str, jwk: dict[str, Any], reason: str) -> None:
    with pytest.raises(KeyRefused) as refusal:
        verification_key_from_jwk(jwk, "document")
    assert refusal.value.reason == reason


def test_a_retired_key_survives_the_archive() -> None:
    retired = DOCUMENT.retired(NOW)
    jwk = json.loads(json.dumps(public_jwk(retired)))
    assert jwk["exp"] == int(NOW.timestamp())
    assert "d" not in jwk
    again = verification_key_from_jwk(jwk, "document")
    assert (again.kid, again.not_before, again.not_after) == (retired.kid, retired.not_before, NOW)
    assert thumbprint(public_key_from_jwk(jwk)) == retired.kid


def test_nothing_secret_is_shown() -> None:
    secret = DOCUMENT.private_key.private_numbers().private_value
    shown = (
        repr(DOCUMENT)
        + repr(DOCUMENT.public)
        + repr(KeySet(KEYS.values()))
        + json.dumps(KeySet(KEYS.values()).jwks())
    )
    assert str(secret) not in shown
    assert f"{secret:x}" not in shown
    assert b64(secret.to_bytes(32, "big")) not in shown
    assert "EllipticCurvePrivateKey" not in shown


def test_a_kid_selects_among_the_keys_of_its_purpose() -> None:
    keys = KeySet(KEYS.values())
    assert set(keys.verification_keys("document")) == {DOCUMENT.kid}
    assert set(keys.verification_keys("access")) == {ACCESS.kid}


def test_the_next_key_takes_over_at_its_time() -> None:
    following = replace(signing_key("document", "TEST ONLY next"), not_before=NOW)
    keys = KeySet([following, *KEYS.values()])
    second = timedelta(seconds=1)
    assert keys.signing_key("document", NOW - second).kid == DOCUMENT.kid
    assert keys.signing_key("document", NOW).kid == following.kid
    assert keys.signing_key("access", NOW).kid == ACCESS.kid
    assert {jwk["kid"] for jwk in keys.jwks()["keys"]} == {DOCUMENT.kid, ACCESS.kid, following.kid}
    before_all = DOCUMENT.not_before - second
    assert keys.signing_key("document", before_all).kid == DOCUMENT.kid


def test_archive_holds_the_retired_ones_only() -> None:
    retired = signing_key("document", "TEST ONLY old").retired(NOW)
    keys = KeySet(KEYS.values(), [retired])
    assert [jwk["kid"] for jwk in keys.jwks_archive()["keys"]] == [retired.kid]
    assert retired.kid not in {jwk["kid"] for jwk in keys.jwks()["keys"]}
    assert retired.kid in keys.verification_keys("document")


def renamed(key: SigningKey) -> SigningKey:
    return replace(key, kid="doc-2026-2")


def p384_key() -> VerificationKey:
    key: Any = ec.generate_private_key(ec.SECP384R1()).public_key()
    return VerificationKey("x", "document", key, NOW)


@pytest.mark.parametrize(
    ("signing", "retired", "reason"),
    [
        ([DOCUMENT], [], "purpose_without_key"),
        ([], [], "purpose_without_key"),
        ([DOCUMENT, ACCESS, DOCUMENT], [], "key_twice"),
        ([DOCUMENT, replace(DOCUMENT, purpose="access")], [], "key_twice"),
        ([DOCUMENT, ACCESS], [DOCUMENT.retired(NOW)], "key_twice"),
        ([renamed(DOCUMENT), ACCESS], [], "kid_is_not_the_thumbprint"),
        ([DOCUMENT, ACCESS], [p384_key()], "not_p256"),
    ],
    ids=[
        "no access key",
        "none",
        "twice",
        "one key for two purposes",
        "retired and signing",
        "renamed",
        "P-384",
    ],
)
def test_sets_that_contradict_themselves(
    signing: list[SigningKey], retired: list[VerificationKey], reason: str
) -> None:
    with pytest.raises(KeyRefused) as refusal:
        KeySet(signing, retired)
    assert refusal.value.reason == reason


def test_times_carry_a_zone() -> None:
    naive = datetime(2026, 11, 24, tzinfo=UTC).replace(tzinfo=None)
    for make in (
        lambda: generate_signing_key("document", naive),
        lambda: signing_key_from_bytes(private_bytes(DOCUMENT), "document", naive),
        lambda: DOCUMENT.retired(naive),
    ):
        with pytest.raises(ValueError, match="zone"):
            make()
