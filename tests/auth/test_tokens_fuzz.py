"""Random tokens, seeded. ``BERKAS_FUZZ_TOKENS`` sets how many (20,000 in the suite; a release runs ten million)."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
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
    b64,
    forge,
    fresh_desk,
    good_claims,
    header_of,
    part,
    respelled,
    unb64,
)

SEED = 20261124
MUTATIONS = int(os.environ.get("BERKAS_FUZZ_TOKENS", "20000"))
DIFFERENTIAL = max(3_000, MUTATIONS // 10)
CHARACTERS = 'ABCabc019-_.=+/ \n\x00\x7f\u00e9\U0001f600{}[]"'
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, NOW_S, NOW_S + 300, NOW_S - 400, 2**33, 2**63, 10**30, 1.5, 1e300),
    *("", "x", "\x00", "\ud83d", "a" * 5_000, ISSUER, AUDIENCE, "ES256", "none", str(NOW_S)),
    *([], {}, [AUDIENCE], [ISSUER, 1], {"jkt": "x"}, {"": {"": []}}, [[[[]]]]),
)


def flip(rng: random.Random, token: str) -> str:
    at = rng.randrange(len(token))
    return token[:at] + rng.choice(CHARACTERS) + token[at + 1 :]


def insert(rng: random.Random, token: str) -> str:
    at = rng.randrange(len(token) + 1)
    return token[:at] + rng.choice(CHARACTERS) * rng.choice((1, 1, 2, 4)) + token[at:]


def cut(rng: random.Random, token: str) -> str:
    start = rng.randrange(len(token))
    return token[:start] + token[start + rng.choice((1, 2, 3, 4, 40)) :]


def swap(rng: random.Random, token: str) -> str:
    segments = token.split(".")
    rng.shuffle(segments)
    return ".".join(segments[: rng.choice((2, 3, 3))] + segments[: rng.choice((0, 0, 1))])


def one_bit(rng: random.Random, token: str) -> str:
    segments = token.split(".")
    which = rng.randrange(3)
    raw = bytearray(unb64(segments[which]))
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    segments[which] = b64(bytes(raw))
    return ".".join(segments)


def other_json(rng: random.Random, token: str) -> str:
    """A member changed, the signature left as it was."""
    segments = token.split(".")
    which = rng.randrange(2)
    segments[which] = part(mutated_members(rng, json.loads(unb64(segments[which]))))
    return ".".join(segments)


def other_spelling(rng: random.Random, token: str) -> str:
    header, payload, signature = token.split(".")
    indented = b64(json.dumps(json.loads(unb64(payload)), indent=rng.choice((0, 1))).encode())
    return rng.choice(
        (
            respelled(token),
            token + "=",
            f"{header}.{indented}.{signature}",
            f"{header}=.{payload}.{signature}",
        )
    )


MUTATORS: tuple[Callable[[random.Random, str], str], ...] = (
    *(flip, flip, one_bit, one_bit, insert, cut, swap, other_json, other_spelling),
)


def mutated_members(rng: random.Random, members: dict[str, Any]) -> dict[str, Any]:
    changed = dict(members)
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice((*changed, "exp", "nbf", "aud", "crit", "b64", "cnf", "x")) if changed else "x"
        if rng.random() < 0.3:
            changed.pop(name, None)
        else:
            changed[name] = rng.choice(VALUES)
    return changed


def test_no_mutation_is_accepted_and_nothing_else_is_raised() -> None:
    """Every change of a token makes it worthless, other spellings of the same bytes included (A09)."""
    rng = random.Random(SEED)
    desk = fresh_desk()
    originals = [(profile, forge(profile)) for profile in PROFILES]
    reasons: dict[str, int] = {}
    for number in range(MUTATIONS):
        profile, original = originals[number % len(originals)]
        token = rng.choice(MUTATORS)(rng, original)
        if rng.random() < 0.3:
            token = rng.choice((flip, insert, cut))(rng, token or "x")
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
