"""What a client signs, mutated and forged: assertions and DPoP proofs, against two libraries that we did not write."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from requests_oauth2client.dpop import InvalidDPoPProof, validate_dpop_proof

from auth.client_keys import ClientPublicKey
from auth.client_tokens import (
    Assertion,
    Proof,
    claimed_client,
    token_hash,
    verified_assertion,
    verified_proof,
)
from auth.token_checks import TokenRefused
from tests.auth.mutating import MUTATIONS, SEED, mutant, mutated_members
from tests.auth.test_client_keys import RSA_KID, rsa_key
from tests.auth.test_client_keys import signed as signed_by_rsa
from tests.auth.test_client_tokens import (
    A_CLAIMS,
    A_HEADER,
    AUDIENCES,
    BARE,
    KEY,
    KID,
    P_CLAIMS,
    P_HEADER,
    TOKEN,
    URI,
    signed,
)

DIFFERENTIAL = max(2_000, MUTATIONS // 20)
NOW = datetime.now(UTC)  # the library that judges proofs looks at the machine's clock
LONG_S = 86_400  # a million proofs take longer than one is good for
NOW_S = int(NOW.timestamp())
KEYS_BY_KID: dict[str, ClientPublicKey] = {KID: KEY.public_key(), RSA_KID: rsa_key().public_key()}
A_NOW = A_CLAIMS | {"iat": NOW_S, "exp": NOW_S + 60}
P_NOW = P_CLAIMS | {"iat": NOW_S}


def prove(token: str) -> Proof:
    return verified_proof(token, method="GET", uri=URI, now=NOW, access_token=TOKEN)


def authenticate(token: str) -> Assertion:
    return verified_assertion(token, KEYS_BY_KID, AUDIENCES, NOW)


def test_no_mutation_is_accepted_and_nothing_else_is_raised() -> None:
    """A08, A09, A13, A17: no change of a proof or an assertion counts, and none is an error of ours."""
    rng = random.Random(SEED)
    originals = [
        (prove, signed(P_HEADER, P_NOW)),
        (authenticate, signed(A_HEADER, A_NOW)),
        (authenticate, signed_by_rsa(A_NOW)),
    ]
    for judge, original in originals:
        judge(original)
    reasons: dict[str, int] = {}
    for number in range(MUTATIONS):
        judge, original = originals[number % 3]
        token = mutant(rng, original)
        if token == original:
            continue
        try:
            judge(token)
        except TokenRefused as refusal:
            reasons[refusal.reason] = reasons.get(refusal.reason, 0) + 1
        else:
            pytest.fail(f"seed {SEED}, mutation {number} was accepted: {token!r} from {original!r}")
    assert reasons["signature"] > MUTATIONS // 50, reasons
    assert len(reasons) >= 8, reasons


def _variant(rng: random.Random, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Genuinely signed; only our rules can refuse it."""
    choice = rng.random()
    if choice < 0.6:
        claims = mutated_members(rng, claims)
    elif choice < 0.8:
        header = mutated_members(rng, header)
    return signed(header, json.dumps(claims).encode(), high_s=rng.random() < 0.3)


def test_proofs_stricter_than_requests_oauth2client_or_equal() -> None:
    rng = random.Random(SEED)
    both = 0
    for number in range(DIFFERENTIAL):
        token = _variant(rng, P_HEADER, P_NOW)
        try:
            prove(token)
        except TokenRefused:
            continue
        try:
            validate_dpop_proof(
                token, htm="GET", htu=URI, ath=token_hash(TOKEN), algs=["ES256"], leeway=LONG_S
            )
        except InvalidDPoPProof as theirs:
            pytest.fail(f"seed {SEED}, proof {number}: only we accept {token}: {theirs}")
        both += 1
    assert both > DIFFERENTIAL // 20


def test_assertions_stricter_than_joserfc_or_equal() -> None:
    rng = random.Random(SEED)
    key = ECKey.import_key(dict(BARE))
    wanted: dict[str, Any] = {
        "aud": {"essential": True, "values": sorted(AUDIENCES)},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "jti": {"essential": True},
    }
    both = 0
    for number in range(DIFFERENTIAL):
        token = _variant(rng, A_HEADER, A_NOW)
        try:
            assertion = authenticate(token)
        except TokenRefused:
            continue
        try:
            decoded = jwt.decode(token, key, algorithms=["ES256"])
            # Whose keys are tried is decided by the name that the assertion claims.
            who: Any = {"essential": True, "value": claimed_client(token).client_id}
            registry = jwt.JWTClaimsRegistry(now=NOW_S, leeway=30, **wanted, iss=who, sub=who)
            registry.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as theirs:
            pytest.fail(f"seed {SEED}, assertion {number}: only we accept {token}: {theirs}")
        assert assertion.remember_until <= NOW + timedelta(seconds=400)
        both += 1
    assert both > DIFFERENTIAL // 20
