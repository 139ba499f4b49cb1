"""Passkeys without a server: challenges, kinds of keys, CBOR that grows, and every byte of an answer changed once."""

from __future__ import annotations

import json
import random
import secrets
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auth.challenges import CHALLENGE_LIFE_S, SIGN_IN, Challenge, new_challenge, opened, registration_of
from auth.passkeys import (
    Asserted,
    Registered,
    RelyingParty,
    judge_assertion,
    judge_registration,
    remembered,
    verified_assertion,
    verified_registration,
)
from auth.plain_cbor import DEEPEST, end_of
from auth.verdict import ALLOWED, Refused
from tests.auth.mutating import MUTATIONS, SEED
from tests.authenticator import AT, ED, EDDSA, ES256, RS256, UP, UV, Authenticator, b64, cose, new_key, raw

KEY = bytes(range(32))
NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
ORIGIN = "https://berkas.example"
PARTY = RelyingParty("berkas.example", ORIGIN, "MPP Contoh")
OFFICER = "off_01JD0000000000000000000000"
SESSION = registration_of("s_01JD0000000000000000000000")


def asked(purpose: str) -> dict[str, Any]:
    return {"challenge": b64(new_challenge(KEY, purpose, NOW)), "user": {"id": b64(OFFICER.encode())}}


def register(device: Authenticator, **twists: Any) -> Registered | Refused:
    return verified_registration(PARTY, KEY, SESSION, device.create(asked(SESSION), **twists))


def show(device: Authenticator, sent: dict[str, Any]) -> Asserted | Refused:
    public_key = cbor2.dumps(cose(device.key))
    return verified_assertion(PARTY, KEY, sent, public_key=public_key, handle=OFFICER)


def fresh(algorithm: int = ES256) -> Authenticator:
    return Authenticator(ORIGIN, algorithm, handle=OFFICER.encode())


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
@pytest.mark.parametrize("how", [{}, {"fmt": "packed"}])
def test_what_is_taken(algorithm: int, how: dict[str, Any]) -> None:
    device = fresh(algorithm)
    made = register(device, **how)
    assert isinstance(made, Registered)
    assert (made.credential_id, made.sign_count) == (device.credential_id, 1)
    assert cbor2.loads(made.public_key) == cose(device.key)
    assert made.challenge.until == NOW + timedelta(seconds=CHALLENGE_LIFE_S)
    shown = show(device, device.get(asked(SIGN_IN)))
    assert isinstance(shown, Asserted)
    assert shown.sign_count == 2


def test_extensions_that_nobody_asked_for_are_not_looked_at() -> None:
    device, behind = fresh(), cbor2.dumps({"credProtect": 2})
    assert isinstance(register(device, flags=UP | UV | AT | ED, behind=behind), Registered)
    assert isinstance(show(device, device.get(asked(SIGN_IN), flags=UP | UV | ED, behind=behind)), Asserted)


