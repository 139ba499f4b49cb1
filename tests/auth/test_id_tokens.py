"""What a provider signs, and every way to get it wrong: one wrong thing each, in a token that is right but for it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from auth.id_tokens import Ended, Identity, Party, key_id, read_id_token, read_logout_token
from auth.token_checks import TokenRefused
from tests.provider import LOGOUT_EVENT, SIGNER, Signer, half_hash, segment, without

ISSUER, CLIENT = "https://sso.contoh.go.id/realms/mpp", "berkas"
NOW_S = int(time.time())
NOW = datetime.fromtimestamp(NOW_S, UTC)
NONCE, ACCESS = "nonce-yang-acak", "token-akses"
PARTY = Party(ISSUER, CLIENT, frozenset({"ES256", "RS256"}))
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "sub": "f81d4fae", "aud": CLIENT, "iat": NOW_S, "exp": NOW_S + 300, "nonce": NONCE,
}  # fmt: skip
LOGOUT: dict[str, Any] = {
    "iss": ISSUER, "sub": "f81d4fae", "aud": CLIENT, "iat": NOW_S, "exp": NOW_S + 120,
    "jti": "0123456789abcdef", "events": {LOGOUT_EVENT: {}},
}  # fmt: skip


def read(
    token: str, key: dict[str, Any] | None = None, party: Party = PARTY, *, acr: tuple[str, ...] = ()
) -> Identity:
    jwk = key or SIGNER.jwk("ES256")
    return read_id_token(token, jwk, party, nonce=NONCE, access_token=ACCESS, acr=acr, now=NOW)


def test_an_identity() -> None:
    assert read(SIGNER.token(CLAIMS)) == Identity("f81d4fae", "")
    assert read(SIGNER.token(CLAIMS | {"sid": "sesi-1"}, typ="JWT")) == Identity("f81d4fae", "sesi-1")
    assert key_id(SIGNER.token(CLAIMS), PARTY) == "kunci-ES256"
    assert key_id(SIGNER.token(CLAIMS, kid=None), PARTY) == ""


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES512"])
def test_every_algorithm_with_its_at_hash(algorithm: str) -> None:
    party = Party(ISSUER, CLIENT, frozenset({algorithm}))
    right = half_hash(ACCESS, "sha512" if algorithm == "ES512" else "sha256")
    token = SIGNER.token(CLAIMS | {"at_hash": right}, algorithm)
    assert read(token, SIGNER.jwk(algorithm), party).subject == "f81d4fae"
    wrong = SIGNER.token(CLAIMS | {"at_hash": half_hash("another")}, algorithm)
    with pytest.raises(TokenRefused, match="at_hash"):
        read(wrong, SIGNER.jwk(algorithm), party)


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("iss", {"iss": ISSUER + "/"}),
        ("iss", {"iss": None}),
        ("iss", {"iss": [ISSUER]}),
        ("aud", {"aud": "another"}),
        ("aud", {"aud": []}),
        ("aud", {"aud": CLIENT + "x"}),
        ("azp", {"aud": [CLIENT, "another"]}),
        ("azp", {"aud": [CLIENT, "another"], "azp": "another"}),
        ("azp", {"azp": "another"}),
        ("expired", {"iat": NOW_S - 400, "exp": NOW_S - 31}),
        ("expired", {"iat": NOW_S - 700}),
        ("issued_ahead", {"iat": NOW_S + 31}),
        ("issued_ahead", {"nbf": NOW_S + 31}),
        ("time_type", {"exp": str(NOW_S + 300)}),
        ("time_type", {"iat": True}),
        ("time_type", {"nbf": "soon"}),
        ("nonce", {"nonce": "another"}),
        ("nonce", {"nonce": None}),
        ("sub", {"sub": ""}),
        ("sub", {"sub": 7}),
        ("sub", {"sub": "a b"}),
        ("sub", {"sub": "x" * 256}),
        ("sid", {"sid": "a\nb"}),
        ("sid", {"sid": 1}),
        ("at_hash", {"at_hash": ""}),
        ("at_hash", {"at_hash": 1}),
    ],
)
def test_a_wrong_claim(reason: str, change: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused, match=f"^{reason}$"):
        read(SIGNER.token(CLAIMS | change))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("iss", "iss"),
        ("sub", "sub"),
        ("aud", "aud"),
        ("iat", "time_type"),
        ("exp", "time_type"),
        ("nonce", "nonce"),
    ],
)
def test_a_missing_claim(name: str, reason: str) -> None:
    with pytest.raises(TokenRefused, match=f"^{reason}$"):
        read(SIGNER.token(without(CLAIMS, name)))


def test_further_audiences_with_azp() -> None:
    """OpenID Connect Core 3.1.3.7: then it must say that it was made for us."""
    assert read(SIGNER.token(CLAIMS | {"aud": [CLIENT]})).subject
    assert read(SIGNER.token(CLAIMS | {"aud": [CLIENT, "another"], "azp": CLIENT})).subject


@pytest.mark.parametrize("acr", [{"acr": "1"}, {}, {"acr": ["2"]}])
def test_a_required_class_of_authentication(acr: dict[str, Any]) -> None:
    assert read(SIGNER.token(CLAIMS | {"acr": "2"}), acr=("2", "3")).subject
    with pytest.raises(TokenRefused, match="acr"):
        read(SIGNER.token(CLAIMS | acr), acr=("2", "3"))


@pytest.mark.parametrize(
    ("reason", "header"),
    [
        ("typ", {"typ": "at+jwt"}),
        ("typ", {"typ": "logout+jwt"}),
        ("typ", {"typ": 1}),
        ("kid", {"kid": ""}),
        ("kid", {"kid": 7}),
        ("alg", {"alg": "none"}),
        ("alg", {"alg": "HS256"}),
        ("alg", {"alg": "ES512"}),
        ("alg", {"alg": ["ES256"]}),
        ("alg", {"alg": None}),
        ("header_members", {"crit": ["exp"]}),
        ("header_members", {"jku": "https://evil.example/keys"}),
        ("header_members", {"jwk": SIGNER.jwk("ES256")}),
        ("header_members", {"x5u": "https://evil.example"}),
        ("header_members", {"b64": False}),
        ("header_members", {"zip": "DEF"}),
    ],
)
def test_a_wrong_header(reason: str, header: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused, match=f"^{reason}$"):
        read(SIGNER.token(CLAIMS, **header))


def test_hs256_with_the_public_key() -> None:
    """A02: the provider's key is public, so whoever reads it could sign. Wrong version: the header chooses the algorithm."""
    for secret in (json.dumps(SIGNER.jwk("RS256")).encode(), SIGNER.keys["RS256"].as_pem(private=False)):
        signed = f"{segment({'alg': 'HS256', 'kid': 'kunci-RS256'})}.{segment(CLAIMS)}"
        token = f"{signed}.{segment(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"
        with pytest.raises(TokenRefused, match="alg"):
            read(token, SIGNER.jwk("RS256"))


