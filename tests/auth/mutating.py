"""What attackers do to a token that they have seen: seeded mutations, for all that somebody signs."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from typing import Any

from tests.auth.forging import AUDIENCE, ISSUER, NOW_S, b64, part, respelled, unb64

SEED = 20261124
MUTATIONS = int(os.environ.get("BERKAS_FUZZ_TOKENS", "20000"))
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


def mutant(rng: random.Random, token: str) -> str:
    changed = rng.choice(MUTATORS)(rng, token)
    return rng.choice((flip, insert, cut))(rng, changed or "x") if rng.random() < 0.3 else changed