def test_no_bit_of_a_challenge_can_be_changed() -> None:
    challenge = new_challenge(KEY, SIGN_IN, NOW)
    assert opened(KEY, SIGN_IN, challenge) is not None
    assert opened(KEY, SESSION, challenge) is None
    assert opened(bytes(32), SIGN_IN, challenge) is None
    for bit in range(len(challenge) * 8):
        changed = bytearray(challenge)
        changed[bit // 8] ^= 1 << bit % 8
        assert opened(KEY, SIGN_IN, bytes(changed)) is None, bit
    assert len({new_challenge(KEY, SIGN_IN, NOW) for _ in range(100)}) == 100


def _rsa_with_zeros() -> dict[int, Any]:
    short = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
    return {1: 3, 3: RS256, -1: short.to_bytes(256), -2: b"\x01\x00\x01"}


EC, ED_KEY, RSA = cose(new_key(ES256)), cose(new_key(EDDSA)), cose(new_key(RS256))
KEYS: dict[str, Any] = {
    "P-384 as ES256": cose(ec.generate_private_key(ec.SECP384R1())),
    "EC as RS256": EC | {3: RS256},
    "EC as EdDSA": EC | {3: EDDSA},
    "EC with SHA-512": EC | {3: -36},
    "RSA as ES256": RSA | {3: ES256},
    "RSA with SHA-1": RSA | {3: -65535},
    "RSA-PSS": RSA | {3: -37},
    "Ed25519 as ES256": ED_KEY | {3: ES256},
    "Ed25519 on another curve": ED_KEY | {-1: 1},
    "RSA of 1024 bits": {**RSA, -1: rsa.generate_private_key(65537, 1024).public_key().public_numbers().n.to_bytes(128)},
    "RSA of 1024 bits and zeros": _rsa_with_zeros(),
    "RSA that signs everything": RSA | {-2: b"\x01"},
    "RSA of 32,768 bits": RSA | {-1: b"\xff" * 4096},
    "a point off the curve": EC | {-3: bytes(32)},
    "no point": {name: value for name, value in EC.items() if name != -3},
    "no algorithm": {name: value for name, value in EC.items() if name != 3},
    "texts": EC | {-2: "x", -3: "y"},
    "no map": [1, 2, 3],
    "a symmetric key": {1: 4, 3: 5, -1: bytes(32)},
    "null": None,
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
def test_keys_that_are_not_taken(kind: str) -> None:
    """Wrong version: with attestation ``none`` the library looks at the algorithm's number and at nothing else."""
    assert register(fresh(), cose=cbor2.dumps(KEYS[kind])) == Refused("passkey_unfit")


def test_a_key_in_the_old_form_is_not_taken() -> None:
    """The library reads 0x04 as an uncompressed point of whatever length."""
    assert register(fresh(), cose=b"\x04") == Refused("passkey_unfit")


ATTESTATIONS: dict[str, dict[str, Any]] = {
    "certificates": {"fmt": "packed", "statement": {"x5c": [b"\x30\x00"]}},
    "an empty list of them": {"fmt": "packed", "statement": {"x5c": []}},
    "a wrong signature": {"fmt": "packed", "statement": {"sig": bytes(70)}},
    "another algorithm": {"fmt": "packed", "statement": {"alg": RS256}},
    **{fmt: {"fmt": fmt} for fmt in ("tpm", "android-key", "android-safetynet", "fido-u2f", "apple", "", "None")},
    "no text": {"attestation": cbor2.dumps({"fmt": 1, "attStmt": {}, "authData": b""})},
    "no map": {"attestation": cbor2.dumps([1])},
    "nothing": {"attestation": b"\xa0"},
    "bytes behind": {"behind": b"\x00"},
    "no key": {"flags": UP | UV},
    "nobody verified": {"flags": UP | AT},
    "nobody present": {"flags": UV | AT},
    "another host": {"rp_id": "example"},
    "another origin": {"client": {"origin": "https://berkas.example.org"}},
    "a path behind the origin": {"client": {"origin": f"{ORIGIN}/"}},
    "another type": {"client": {"type": "webauthn.get"}},
    "a frame of another origin": {"client": {"crossOrigin": True}},
    "a list of origins": {"client": {"origin": [ORIGIN]}},
}  # fmt: skip


@pytest.mark.parametrize("what", ATTESTATIONS)
def test_registrations_that_are_not_taken(what: str) -> None:
    assert register(fresh(), **ATTESTATIONS[what]) == Refused("passkey_unfit")


@pytest.mark.parametrize("fmt", ["tpm", "android-key", "android-safetynet", "fido-u2f", "apple"])
def test_no_makers_statement_is_read(fmt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong version: the library's readers of certificates decide, on bytes that anybody may send."""
    name = f"verify_{fmt.replace('-', '_')}"
    module = sys.modules["webauthn.registration.verify_registration_response"]
    monkeypatch.setattr(module, name, lambda **_: True)
    assert register(fresh(), fmt=fmt) == Refused("passkey_unfit")


def test_the_id_beside_is_the_id_inside() -> None:
    """Wrong version: the row is named after what stands beside, and the key inside signs in for another's id."""
    sent = fresh().create(asked(SESSION))
    other = fresh().credential_id
    assert verified_registration(PARTY, KEY, SESSION, sent | {"id": other, "rawId": other}) == Refused(
        "passkey_unfit"
    )


def growing(levels: int) -> bytes:
    """A list of ``levels`` lists, each of two references to the one before (tags 28 and 29)."""
    first = bytes([0x98, levels + 1]) + b"\xd8\x1c\x80"
    refer = [b"\xd8\x1d" + (bytes([n]) if n < 24 else bytes([0x18, n])) for n in range(levels)]
    return first + b"".join(b"\xd8\x1c\x82" + one * 2 for one in refer)


def test_cbor_that_grows_when_it_is_written_anew() -> None:
    """Seen failing: 200 bytes in an assertion of anybody who knows a credential's id held the process for 5 s, 40 more for
    minutes, because the library writes keys and extensions anew to see how long they were."""
    device, bomb = fresh(), growing(22)
    began_s = time.monotonic()
    assert show(device, device.get(asked(SIGN_IN), flags=UP | UV | ED, behind=bomb)) == Refused(
        "passkey_refused"
    )
    attested = bytes(18) + bomb
    assert show(device, device.get(asked(SIGN_IN), flags=UP | UV | AT, behind=attested)) == Refused(
        "passkey_refused"
    )
    assert register(device, cose=bomb) == Refused("passkey_unfit")
    assert register(device, flags=UP | UV | AT | ED, behind=bomb) == Refused("passkey_unfit")
    assert time.monotonic() - began_s < 1


def test_the_walk_ends_where_the_item_ends() -> None:
    """Against cbor2, on what authenticators may write."""
    rng = random.Random(SEED)

    def value(levels: int) -> Any:
        kind = rng.randrange(7 if levels else 5)
        if kind == 0:
            return rng.choice([0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32, -1, -25, -(2**40)])
        if kind == 1:
            return rng.randbytes(rng.choice([0, 1, 23, 24, 300]))
        if kind == 2:
            return "é" * rng.choice([0, 1, 12, 200])
        if kind in {3, 4}:
            return rng.choice([True, False, None, 1.5, float(rng.random())])
        many = rng.choice([0, 1, 2, 24])
        if kind == 5:
            return [value(levels - 1) for _ in range(many)]
        return {number: value(levels - 1) for number in range(many)}

    for _ in range(2_000):
        written = cbor2.dumps(value(DEEPEST))
        assert end_of(written + rng.randbytes(3), 0) == len(written)


@pytest.mark.parametrize(
    "written",
    [
        b"", b"\x18", b"\x19\x00", b"\x41", b"\x62a", b"\x82\x00", b"\xa1\x00", b"\x5f\x40\xff", b"\x9f\xff", b"\xbf\xff",
        b"\xc0\x60", b"\xd8\x1c\x80", b"\x1c", b"\xfc", b"\xff", b"\x81" * (DEEPEST + 1) + b"\x00", b"\x81" * 60_000,
        b"\x5b" + b"\xff" * 8, b"\x9b" + b"\xff" * 8, b"\xbb" + b"\xff" * 8, b"\x1b\x00",
    ],
)  # fmt: skip
def test_what_the_walk_refuses(written: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        end_of(written, 0)


@dataclass(frozen=True)
class Row:
    owner: str = OFFICER
    sign_count: int = 5
    used: str = "{}"
    active: bool = True


def test_the_judges() -> None:
    challenge = Challenge(new_challenge(KEY, SIGN_IN, NOW), NOW + timedelta(seconds=CHALLENGE_LIFE_S))
    shown, row = Asserted(6, challenge), Row()
    assert judge_assertion(row, OFFICER, shown, NOW) == ALLOWED
    last = challenge.until - timedelta(microseconds=1)
    assert judge_assertion(row, OFFICER, shown, last) == ALLOWED
    assert judge_assertion(row, OFFICER, shown, challenge.until) == Refused("passkey_replayed")
    used = replace(row, used=remembered("{}", challenge, NOW))
    assert judge_assertion(used, OFFICER, shown, NOW) == Refused("passkey_replayed")
    assert judge_assertion(None, OFFICER, shown, NOW) == Refused("passkey_inactive")
    assert judge_assertion(replace(row, active=False), OFFICER, shown, NOW) == Refused("passkey_inactive")
    assert judge_assertion(row, "off_another", shown, NOW) == Refused("passkey_inactive")
    for stored, count, allowed in ((0, 0, True), (0, 1, True), (1, 0, False), (1, 1, False), (2, 1, False)):
        verdict = judge_assertion(
            replace(row, sign_count=stored), OFFICER, replace(shown, sign_count=count), NOW
        )
        assert verdict == (ALLOWED if allowed else Refused("passkey_cloned"))
    made = Registered("id", b"", 0, challenge)
    assert judge_registration(None, [row], made, NOW) == ALLOWED
    assert judge_registration(row, [], made, NOW) == Refused("passkey_exists")
    assert judge_registration(None, [row, used], made, NOW) == Refused("passkey_overdue")
    assert judge_registration(None, [row] * 10, made, NOW) == Refused("passkeys_full")
    assert (
        judge_registration(None, [replace(row, active=False)] * 9 + [row] * 9, made, NOW) == ALLOWED
    )  # removed ones take no room


def test_what_is_over_is_not_remembered() -> None:
    first = Challenge(secrets.token_bytes(56), NOW + timedelta(seconds=10))
    second = Challenge(secrets.token_bytes(56), NOW + timedelta(seconds=20))
    both = remembered(remembered("{}", first, NOW), second, NOW)
    assert set(json.loads(both)) == {first.name, second.name}
    later = NOW + timedelta(seconds=11)
    assert set(json.loads(remembered(both, second, later))) == {second.name}


def _changed(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    at = rng.randrange(len(changed))
    choice = rng.random()
    if choice < 0.5:
        changed[at] ^= 1 << rng.randrange(8)
    elif choice < 0.7:
        del changed[at : at + rng.randrange(1, 5)]
    elif choice < 0.9:
        changed[at:at] = rng.randbytes(rng.randrange(1, 5))
    else:
        changed = changed[:at]
    return bytes(changed)


def test_no_change_is_taken_and_nothing_else_is_raised() -> None:
    """Everything here is signed, so that a changed byte must count: what is taken all the same says exactly the same."""
    rng, device = random.Random(SEED), fresh()
    made, got = device.create(asked(SESSION), fmt="packed"), device.get(asked(SIGN_IN))
    original = verified_registration(PARTY, KEY, SESSION, made)
    assert isinstance(original, Registered)
    assert isinstance(show(device, got), Asserted)
    taken = 0
    for number in range(max(4_000, MUTATIONS // 20)):
        sent = got if number % 2 else made
        name = rng.choice(sorted(sent["response"]))
        changed = _changed(rng, raw(sent["response"][name]))
        if changed == raw(sent["response"][name]):
            continue
        mutant = sent | {"response": sent["response"] | {name: b64(changed)}}
        if number % 2:
            assert show(device, mutant) == Refused("passkey_refused"), (SEED, number)
        elif (other := verified_registration(PARTY, KEY, SESSION, mutant)) != Refused("passkey_unfit"):
            assert other == original, (SEED, number)
            taken += 1
    assert taken < 10