_OTHER = Signer()


def _twice() -> str:
    """Signed as it is: one reader would see the first ``sub``, another the last."""
    return SIGNER.token(json.dumps(CLAIMS).replace('{"', '{"sub": "another", "', 1).encode())  # type: ignore[arg-type]  # bytes, not claims: the attack


@pytest.mark.parametrize(
    ("reason", "spoil"),
    [
        ("signature", lambda: _OTHER.token(CLAIMS)),
        ("signature", lambda: SIGNER.token(CLAIMS)[:-4] + "AAAA"),
        ("segment_not_canonical", lambda: SIGNER.token(CLAIMS) + "="),
        ("segment_not_canonical", lambda: SIGNER.token(CLAIMS).rpartition(".")[0] + "."),
        ("not_three_segments", lambda: SIGNER.token(CLAIMS).rpartition(".")[0]),
        ("not_three_segments", lambda: ""),
        ("too_long", lambda: SIGNER.token(CLAIMS | {"groups": "x" * 20_000})),
        ("json_duplicate_member", _twice),
    ],
)
def test_a_spoilt_token(reason: str, spoil: Callable[[], str]) -> None:
    with pytest.raises(TokenRefused, match=f"^{reason}$"):
        read(spoil())


@pytest.mark.parametrize(
    "key",
    [
        None,
        SIGNER.jwk("RS256"),
        SIGNER.jwk("ES512"),
        {**SIGNER.jwk("ES256"), "alg": "ES384"},
        {**SIGNER.jwk("ES256"), "use": "enc"},
        without(SIGNER.jwk("ES256"), "x"),
        {**SIGNER.jwk("ES256"), "x": "AAAA"},
        {**SIGNER.jwk("ES256"), "x": 5},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "kunci-ES256"},
    ],
)
def test_a_key_that_is_none_for_this(key: dict[str, Any] | None) -> None:
    with pytest.raises(TokenRefused, match=r"^(key|kid|signature)$"):
        read_id_token(SIGNER.token(CLAIMS), key, PARTY, nonce=NONCE, access_token=ACCESS, acr=(), now=NOW)


