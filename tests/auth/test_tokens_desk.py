"""Signing, verifying, remembering; records and their independent verification; threads; the self-test."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from jose import jws
from joserfc import jws as other_jws
from joserfc.jwk import KeySet as OtherKeySet

from auth import token_cache, token_self_test, tokens
from auth.keys import KeySet, generate_signing_key
from auth.token_self_test import self_test
from auth.tokens import (
    ACCESS,
    CONSENT,
    CONSENT_REQUEST,
    RECEIPT,
    TICKET,
    Profile,
    TokenDesk,
    TokenRefused,
)
from tests.auth.forging import (
    AUDIENCE,
    ISSUER,
    KEYS,
    NOW,
    NOW_S,
    PROFILES,
    N,
    forge,
    fresh_desk,
    good_claims,
    header_of,
    ulid,
    unb64,
)


def unsigned(profile: Profile) -> dict[str, Any]:
    """The claims as a flow hands them in: the desk adds who signs and for whom."""
    return {name: value for name, value in good_claims(profile).items() if name not in {"iss", "aud"}}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.typ)
def test_what_is_signed_is_verified(profile: Profile) -> None:
    token = fresh_desk().sign(profile, unsigned(profile))
    header, payload, signature = (unb64(segment) for segment in token.split("."))
    assert json.loads(header) == header_of(profile)
    assert json.loads(payload) == good_claims(profile)
    assert len(signature) == 64
    assert thawed(fresh_desk().verify(profile, token, NOW)) == good_claims(profile)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.typ)
def test_another_library_verifies_it_with_the_published_keys(profile: Profile) -> None:
    keys = KeySet(KEYS.values())
    token = TokenDesk(ISSUER, AUDIENCE, keys).sign(profile, unsigned(profile))
    seen = other_jws.deserialize_compact(token, OtherKeySet.import_key_set(keys.jwks()), algorithms=["ES256"])  # type: ignore[arg-type]
    assert json.loads(seen.payload or b"") == good_claims(profile)
    assert seen.headers()["typ"] == profile.typ


def test_every_signature_is_low_s() -> None:
    desk = fresh_desk()
    for number in range(64):
        token = desk.sign(CONSENT, {"jti": f"urn:uuid:{number:032d}", "iat": NOW_S})
        assert int.from_bytes(unb64(token.rsplit(".", 1)[1])[32:], "big") <= N // 2


UNSIGNABLE: dict[str, tuple[Profile, dict[str, Any]]] = {
    "no jti": (CONSENT, {"iat": NOW_S}),
    "no iat": (CONSENT, {"jti": "x" * 20}),
    "iat a fraction": (CONSENT, {"jti": "x" * 20, "iat": NOW_S + 0.5}),
    "another issuer": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "iss": "https://other.example"}),
    "a record with exp": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "exp": NOW_S + 1}),
    "NaN": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "x": float("nan")}),
    "a fraction": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "x": 0.1}),
    "one name in two types": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "x": {1: "a", "1": "b"}}),
    "NUL": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "x": "\x00"}),
    "half a surrogate pair": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "x": "\ud800"}),
    "65 brackets": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "items": [{}] * 64}),
    "too long": (CONSENT, {"jti": "x" * 20, "iat": NOW_S, "x": "x" * 13_000}),
    "an access token too long": (ACCESS, unsigned(ACCESS) | {"x": "x" * 4_000}),
    "an access token of 301 s": (ACCESS, unsigned(ACCESS) | {"exp": NOW_S + 301}),
    "an access token for elsewhere": (ACCESS, unsigned(ACCESS) | {"aud": "https://other.example"}),
    "a receipt of nothing": (RECEIPT, {"jti": "x" * 20, "iat": NOW_S}),
    "a ticket without documents": (TICKET, unsigned(TICKET) | {"docs": []}),
}


@pytest.mark.parametrize("name", UNSIGNABLE)
def test_refuses_to_sign_what_it_would_refuse_to_verify(name: str) -> None:
    profile, claims = UNSIGNABLE[name]
    with pytest.raises(ValueError, match=r"signed|surrogates"):
        fresh_desk().sign(profile, claims)


def test_what_is_not_json_is_a_bug() -> None:
    with pytest.raises(TypeError):
        fresh_desk().sign(CONSENT, {"jti": "x" * 20, "iat": NOW_S, "x": NOW})


def test_names_of_people_survive() -> None:
    """Letters of any script; a pair of surrogates is one character."""
    desk = fresh_desk()
    claims = {"jti": "x" * 20, "iat": NOW_S, "name": "Ni Luh Ayu \u00e9\u2019 \U0001f600 \u1b05\u1b13"}
    assert desk.verify(CONSENT, desk.sign(CONSENT, claims), NOW)["name"] == claims["name"]
    escaped = json.dumps({"iss": ISSUER, **claims}).encode()
    assert desk.verify(CONSENT, forge(CONSENT, escaped), NOW)["name"] == claims["name"]


def test_a_record_can_be_signed_again_with_a_change() -> None:
    desk = fresh_desk()
    first = desk.verify(CONSENT, desk.sign(CONSENT, unsigned(CONSENT)), NOW)
    second = desk.verify(CONSENT, desk.sign(CONSENT, {**first, "revision": 2}), NOW)
    assert thawed(second) == good_claims(CONSENT) | {"revision": 2}


def test_records_are_read_years_later_and_tokens_are_not() -> None:
    desk = fresh_desk()
    later = NOW + timedelta(days=3_650)
    for profile in (CONSENT_REQUEST, CONSENT, RECEIPT):
        assert desk.verify(profile, forge(profile), later)["iat"] == NOW_S
    for profile in (ACCESS, TICKET):
        with pytest.raises(TokenRefused, match="expired"):
            desk.verify(profile, forge(profile), later)


@pytest.mark.parametrize(
    ("offset_s", "reason"),
    [
        (-31, "issued_ahead"),
        (-30.001, "issued_ahead"),
        (-30, None),
        (0, None),
        (300, None),
        (329.999, None),
        (330, "expired"),
        (331, "expired"),
    ],
)
@pytest.mark.parametrize("remembered", [False, True])
def test_time_is_judged_at_every_use(offset_s: float, reason: str | None, remembered: bool) -> None:
    desk = fresh_desk()
    token = forge(TICKET)
    if remembered:
        desk.verify(TICKET, token, NOW)
    now = NOW + timedelta(seconds=offset_s)
    if reason is None:
        desk.verify(TICKET, token, now)
    else:
        with pytest.raises(TokenRefused, match=reason):
            desk.verify(TICKET, token, now)


def test_a_known_holder_may_show_an_expired_ticket() -> None:
    """So that its refusal is judged in the batch and leaves an entry. Only ``exp`` is forgiven, and only there."""
    desk = fresh_desk()
    token = forge(TICKET)
    later = NOW + timedelta(days=2)
    for _ in range(2):
        assert desk.ticket(token, later, expired_too=True).expires_at == NOW + timedelta(seconds=300)
        with pytest.raises(TokenRefused, match="expired"):
            desk.ticket(token, later)
        with pytest.raises(TokenRefused, match="issued_ahead"):
            desk.ticket(token, NOW - timedelta(days=2), expired_too=True)
    with pytest.raises(TokenRefused, match="signature"):
        desk.ticket(forge(TICKET, key=KEYS["access"].private_key), later, expired_too=True)


def test_a_remembered_token_costs_no_signature_and_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = fresh_desk()
    token = forge(TICKET)
    first = desk.verify(TICKET, token, NOW)
    monkeypatch.setattr(jws, "verify", lambda *_: pytest.fail("verified again"))
    again = desk.verify(TICKET, token, NOW)
    assert again is first
    target: Any = again
    with pytest.raises(TypeError):
        target["exp"] = 0
    with pytest.raises(TypeError):
        target["consent"]["id"] = ulid("c", 1)
    with pytest.raises(AttributeError):
        target["docs"].append({})


def test_what_the_library_verified_is_what_we_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the two ever split a token in different ways, it is refused."""
    monkeypatch.setattr(jws, "verify", lambda *_: b'{"another":"payload"}')
    with pytest.raises(TokenRefused, match="signature"):
        fresh_desk().verify(ACCESS, forge(ACCESS), NOW)


