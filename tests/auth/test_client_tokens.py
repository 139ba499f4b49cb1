"""Client assertions (A17) and DPoP proofs (A13): what unmodified libraries send, and every way in which it is refused.

Oracle for the good ones: tokens made by joserfc, as the third-party clients make them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from auth.client_tokens import (
    ASSERTION_LIFE_LIMIT_S,
    MAX_CHARACTERS,
    PROOF_WINDOW_S,
    Assertion,
    Proof,
    claimed_client,
    token_hash,
    verified_assertion,
    verified_proof,
)
from auth.keys import public_jwk, thumbprint
from auth.token_checks import LEEWAY_S, TokenRefused
from tests.auth.forging import (
    ISSUER,
    KEYS,
    NOW,
    NOW_S,
    PROFILES,
    STRANGER,
    b64,
    forge,
    forge_hmac,
    good_claims,
    part,
    private_key,
    respelled,
    signing_key,
)

CLIENT = "dpmptsp-oss"
KEY = private_key("berkas TEST ONLY client")
KID = "kunci-2026"
ENDPOINT = f"{ISSUER}/oauth/token"
AUDIENCES = frozenset({ISSUER, ENDPOINT})
URI = f"{ISSUER}/v1/services"
JTI = "0123456789abcdef0123"
P384 = ec.derive_private_key(0x5EED, ec.SECP384R1())
BARE = {
    name: value
    for name, value in public_jwk(signing_key("access", "berkas TEST ONLY client").public).items()
    if name in {"kty", "crv", "x", "y"}
}
TOKEN = "eyJ.an.access-token"

Claims = dict[str, Any]
A_CLAIMS: Claims = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "iat": NOW_S, "exp": NOW_S + 60, "jti": JTI}
A_HEADER: Claims = {"alg": "ES256", "typ": "JWT", "kid": KID}
P_CLAIMS: Claims = {"jti": JTI, "htm": "GET", "htu": URI, "iat": NOW_S, "ath": token_hash(TOKEN)}
P_HEADER: Claims = {"alg": "ES256", "typ": "dpop+jwt", "jwk": BARE}


def signed(
    header: Claims | bytes,
    claims: Claims | bytes,
    *,
    key: ec.EllipticCurvePrivateKey = KEY,
    high_s: bool = False,
) -> str:
    return forge(PROFILES[0], claims, header, key=key, high_s=high_s)


def assertion(claims: Claims | None = None, header: Claims | None = None, **how: Any) -> str:
    return signed(A_HEADER if header is None else header, A_CLAIMS if claims is None else claims, **how)


def proof(claims: Claims | None = None, header: Claims | None = None, **how: Any) -> str:
    return signed(P_HEADER if header is None else header, P_CLAIMS if claims is None else claims, **how)


def authenticate(token: str) -> Assertion:
    return verified_assertion(token, {KID: KEY.public_key()}, AUDIENCES, NOW)


def prove(token: str) -> Proof:
    return verified_proof(token, method="GET", uri=URI, now=NOW, access_token=TOKEN)


def without(claims: Claims, name: str) -> Claims:
    return {member: value for member, value in claims.items() if member != name}


@pytest.mark.parametrize("typ", [None, "JWT", "client-authentication+jwt"])
@pytest.mark.parametrize("aud", [ISSUER, ENDPOINT, [ISSUER], [ENDPOINT, ISSUER]])
def test_what_other_libraries_send_authenticates(typ: str | None, aud: Any) -> None:
    header = without(A_HEADER, "typ") if typ is None else A_HEADER | {"typ": typ}
    key = ECKey.import_key({**BARE, "d": b64(KEY.private_numbers().private_value.to_bytes(32, "big"))})
    theirs = jwt.encode(header, A_CLAIMS | {"aud": aud}, key)
    for token in (
        theirs,
        assertion(A_CLAIMS | {"aud": aud}, header),
        assertion(A_CLAIMS | {"aud": aud}, header, high_s=True),
    ):
        assert claimed_client(token).client_id == CLIENT
        assert claimed_client(token).kid == KID
        assert authenticate(token).client_id == CLIENT


def test_the_same_assertion_in_another_spelling_is_the_same(  # A09
) -> None:
    one, other = assertion(), assertion(high_s=True)
    assert one != other
    assert authenticate(one).replay_id == authenticate(other).replay_id
    assert authenticate(assertion(A_CLAIMS | {"jti": JTI[::-1]})).replay_id != authenticate(one).replay_id
    # As long as it could be accepted, it is remembered: also one that claims an hour for itself.
    hour = authenticate(assertion(A_CLAIMS | {"exp": NOW_S + 3600}))
    assert hour.remember_until == NOW + timedelta(seconds=ASSERTION_LIFE_LIMIT_S + LEEWAY_S)
    assert authenticate(one).remember_until == NOW + timedelta(seconds=60 + LEEWAY_S)


def test_the_borders_of_an_assertions_time() -> None:
    for claims in (
        A_CLAIMS | {"exp": NOW_S + ASSERTION_LIFE_LIMIT_S},
        A_CLAIMS | {"exp": NOW_S + 3600},
        A_CLAIMS | {"iat": NOW_S - 100, "exp": NOW_S - LEEWAY_S + 1},
        A_CLAIMS | {"iat": NOW_S + LEEWAY_S, "exp": NOW_S + 60},
        A_CLAIMS | {"nbf": NOW_S + LEEWAY_S},
    ):
        authenticate(assertion(claims))


ASSERTION_ATTACKS: list[tuple[str, Callable[[], Any], str]] = [
    ("A01 none", lambda: assertion(header=A_HEADER | {"alg": "none"}), "alg"),
    ("A01 no signature", lambda: assertion().rpartition(".")[0] + ".", "segment_not_canonical"),
    ("A02 HMAC with our DER", lambda: hmac_by("DER"), "signature_length"),
    ("RS256 unless registered", lambda: assertion(header=A_HEADER | {"alg": "RS256"}), "alg"),
    ("A12 P-384", lambda: assertion(key=P384), "signature_length"),
    ("A03 no kid", lambda: assertion(header=without(A_HEADER, "kid")), "kid"),
    ("A03 another kid", lambda: assertion(header=A_HEADER | {"kid": "../../dev/null"}), "kid"),
    ("A03 10 KB of kid", lambda: assertion(header=A_HEADER | {"kid": "k" * 10_000}), "too_long"),
    ("A03 a kid that is no text", lambda: assertion(header=A_HEADER | {"kid": [KID]}), "kid"),
    *[
        (f"A04 {name}", lambda name=name: assertion(header=A_HEADER | {name: "x"}), "header_members")
        for name in ("jku", "x5u", "x5c", "jwk", "crit", "zip", "b64")
    ],
    ("A07 typ of an access token", lambda: assertion(header=A_HEADER | {"typ": "at+jwt"}), "typ"),
    ("A07 typ of a proof", lambda: assertion(header=A_HEADER | {"typ": "dpop+jwt"}), "typ"),
    ("a typ that is null", lambda: assertion(header=A_HEADER | {"typ": None}), "typ"),
    ("a typ that is no text", lambda: assertion(header=A_HEADER | {"typ": ["JWT"]}), "typ"),
    ("A17 signed by another", lambda: assertion(key=STRANGER), "signature"),
    ("A08 another payload", lambda: changed(assertion()), "signature"),
    ("A17 sub is not iss", lambda: assertion(A_CLAIMS | {"iss": "dukcapil-sync"}), "iss"),
    ("A17 no iss", lambda: assertion(without(A_CLAIMS, "iss")), "iss"),
    ("A17 no sub", lambda: assertion(without(A_CLAIMS, "sub")), "iss"),
    ("A17 aud of another endpoint", lambda: assertion(A_CLAIMS | {"aud": f"{ISSUER}/oauth/revoke"}), "aud"),
    ("A06 aud missing", lambda: assertion(without(A_CLAIMS, "aud")), "aud"),
    ("A06 aud with another's", lambda: assertion(A_CLAIMS | {"aud": [ISSUER, "https://evil.example"]}), "aud"),
    ("A06 aud empty", lambda: assertion(A_CLAIMS | {"aud": []}), "aud"),
    ("A06 aud nested", lambda: assertion(A_CLAIMS | {"aud": [[ISSUER]]}), "aud"),
    ("A06 aud with a slash", lambda: assertion(A_CLAIMS | {"aud": f"{ISSUER}/"}), "aud"),
    ("A05 expired", lambda: assertion(A_CLAIMS | {"iat": NOW_S - 100, "exp": NOW_S - LEEWAY_S}), "expired"),
    ("A05 older than its five minutes", lambda: assertion(A_CLAIMS | {"iat": NOW_S - 300 - LEEWAY_S, "exp": NOW_S + 3600}), "expired"),
    ("A05 ends before it begins", lambda: assertion(A_CLAIMS | {"exp": NOW_S}), "life"),
    ("A05 iat ahead", lambda: assertion(A_CLAIMS | {"iat": NOW_S + LEEWAY_S + 1}), "issued_ahead"),
    ("A05 nbf ahead", lambda: assertion(A_CLAIMS | {"nbf": NOW_S + LEEWAY_S + 1}), "issued_ahead"),
    *[
        (f"A05 {name} {value!r}", lambda name=name, value=value: assertion(A_CLAIMS | {name: value}), "time_type")
        for name in ("iat", "exp", "nbf")
        for value in (None, True, str(NOW_S), -1, 2**33, [NOW_S])
    ],
    ("A05 a fraction", lambda: signed(A_HEADER, raw(A_CLAIMS, "exp", f"{NOW_S + 60}.5")), "json_number"),
    ("A05 no exp", lambda: assertion(without(A_CLAIMS, "exp")), "time_type"),
    ("A05 no iat", lambda: assertion(without(A_CLAIMS, "iat")), "time_type"),
    ("A17 no jti", lambda: assertion(without(A_CLAIMS, "jti")), "jti"),
    ("A17 a short jti", lambda: assertion(A_CLAIMS | {"jti": "x" * 15}), "jti"),
    ("A17 a jti with a space", lambda: assertion(A_CLAIMS | {"jti": "x" * 15 + " y"}), "jti"),
    ("a claim twice", lambda: signed(A_HEADER, raw(A_CLAIMS, "sub", '"dukcapil-sync"', keep=True)), "json_duplicate_member"),
    ("A09 another spelling", lambda: respelled(assertion()), "segment_not_canonical"),
    ("A10 four segments", lambda: assertion() + ".x", "not_three_segments"),
    ("A10 long", lambda: assertion(A_CLAIMS | {"x": "x" * MAX_CHARACTERS}), "too_long"),
    ("A10 no text", lambda: None, "not_text"),
    ("A10 deep", lambda: assertion(header=A_HEADER | {"kid": json.loads("[" * 65 + "]" * 65)}), "json_too_deep"),
]  # fmt: skip

PROOF_ATTACKS: list[tuple[str, Callable[[], Any], str]] = [
    ("A13 htm", lambda: proof(P_CLAIMS | {"htm": "POST"}), "htm"),
    ("A13 htm in small letters", lambda: proof(P_CLAIMS | {"htm": "get"}), "htm"),
    ("A13 no htm", lambda: proof(without(P_CLAIMS, "htm")), "htm"),
    ("A13 another path", lambda: proof(P_CLAIMS | {"htu": f"{ISSUER}/v1/tickets"}), "htu"),
    ("A13 a path below", lambda: proof(P_CLAIMS | {"htu": f"{URI}/x"}), "htu"),
    ("A13 http", lambda: proof(P_CLAIMS | {"htu": URI.replace("https", "http")}), "htu"),
    ("A13 another host", lambda: proof(P_CLAIMS | {"htu": URI.replace("berkas", "evil")}), "htu"),
    ("A13 another port", lambda: proof(P_CLAIMS | {"htu": URI.replace("go.id", "go.id:8443")}), "htu"),
    ("A13 a user in it", lambda: proof(P_CLAIMS | {"htu": URI.replace("//", "//x@")}), "htu"),
    ("A13 a port that is none", lambda: proof(P_CLAIMS | {"htu": URI.replace("go.id", "go.id:x")}), "htu"),
    ("A13 no host", lambda: proof(P_CLAIMS | {"htu": "/v1/services"}), "htu"),
    ("A13 htu that is no text", lambda: proof(P_CLAIMS | {"htu": [URI]}), "htu"),
    ("A13 no htu", lambda: proof(without(P_CLAIMS, "htu")), "htu"),
    ("A13 ath of another token", lambda: proof(P_CLAIMS | {"ath": token_hash("another")}), "ath"),
    ("A13 no ath", lambda: proof(without(P_CLAIMS, "ath")), "ath"),
    ("A13 iat behind", lambda: proof(P_CLAIMS | {"iat": NOW_S - PROOF_WINDOW_S - 1}), "proof_time"),
    ("A13 iat ahead", lambda: proof(P_CLAIMS | {"iat": NOW_S + PROOF_WINDOW_S + 1}), "proof_time"),
    ("A13 iat true", lambda: proof(P_CLAIMS | {"iat": True}), "time_type"),
    ("A13 no iat", lambda: proof(without(P_CLAIMS, "iat")), "time_type"),
    ("A13 no jti", lambda: proof(without(P_CLAIMS, "jti")), "jti"),
    ("A13 signed by another key", lambda: proof(key=STRANGER), "signature"),
    ("A13 a private key", lambda: proof(header=P_HEADER | {"jwk": BARE | {"d": BARE["x"]}}), "jwk"),
    ("A13 a symmetric key", lambda: proof(header=P_HEADER | {"jwk": {"kty": "oct", "k": "AAAA"}}), "jwk"),
    ("A13 another curve", lambda: proof(header=P_HEADER | {"jwk": BARE | {"crv": "P-384"}}), "jwk"),
    ("A13 a point off the curve", lambda: proof(header=P_HEADER | {"jwk": BARE | {"x": BARE["y"]}}), "jwk"),
    ("A13 a kid beside it", lambda: proof(header=P_HEADER | {"kid": KID}), "header_members"),
    ("A13 a key in the key", lambda: proof(header=P_HEADER | {"jwk": BARE | {"jwk": BARE}}), "jwk"),
    ("A13 no key", lambda: proof(header=without(P_HEADER, "jwk")), "jwk"),
    ("A13 a key that is a list", lambda: proof(header=P_HEADER | {"jwk": [BARE]}), "jwk"),
    ("A01 none", lambda: proof(header=P_HEADER | {"alg": "none"}), "alg"),
    ("A04 crit", lambda: proof(header=P_HEADER | {"crit": ["x"]}), "header_members"),
    ("A07 an assertion's typ", lambda: proof(header=P_HEADER | {"typ": "JWT"}), "typ"),
    ("A07 no typ", lambda: proof(header=without(P_HEADER, "typ")), "typ"),
    ("A08 another payload", lambda: changed(proof()), "signature"),
]  # fmt: skip


def hmac_by(encoding: str) -> str:
    return forge_hmac(PROFILES[0], KEYS["access"].public.encodings()[encoding])


def changed(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{part(A_CLAIMS | P_CLAIMS | {'x': 1})}.{signature}"


def raw(claims: Claims, name: str, text: str, *, keep: bool = False) -> bytes:
    rest = claims if keep else without(claims, name)
    return f"{json.dumps(rest)[:-1]},{json.dumps(name)}:{text}}}".encode()


@pytest.mark.parametrize(
    ("make", "reason"), [a[1:] for a in ASSERTION_ATTACKS], ids=[a[0] for a in ASSERTION_ATTACKS]
)
def test_an_assertion_is_refused(make: Callable[[], Any], reason: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        authenticate(make())
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("make", "reason"), [a[1:] for a in PROOF_ATTACKS], ids=[a[0] for a in PROOF_ATTACKS]
)
def test_a_proof_is_refused(make: Callable[[], Any], reason: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        prove(make())
    assert refused.value.reason == reason


def test_a_good_proof_in_every_spelling_of_its_address() -> None:
    key = ECKey.import_key({**BARE, "d": b64(KEY.private_numbers().private_value.to_bytes(32, "big"))})
    for token in (jwt.encode(P_HEADER, P_CLAIMS, key), proof(), proof(high_s=True)):
        assert prove(token).jkt == thumbprint(KEY.public_key())
    for uri in (
        f"{URI}?page=2#x",
        URI.replace("berkas", "BERKAS"),
        URI.replace("go.id", "go.id:443"),
        URI.replace("https", "HTTPS"),
    ):
        prove(proof(P_CLAIMS | {"htu": uri}))
    prove(proof(header=P_HEADER | {"jwk": BARE | {"alg": "ES256", "kid": "x", "use": "sig"}}))
    root = verified_proof(
        proof(without(P_CLAIMS, "ath") | {"htu": ISSUER}), method="GET", uri=f"{ISSUER}/", now=NOW
    )
    assert root.remember_until == NOW + timedelta(seconds=2 * PROOF_WINDOW_S)


def test_a_proof_belongs_to_its_key_and_number() -> None:
    """A14: the same number of another key is another proof; the same proof signed anew is the same."""
    assert prove(proof()).replay_id == prove(proof(high_s=True)).replay_id
    other = {
        name: value for name, value in public_jwk(signing_key("access", "x").public).items() if name in BARE
    }
    stranger = proof(header=P_HEADER | {"jwk": other}, key=private_key("x"))
    assert prove(stranger).replay_id != prove(proof()).replay_id
    assert prove(stranger).jkt != prove(proof()).jkt


def test_a_nonce_that_was_asked_for() -> None:
    token = proof(P_CLAIMS | {"nonce": "n-1"})
    verified_proof(token, method="GET", uri=URI, now=NOW, access_token=TOKEN, nonces=("n-0", "n-1"))
    prove(token)
    for asked in ("n-2", ""):
        with pytest.raises(TokenRefused, match="nonce"):
            verified_proof(token, method="GET", uri=URI, now=NOW, access_token=TOKEN, nonces=(asked,))
    with pytest.raises(TokenRefused, match="nonce"):
        verified_proof(proof(), method="GET", uri=URI, now=NOW, access_token=TOKEN, nonces=("n-0", "n-1"))


def test_no_type_passes_for_another() -> None:
    """A07: our own tokens, an assertion and a proof, each shown in the place of each other one."""
    ours = [forge(profile, good_claims(profile)) for profile in PROFILES]
    every_key = {KID: KEY.public_key(), **{key.kid: key.public.public_key for key in KEYS.values()}}
    for token in (*ours, proof()):
        with pytest.raises(TokenRefused):
            verified_assertion(token, every_key, AUDIENCES, NOW)
    for token in (*ours, assertion()):
        with pytest.raises(TokenRefused):
            prove(token)
