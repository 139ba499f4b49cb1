"""Writes ``tests/vectors/tokens.json`` anew: ``python -m tests.auth.freeze_tokens``.

Only for new cases or a deliberate change of format. ECDSA is random, so every run gives other signatures; the frozen
ones stay, so that a later release is tested against bytes that this one made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auth.keys import public_jwk
from tests.auth.forging import AUDIENCE, ISSUER, KEYS, NOW, PROFILES, forge, good_claims
from tests.auth.token_attacks import attacks

PATH = Path(__file__).parent.parent / "vectors" / "tokens.json"
LONGEST_FROZEN_CHARACTERS = 2_000


def vectors() -> dict[str, Any]:
    good = [
        {
            "name": f"good {p.typ}",
            "typ": p.typ,
            "token": forge(p),
            "outcome": "accepted",
            "claims": good_claims(p),
        }
        for p in PROFILES
    ]
    bad = [
        {"name": attack.name, "typ": attack.profile.typ, "token": attack.token, "outcome": attack.reason}
        for attack in attacks()
        if isinstance(attack.token, str) and len(attack.token) <= LONGEST_FROZEN_CHARACTERS
    ]
    return {
        "comment": "TEST ONLY. The private keys are SHA-256('berkas TEST ONLY <purpose> key') modulo n; see forging.py. "
        "outcome: accepted, or the reason of the refusal, for a verifier that expects this typ at this time.",
        "now": NOW.isoformat(),
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "keys": {purpose: public_jwk(key.public) for purpose, key in KEYS.items()},
        "cases": good + bad,
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")