@pytest.mark.filterwarnings("ignore:.*size.*")
def test_a_short_rsa_key() -> None:
    short = Signer({"RS256": RSAKey.generate_key(1024)})
    with pytest.raises(TokenRefused, match="key"):
        read(short.token(CLAIMS, "RS256"), short.jwk("RS256"))


def test_es256_is_p_256() -> None:
    """RFC 7518 3.4: python-jose alone takes another curve under this name."""
    other = Signer({"ES256": ECKey.generate_key("P-256")})
    with pytest.raises(TokenRefused, match="key"):
        read(other.token(CLAIMS), {**other.jwk("ES256"), "crv": "P-384"})


def logout(token: str, party: Party = PARTY) -> Ended:
    return read_logout_token(token, SIGNER.jwk("ES256"), party, now=NOW)


def test_a_logout() -> None:
    ended = logout(SIGNER.token(LOGOUT, typ="logout+jwt"))
    assert (ended.subject, ended.session) == ("f81d4fae", "")
    assert ended.remember_until.timestamp() >= NOW_S + 300, "as long as it would be taken"
    by_session = logout(SIGNER.token(without(LOGOUT, "sub") | {"sid": "sesi-1"}, typ="logout+jwt"))
    assert (by_session.subject, by_session.session) == ("", "sesi-1")
    assert ended.replay_id == by_session.replay_id, "by issuer and jti alone"


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("nonce", {"nonce": NONCE}),
        ("events", {"events": None}),
        ("events", {"events": {}}),
        ("events", {"events": [LOGOUT_EVENT]}),
        ("events", {"events": {LOGOUT_EVENT: True}}),
        ("jti", {"jti": None}),
        ("jti", {"jti": "short"}),
        ("sub", {"sub": 1}),
        ("iss", {"iss": "https://evil.example"}),
        ("aud", {"aud": "another"}),
        ("expired", {"exp": NOW_S - 31}),
        ("expired", {"iat": NOW_S - 331, "exp": NOW_S + 600}),
        ("issued_ahead", {"iat": NOW_S + 31}),
    ],
)
def test_a_wrong_logout(reason: str, change: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused, match=f"^{reason}$"):
        logout(SIGNER.token(LOGOUT | change, typ="logout+jwt"))


def test_a_logout_of_nobody() -> None:
    with pytest.raises(TokenRefused, match="sub"):
        logout(SIGNER.token(without(LOGOUT, "sub"), typ="logout+jwt"))


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt"])
def test_no_other_token_logs_out(typ: str | None) -> None:
    with pytest.raises(TokenRefused, match="typ"):
        logout(SIGNER.token(LOGOUT, typ=typ))