@pytest.mark.parametrize(
    "error", [ValueError, KeyError, RecursionError, AttributeError, OverflowError, jws.JWSError]
)
def test_every_error_of_the_library_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(token: str, *_: Any) -> bytes:
        raise error(token)

    monkeypatch.setattr(jws, "verify", fail)
    with pytest.raises(TokenRefused) as refusal:
        fresh_desk().verify(ACCESS, forge(ACCESS), NOW)
    assert refusal.value.__context__ is None


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = fresh_desk()
    issued = [
        forge(CONSENT, good_claims(CONSENT) | {"jti": f"urn:uuid:{number:032d}"}) for number in range(40)
    ]
    monkeypatch.setattr(token_cache, "MAX_REMEMBERED", 16)
    for token in issued * 2:
        desk.verify(CONSENT, token, NOW)
        assert len(desk._with.remembered) <= 16
    monkeypatch.setattr(token_cache, "MAX_REMEMBERED_CHARACTERS", 3 * len(issued[0]))
    desk.verify(CONSENT, issued[0], NOW)
    assert len(desk._with.remembered) == 3
    assert desk._with.remembered._characters == 3 * len(issued[0])


def test_a16_a_key_taken_away_takes_its_tokens_with_it() -> None:
    second = generate_signing_key("access", NOW - timedelta(days=1))
    both = TokenDesk(ISSUER, AUDIENCE, KeySet([*KEYS.values(), second]))
    old = forge(ACCESS)
    new = both.sign(ACCESS, unsigned(ACCESS))
    assert json.loads(unb64(new.split(".")[0]))["kid"] == second.kid
    both.verify(ACCESS, old, NOW)
    both.verify(ACCESS, new, NOW)
    after = TokenDesk(ISSUER, AUDIENCE, KeySet([KEYS["document"], second]))
    after.verify(ACCESS, new, NOW)
    with pytest.raises(TokenRefused, match="kid"):
        after.verify(ACCESS, old, NOW)


