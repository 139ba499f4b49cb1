"""What key a client may have (A12), and RSA beside P-256: for assertions only, with the key's own algorithm only."""

from __future__ import annotations

import functools
import hmac
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from auth.client_keys import (
    FOUND_KEYS_LIFE,
    algorithm_of,
    bare_client_jwk,
    client_key_from_jwk,
    counts,
    jwk_thumbprint,
    keys_in_set,
)
from auth.client_tokens import claimed_client, verified_assertion, verified_proof
from auth.keys import KeyRefused, thumbprint
from auth.token_checks import TokenRefused
from tests.auth.forging import NOW, STRANGER, b64, forge, part, unb64
from tests.auth.test_client_tokens import (
    A_CLAIMS,
    A_HEADER,
    AUDIENCES,
    BARE,
    KEY,
    KID,
    P_CLAIMS,
    P_HEADER,
    URI,
)
from tests.auth.test_client_tokens import assertion as signed_by_p256

RSA_KID = "kunci-lama"
HEADER = {"alg": "RS256", "typ": "JWT", "kid": RSA_KID}


def rsa_key(bits: int = 2_048, number: int = 0) -> rsa.RSAPrivateKey:
    """The same one for the same arguments, in whatever way they are given."""
    return _made(bits, number)


@functools.cache
def _made(bits: int, number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


def jwk_of(modulus: int, exponent: int = 65_537) -> dict[str, Any]:
    raw = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    return {"kty": "RSA", "n": b64(raw), "e": b64(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big"))}


def public(bits: int = 2_048) -> dict[str, Any]:
    return jwk_of(rsa_key(bits).public_key().public_numbers().n)


def odd(bits: int) -> int:
    return random.Random(bits).getrandbits(bits) | 1 << (bits - 1) | 1


@pytest.mark.parametrize("bits", [2_048, 3_072, 4_096])
def test_rsa_keys_that_are_taken(bits: int) -> None:
    jwk = public(bits)
    key = client_key_from_jwk(jwk | {"alg": "RS256", "use": "sig", "kid": "x"})
    assert algorithm_of(key) == "RS256"
    assert bare_client_jwk(key) == jwk
    assert jwk_thumbprint(jwk) == RSAKey.import_key(jwk).thumbprint()  # RFC 7638, by a library
    assert client_key_from_jwk(bare_client_jwk(key)) == key


def test_ours_are_spelt_as_before() -> None:
    key = client_key_from_jwk(BARE)
    assert algorithm_of(key) == "ES256"
    assert bare_client_jwk(key) == BARE
    assert jwk_thumbprint(BARE) == thumbprint(KEY.public_key())


REFUSED: dict[str, Callable[[], dict[str, Any]]] = {
    "A12 512 bits": lambda: jwk_of(odd(512)),
    "A12 1024 bits": lambda: jwk_of(odd(1_024)),
    "A12 2047 bits": lambda: jwk_of(odd(2_047)),
    "4097 bits": lambda: jwk_of(odd(4_097)),
    "16384 bits": lambda: jwk_of(odd(16_384)),
    "an even modulus": lambda: jwk_of(odd(2_048) - 1),
    "e = 3": lambda: jwk_of(odd(2_048), 3),
    "e = 1": lambda: jwk_of(odd(2_048), 1),
    "e in another spelling": lambda: public() | {"e": "AAEAAQ"},
    "e that is a number": lambda: public() | {"e": 65_537},
    "no e": lambda: {"kty": "RSA", "n": public()["n"]},
    "n with a leading zero": lambda: public() | {"n": b64(b"\x00" + unb64(public()["n"]))},
    "n in another spelling": lambda: public() | {"n": public()["n"] + "="},
    "n with a bit that no byte needs": lambda: public() | {"n": public()["n"][:-1] + "B"},
    "n that is no text": lambda: public() | {"n": [1]},
    "a private member": lambda: public() | {"d": public()["n"]},
    "PS256": lambda: public() | {"alg": "PS256"},
    "RS512": lambda: public() | {"alg": "RS512"},
    "members of another type": lambda: public() | {"x": BARE["x"]},
    "an EC key that says RSA": lambda: BARE | {"kty": "RSA"},
    "an RSA key that says EC": lambda: public() | {"kty": "EC"},
    "A12 P-384": lambda: BARE | {"crv": "P-384"},
    "a shared secret": lambda: {"kty": "oct", "k": "AAAA"},
    "nothing": dict,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_key_that_is_not_taken(name: str) -> None:
    with pytest.raises(KeyRefused):
        client_key_from_jwk(REFUSED[name]())


def signed(
    claims: Any = A_CLAIMS, header: Any = HEADER, *, key: Any = None, how: Any = None, alg: Any = None
) -> str:
    signing_input = f"{part(header)}.{part(claims)}"
    key = key or rsa_key()
    signature = key.sign(signing_input.encode(), how or padding.PKCS1v15(), alg or hashes.SHA256())
    return f"{signing_input}.{b64(signature)}"


def authenticate(token: str) -> str:
    claimed_client(token)
    keys = {KID: client_key_from_jwk(BARE), RSA_KID: client_key_from_jwk(public())}
    return verified_assertion(token, keys, AUDIENCES, NOW).client_id


def test_what_other_libraries_sign_with_rsa_authenticates() -> None:
    pem = rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    theirs = jwt.encode(HEADER, A_CLAIMS, RSAKey.import_key(pem), algorithms=["RS256"])
    for token in (theirs, signed(), signed_by_p256()):
        assert authenticate(token) == A_CLAIMS["sub"]
    large = {RSA_KID: client_key_from_jwk(public(4_096))}
    assert verified_assertion(signed(key=rsa_key(4_096)), large, AUDIENCES, NOW).client_id == A_CLAIMS["sub"]


def by_hmac(encoding: serialization.Encoding, alg: str) -> str:
    secret = rsa_key().public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{part(HEADER | {'alg': alg})}.{part(A_CLAIMS)}"
    mac = hmac.new(secret, signing_input.encode(), "sha256").digest()
    return f"{signing_input}.{b64(mac)}"


PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
ATTACKS: dict[str, tuple[Callable[[], str], str]] = {
    "A01 none": (lambda: signed(header=HEADER | {"alg": "none"}), "alg"),
    "A01 nOnE": (lambda: signed(header=HEADER | {"alg": "nOnE"}), "alg"),
    "A02 HS256 by the PEM": (lambda: by_hmac(serialization.Encoding.PEM, "HS256"), "signature_length"),
    "A02 HS256 by the DER": (lambda: by_hmac(serialization.Encoding.DER, "HS256"), "signature_length"),
    "A02 RS256 over a MAC": (lambda: by_hmac(serialization.Encoding.PEM, "RS256"), "signature_length"),
    "HS256 over a signature": (lambda: signed(header=HEADER | {"alg": "HS256"}), "alg"),
    "PS256": (lambda: signed(header=HEADER | {"alg": "PS256"}, how=PSS), "alg"),
    "PS256 that says RS256": (lambda: signed(how=PSS), "signature"),
    "RS384": (lambda: signed(header=HEADER | {"alg": "RS384"}, alg=hashes.SHA384()), "alg"),
    "RS512 that says RS256": (lambda: signed(alg=hashes.SHA512()), "signature"),
    "an algorithm that is a list": (lambda: signed(header=HEADER | {"alg": ["RS256"]}), "alg"),
    "no algorithm": (lambda: signed(header={"kid": RSA_KID}), "alg"),
    "the P-256 key, RS256 in the header": (lambda: signed_by_p256(header=A_HEADER | {"alg": "RS256"}), "alg"),
    "RSA under the name of the P-256 key": (lambda: signed(header=HEADER | {"kid": KID}), "alg"),
    "P-256 under the name of the RSA key": (lambda: signed_by_p256(header=A_HEADER | {"kid": RSA_KID}), "alg"),
    "RSA that says ES256": (lambda: signed(header=HEADER | {"alg": "ES256", "kid": KID}), "signature_length"),
    "A17 another RSA key": (lambda: signed(key=rsa_key(number=1)), "signature"),
    "A17 a larger RSA key": (lambda: signed(key=rsa_key(4_096)), "signature"),
    "an unknown name": (lambda: signed(header=HEADER | {"kid": "x"}), "kid"),
    "A04 a key in the header": (lambda: signed(header=HEADER | {"jwk": public()}), "header_members"),
    "A08 another payload": (lambda: changed(signed()), "signature"),
    "a byte before the signature": (lambda: padded(signed()), "signature"),
    "P-256 that says RS256": (lambda: signed_by_p256(header=HEADER), "signature_length"),
    "A10 a signature of 513 bytes": (lambda: f"{part(HEADER)}.{part(A_CLAIMS)}.{b64(bytes(513))}", "signature_length"),
    "the strangers' example of RFC 7517": (lambda: signed(header=HEADER | {"kid": "2011-04-29"}), "kid"),
}  # fmt: skip


def changed(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{part(A_CLAIMS | {'x': 1})}.{signature}"


def padded(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{b64(bytes(1) + unb64(signature))}"


@pytest.mark.parametrize("name", ATTACKS)
def test_an_assertion_is_refused(name: str) -> None:
    make, reason = ATTACKS[name]
    with pytest.raises(TokenRefused) as refused:
        authenticate(make())
    assert refused.value.reason == reason


def test_a_proof_is_p256_and_nothing_else() -> None:
    """RS256 is for assertions: a proof by RSA is none, whoever may have what."""
    for header, reason in (
        (P_HEADER | {"alg": "RS256", "jwk": public()}, "signature_length"),
        (P_HEADER | {"alg": "ES256", "jwk": public()}, "signature_length"),
    ):
        with pytest.raises(TokenRefused, match=reason):
            verified_proof(signed(P_CLAIMS, header), method="GET", uri=URI, now=NOW)
    for header, reason in (
        (P_HEADER | {"alg": "RS256"}, "alg"),
        (P_HEADER | {"jwk": public()}, "jwk"),
    ):
        token = forge_proof(header)
        with pytest.raises(TokenRefused, match=reason):
            verified_proof(token, method="GET", uri=URI, now=NOW)


def forge_proof(header: dict[str, Any]) -> str:
    from tests.auth.forging import PROFILES

    return forge(PROFILES[0], P_CLAIMS, header, key=STRANGER)


@dataclass
class AClient:
    rs256: bool = False
    jwks_at: datetime | None = None
    agency_id: str = "DPMPTSP@6472"
    scopes: str = ""
    active: bool = True
    purposes: str = ""


@dataclass
class AKey:
    alg: str = "ES256"
    by_uri: bool = False
    active: bool = True
    withdrawn: bool = False


@pytest.mark.parametrize(
    ("key", "client", "good"),
    [
        (AKey(), AClient(), True),
        (AKey(active=False), AClient(), False),
        (AKey(withdrawn=True), AClient(), False),
        (AKey("RS256"), AClient(), False),
        (AKey("RS256"), AClient(rs256=True), True),
        (AKey(by_uri=True), AClient(), False),
        (AKey(by_uri=True), AClient(jwks_at=NOW - FOUND_KEYS_LIFE + timedelta(seconds=1)), True),
        (AKey(by_uri=True), AClient(jwks_at=NOW - FOUND_KEYS_LIFE), False),
        (AKey(), AClient(jwks_at=NOW - FOUND_KEYS_LIFE), True),
    ],
)
def test_which_key_counts(key: AKey, client: AClient, *, good: bool) -> None:
    assert counts(key, client, NOW) == good


def test_a_set_of_both_kinds() -> None:
    """RFC 7517 5: what is not a public signing key that a client could have is left out."""
    listed = [
        {**BARE, "kid": KID, "x5c": ["MII"], "key_ops": ["verify"], "nbf": 1, "iss": "members of others"},
        {**public(), "kid": RSA_KID, "alg": "RS256", "use": "sig"},
        {**public(), "kid": "enc", "use": "enc"},
        {**jwk_of(odd(1_024)), "kid": "small"},
        "no key",
        {**BARE},
        {**BARE, "kid": "k" * 65},
    ]
    found = keys_in_set(json.dumps({"keys": listed, "more": 1}).encode())
    assert {kid: algorithm_of(key) for kid, key in found.items()} == {KID: "ES256", RSA_KID: "RS256"}
    assert keys_in_set(b'{"keys":[]}') == {}


@pytest.mark.parametrize(
    "document",
    [
        b"", b"[]", b"null", b"{}", b'{"keys":{}}', b'{"keys":[],"keys":[]}', b"\xff", b"[" * 60_000, b'{"keys":[1.5]}',
        b'{"keys":[' + b",".join([b"{}"] * 11) + b"]}",
    ],
)  # fmt: skip
def test_what_is_no_set(document: bytes) -> None:
    with pytest.raises(KeyRefused, match="set_"):
        keys_in_set(document)
