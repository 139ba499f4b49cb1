"""Frozen tokens: bytes that an earlier release made or refused mean the same today."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from auth.keys import KeySet, generate_signing_key, verification_key_from_jwk
from auth.tokens import TokenDesk, TokenRefused
from tests.auth.forging import KEYS, PROFILES
from tests.auth.test_tokens_desk import thawed

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "tokens.json").read_text("utf-8")
)
NOW = datetime.fromisoformat(VECTORS["now"])
TYPES = {profile.typ: profile for profile in PROFILES}


@pytest.fixture(scope="module")
def desk() -> TokenDesk:
    """The keys come from the file, as a stranger would take them; what signs here is fresh and does not matter."""
    frozen = [verification_key_from_jwk(jwk, purpose) for purpose, jwk in VECTORS["keys"].items()]
    keys = KeySet([generate_signing_key("document", NOW), generate_signing_key("access", NOW)], frozen)
    return TokenDesk(VECTORS["issuer"], VECTORS["audience"], keys)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector(case: dict[str, Any], desk: TokenDesk) -> None:
    if case["outcome"] == "accepted":
        assert thawed(desk.verify(TYPES[case["typ"]], case["token"], NOW)) == case["claims"]
        return
    with pytest.raises(TokenRefused) as refusal:
        desk.verify(TYPES[case["typ"]], case["token"], NOW)
    assert refusal.value.reason == case["outcome"]


def test_the_file_is_whole() -> None:
    outcomes = [case["outcome"] for case in VECTORS["cases"]]
    assert outcomes.count("accepted") == len(PROFILES)
    assert len(set(outcomes)) >= 25
    assert len(outcomes) >= 150
    assert {purpose: jwk["kid"] for purpose, jwk in VECTORS["keys"].items()} == {
        p: k.kid for p, k in KEYS.items()
    }