def test_a_retired_key_verifies_what_it_signed_in_its_time_only() -> None:
    fresh = generate_signing_key("document", NOW)
    retired = KEYS["document"].retired(NOW)
    desk = TokenDesk(ISSUER, AUDIENCE, KeySet([KEYS["access"], fresh], [retired]))
    later = NOW + timedelta(days=3_650)
    assert desk.verify(RECEIPT, forge(RECEIPT), later)["iat"] == NOW_S
    with pytest.raises(TokenRefused, match="key_period"):
        desk.verify(RECEIPT, forge(RECEIPT, good_claims(RECEIPT) | {"iat": NOW_S + 31}), later)


def test_a_naive_time_is_a_bug() -> None:
    with pytest.raises(ValueError, match="zone"):
        fresh_desk().verify(ACCESS, forge(ACCESS), NOW.replace(tzinfo=None))


def test_many_threads() -> None:
    desk = fresh_desk()
    start = threading.Barrier(8)

    def work(worker: int) -> int:
        start.wait()
        for number in range(150):
            claims = unsigned(ACCESS) | {"jti": f"at-{worker:08d}-{number:08d}"}
            token = desk.sign(ACCESS, claims)
            assert desk.verify(ACCESS, token, NOW)["jti"] == claims["jti"]
            assert desk.verify(ACCESS, token, NOW)["jti"] == claims["jti"]
            with pytest.raises(TokenRefused):
                desk.verify(TICKET, token, NOW)
        return 150

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 1_200
    assert len(desk._with.remembered) == 1_200


def test_self_test_passes() -> None:
    self_test(NOW)


def test_self_test_knows_ten_bad_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    original = TokenDesk.verify

    def counting(desk: TokenDesk, profile: Profile, token: str, now: datetime) -> Any:
        seen.append(token)
        return original(desk, profile, token, now)

    monkeypatch.setattr(TokenDesk, "verify", counting)
    self_test(NOW)
    assert len(set(seen)) == 1 + 10


@pytest.mark.parametrize(
    ("place", "name", "replacement", "message"),
    [
        (TokenDesk, "verify", lambda *_: {}, "accepted alg none"),
        (tokens, "check_claims", lambda _profile, claims, *_: exp_only(claims), "accepted no aud"),
        (jws, "verify", lambda token, *_: unb64(token.split(".")[1]), "accepted a changed payload"),
        (tokens, "_SAFE_BACKEND", "jose.backends.ecdsa_backend", "python-jose uses"),
        (token_self_test, "_AUDIENCE", "https://other.example", "^"),
    ],
    ids=["verifier gone", "claims unchecked", "signature unchecked", "another backend", "control"],
)
def test_self_test_refuses_a_weakened_module(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, replacement: Any, message: str
) -> None:
    monkeypatch.setattr(place, name, replacement)
    if message == "^":
        self_test(NOW)
        return
    with pytest.raises(RuntimeError, match=message):
        self_test(NOW)


def exp_only(claims: dict[str, Any]) -> None:
    if "exp" not in claims:
        raise TokenRefused("claim_missing")


def thawed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [thawed(member) for member in value]
    return {name: thawed(member) for name, member in value.items()} if hasattr(value, "items") else value
