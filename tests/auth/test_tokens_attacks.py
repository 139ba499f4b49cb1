"""Every bad token of the table is refused, for the reason that the table names (A01 to A11, ``protocols.md`` 1.3, 1.4)."""

from __future__ import annotations

import builtins
import socket
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest
from jose import jwe

from auth.tokens import ACCESS, TICKET, Profile, TokenDesk, TokenRefused
from tests.auth.forging import KEYS, NOW, PROFILES, forge, fresh_desk, good_claims, header_of
from tests.auth.token_attacks import Attack, attacks

ATTACKS = attacks()
FOREIGN_TYPES = (
    "JWT",
    "dpop+jwt",
    "client-authentication+jwt",
    "dc+sd-jwt",
    "kb+jwt",
    "AT+JWT",
    "application/at+jwt",
    None,
)


@pytest.fixture(scope="module")
def desk() -> TokenDesk:
    return fresh_desk()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_refused(attack: Attack, desk: TokenDesk) -> None:
    with pytest.raises(TokenRefused) as refusal:
        desk.verify(attack.profile, attack.token, NOW)
    assert refusal.value.reason == attack.reason
    assert str(refusal.value) == attack.reason
    assert refusal.value.__context__ is None or not str(refusal.value.__context__)


def test_the_table_is_wide() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 60
    assert {attack.name[:3] for attack in ATTACKS} >= {
        f"A{number:02d}" for number in (1, 2, 3, 4, 5, 6, 8, 9, 10, 11)
    }


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.typ)
def test_the_good_token_beside_them_is_accepted(profile: Profile, desk: TokenDesk) -> None:
    claims = desk.verify(profile, forge(profile), NOW)
    assert claims["jti"] == good_claims(profile)["jti"]


@pytest.mark.parametrize("asked", PROFILES, ids=lambda profile: profile.typ)
@pytest.mark.parametrize("given", PROFILES, ids=lambda profile: profile.typ)
def test_a07_each_type_as_each_other(given: Profile, asked: Profile, desk: TokenDesk) -> None:
    """Also with the claims and the key of the other type, so that only ``typ`` stands between them."""
    if given is asked:
        return
    genuine = forge(given)
    disguised = forge(asked, header=header_of(asked) | {"typ": given.typ})
    desk.verify(given, genuine, NOW)  # and remembered: as what it is
    for token in (genuine, disguised):
        with pytest.raises(TokenRefused) as refusal:
            desk.verify(asked, token, NOW)
        assert refusal.value.reason == "typ"


@pytest.mark.parametrize("typ", FOREIGN_TYPES)
@pytest.mark.parametrize("asked", PROFILES, ids=lambda profile: profile.typ)
def test_a07_types_of_others(typ: str | None, asked: Profile, desk: TokenDesk) -> None:
    for header in (header_of(asked) | {"typ": typ}, {"alg": "ES256", "kid": KEYS[asked.purpose].kid}):
        with pytest.raises(TokenRefused) as refusal:
            desk.verify(asked, forge(asked, header=header), NOW)
        assert refusal.value.reason == "typ"


def test_a03_a04_touch_neither_files_nor_network(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = fresh_desk()

    def trap(*_args: Any, **_named: Any) -> Any:
        raise AssertionError("a token made us look outside")

    monkeypatch.setattr(builtins, "open", trap)
    monkeypatch.setattr(socket, "socket", trap)
    monkeypatch.setattr(socket, "getaddrinfo", trap)
    for attack in ATTACKS:
        if attack.name.startswith(("A03", "A04")):
            with pytest.raises(TokenRefused):
                desk.verify(attack.profile, attack.token, NOW)


def test_a10_memory_stays_flat(desk: TokenDesk) -> None:
    large = ["A" * 10_000_000, ".".join(["A" * 3_000_000] * 3), "." * 10_000_000, "\ud800" * 10_000_000]
    tracemalloc.start()
    try:
        for token in large:
            with pytest.raises(TokenRefused):
                desk.verify(TICKET, token, NOW)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a11_a_real_zip_bomb_is_refused(desk: TokenDesk) -> None:
    bomb = jwe.encrypt(
        bytes(10 * 1024 * 1024), b"k" * 32, encryption="A256GCM", algorithm="dir", zip="DEF"
    ).decode()
    assert len(bomb) < 16_384
    for profile in PROFILES:
        with pytest.raises(TokenRefused):
            desk.verify(profile, bomb, NOW)


def test_a11_jwe_is_not_even_loaded() -> None:
    code = "import auth.tokens, auth.token_self_test, sys; sys.exit('jose.jwe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_refusal_is_remembered() -> None:
    desk = fresh_desk()
    for attack in ATTACKS:
        with pytest.raises(TokenRefused):
            desk.verify(attack.profile, attack.token, NOW)
    assert len(desk._with.remembered) == 0


def test_a_refusal_tells_nothing_of_the_token(desk: TokenDesk) -> None:
    token = forge(ACCESS, good_claims(ACCESS) | {"sub": "secret-name", "aud": "secret-audience"})
    with pytest.raises(TokenRefused) as refusal:
        desk.verify(ACCESS, token, NOW)
    told = (
        repr(refusal.value)
        + str(refusal.value)
        + repr(refusal.value.__cause__)
        + repr(refusal.value.__context__)
    )
    assert "secret" not in told
    assert token[:20] not in told
