"""Random tokens, seeded. ``BERKAS_FUZZ_TOKENS`` sets how many (20,000 in the suite; `make fuzz` runs a million)."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from auth.keys import public_jwk
from auth.tokens import ACCESS, RECEIPT, TICKET, Profile, TokenRefused
from tests.auth.forging import (
    AUDIENCE,
    ISSUER,
    KEYS,
    NOW,
    NOW_S,
    PROFILES,
    forge,
    fresh_desk,
    good_claims,
    header_of,
    respelled,
)
from tests.auth.mutating import MUTATIONS, SEED, mutant, mutated_members

DIFFERENTIAL = max(3_000, MUTATIONS // 10)


def test_no_mutation_is_accepted_and_nothing_else_is_raised() -> None:
    """Every change of a token makes it worthless, other spellings of the same bytes included (A09)."""
    rng = random.Random(SEED)
    desk = fresh_desk()
    originals = [(profile, forge(profile)) for profile in PROFILES]
    reasons: dict[str, int] = {}
    for number in range(MUTATIONS):
        profile, original = originals[number % len(originals)]
        token = mutant(rng, original)
        if token == original:
            continue
        try:
            desk.verify(profile, token, NOW)
        except TokenRefused as refusal:
            reasons[refusal.reason] = reasons.get(refusal.reason, 0) + 1
        else:
            pytest.fail(f"seed {SEED}, mutation {number} was accepted: {token!r} from {original!r}")
    assert reasons["signature"] > MUTATIONS // 50, reasons  # the mutants get as far as the cryptography
    assert len(reasons) >= 8, reasons


def signed_variant(rng: random.Random, profile: Profile) -> str:
    """A token with a genuine signature over claims or a header that may be wrong: only our rules can refuse it."""
    claims, header = good_claims(profile), header_of(profile)
    choice = rng.random()
    if choice < 0.65:
        claims = mutated_members(rng, claims)
    elif choice < 0.85:
        header = mutated_members(rng, header)
    payload = json.dumps(claims, indent=rng.choice((None, 1))).encode()
    token = forge(profile, payload, header, high_s=rng.random() < 0.1)
    return respelled(token) if rng.random() < 0.05 else token


def test_stricter_than_joserfc_or_equal() -> None:
    """Another implementation, told the same expectations, accepts all that we accept (rule 7)."""
    rng = random.Random(SEED)
    desk = fresh_desk()
    keys = {purpose: ECKey.import_key(dict(public_jwk(key.public))) for purpose, key in KEYS.items()}
    both = only_theirs = 0
    for number in range(DIFFERENTIAL):
        profile = (ACCESS, TICKET, RECEIPT)[number % 3]
        token = signed_variant(rng, profile)
        theirs = joserfc_accepts(profile, token, keys[profile.purpose])
        try:
            desk.verify(profile, token, NOW)
        except TokenRefused:
            only_theirs += theirs
        else:
            assert theirs, f"seed {SEED}, token {number}: only we accept {token}"
            both += 1
    assert both > DIFFERENTIAL // 20
    assert only_theirs > DIFFERENTIAL // 20


def joserfc_accepts(profile: Profile, token: str, key: ECKey) -> bool:
    options: dict[str, Any] = {"iss": {"essential": True, "value": ISSUER}, "jti": {"essential": True}}
    options["iat"] = {"essential": True}
    if profile.life_limit_s is not None:
        options |= {"aud": {"essential": True, "value": AUDIENCE}, "exp": {"essential": True}}
    try:
        decoded = jwt.decode(token, key, algorithms=["ES256"])
        jwt.JWTClaimsRegistry(now=NOW_S, leeway=30, **options).validate(decoded.claims)
    except (JoseError, ValueError, TypeError):
        return False
    return bool(decoded.header.get("typ") == profile.typ)
