"""Control: what plain python-jose 3.5.0 accepts (``protocols.md`` 1.4) and ours refuses.

Without it the table of attacks could be green because its tokens are broken in another way than they say. When an
update of python-jose makes one of these fail, that hole is closed: move the line, keep the rule.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import jwt
from jose.backends import ECKey

from auth.tokens import ACCESS, TokenRefused
from tests.auth.forging import (
    AUDIENCE,
    ISSUER,
    KEYS,
    NOW,
    forge,
    forge_hmac,
    fresh_desk,
    good_claims,
    header_of,
    respelled,
    with_raw_claim,
)

PUBLIC = KEYS["access"].public.public_key
P384 = ec.derive_private_key(0x5EED, ec.SECP384R1())
# python-jose judges by the machine's clock, so these tokens live until 2106 or so.
FAR = good_claims(ACCESS) | {"exp": 2**32}


def _far(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (FAR | changes).items() if value is not None}


def _forged_header(**members: Any) -> str:
    return forge(ACCESS, FAR, header_of(ACCESS) | members)


TWICE = with_raw_claim(ACCESS, "exp", str(2**32))[:-1] + b',"scope":"everything"}'
EXP_TEXT = with_raw_claim(ACCESS, "exp", f'"{2**32}"')
ACCEPTED_BY_JOSE = {
    "no exp": forge(ACCESS, _far(exp=None)),
    "no aud": forge(ACCESS, _far(aud=None)),
    "no jti and no iat": forge(ACCESS, _far(jti=None, iat=None)),
    "aud a list of ours and another": forge(ACCESS, _far(aud=[AUDIENCE, "https://other.example"])),
    "exp a string": forge(ACCESS, EXP_TEXT),
    "iat in the future": forge(ACCESS, _far(iat=2**32 - 1)),
    "another typ": _forged_header(typ="berkas-consent+jwt"),
    "crit": _forged_header(crit=["unheard-of"]),
    "jku": _forged_header(jku="https://evil.example/jwks.json"),
    "jwk": _forged_header(jwk={"kty": "EC"}),
    "any kid": _forged_header(kid="../../dev/null"),
    "a member twice": forge(ACCESS, TWICE),
    "high s": forge(ACCESS, FAR, high_s=True),
    "another spelling": respelled(forge(ACCESS, FAR)),
}


@pytest.mark.parametrize("name", ACCEPTED_BY_JOSE)
def test_jose_accepts_and_we_refuse(name: str) -> None:
    token = ACCEPTED_BY_JOSE[name]
    key = ECKey(PUBLIC, "ES256")
    jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER)
    with pytest.raises(TokenRefused):
        fresh_desk().verify(ACCESS, token, NOW)


@pytest.mark.parametrize(
    ("encoding", "form"),
    [(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), (Encoding.X962, PublicFormat.UncompressedPoint)],
    ids=["DER", "raw point"],
)
def test_jose_takes_a_public_key_as_hmac_secret(encoding: Encoding, form: PublicFormat) -> None:
    """P1: with ``algorithms=None``, its default."""
    public = PUBLIC.public_bytes(encoding, form)
    token = forge_hmac(ACCESS, public)
    jwt.decode(token, public, audience=AUDIENCE, issuer=ISSUER, options={"verify_exp": False})
    with pytest.raises(TokenRefused):
        fresh_desk().verify(ACCESS, token, NOW)


def test_jose_takes_a_p384_key_under_es256() -> None:
    token = forge(ACCESS, FAR, key=P384)
    jwt.decode(
        token, ECKey(P384.public_key(), "ES256"), algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER
    )
    with pytest.raises(TokenRefused):
        fresh_desk().verify(ACCESS, token, NOW)


def test_jose_judges_by_the_machines_clock_with_require_exp() -> None:
    """Why ``auth.tokens`` does not ask python-jose for time: ``verify_exp: False`` is overridden."""
    past = int(time.time()) - 86_400
    token = forge(ACCESS, good_claims(ACCESS) | {"iat": past, "exp": past + 300})
    options = {"verify_exp": False, "require_exp": True}
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(
            token, ECKey(PUBLIC, "ES256"), ["ES256"], options=options, audience=AUDIENCE, issuer=ISSUER
        )


def test_jose_raises_recursion_error_before_authentication() -> None:
    header = json.dumps(header_of(ACCESS))[:-1] + ',"x":' + "[" * 100_000 + "]" * 100_000 + "}"
    token = forge(ACCESS, FAR, header.encode())
    with pytest.raises(RecursionError):
        jwt.decode(token, ECKey(PUBLIC, "ES256"), ["ES256"], audience=AUDIENCE, issuer=ISSUER)


def test_jose_signs_high_s_half_of_the_time() -> None:
    """Why ``sign`` normalises."""
    half_of_n = 0x7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A8
    key = ECKey(KEYS["access"].private_key, "ES256")
    high = sum(int.from_bytes(key.sign(b"%d" % number)[32:], "big") > half_of_n for number in range(64))
    assert 10 < high < 54
