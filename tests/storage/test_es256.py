"""ES256 with ``cryptography`` alone: what the service signs is read, and what its own strict desk refuses is refused here too (A01 to A12)."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from auth.keys import SigningKey, bare_jwk
from auth.tokens import ACCESS, CONSENT, RECEIPT, signed_as_is
from storage.ledger.es256 import GROUP_ORDER, RecordRefused, read_keys, read_record
from tests.storage.shown_log import NOW, ShownLog, archive_of

MUTATIONS = 3_000
SEEN = int(NOW.timestamp()) + 60


@pytest.fixture(scope="module")
def log() -> ShownLog:
    return ShownLog.of(5)


@pytest.fixture(scope="module")
def jws(log: ShownLog) -> str:
    return log.receipt(3)


def _key(log: ShownLog) -> SigningKey:
    return log.signing.signing_key("document", NOW)


def _header(log: ShownLog, **changes: Any) -> dict[str, Any]:
    return {"alg": "ES256", "typ": RECEIPT.typ, "kid": _key(log).kid} | changes


def _claims(**changes: Any) -> dict[str, Any]:
    return {"iss": "https://berkas.test", "jti": "r_0123456789ABCDEF", "iat": SEEN} | changes


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_what_the_service_signs_is_read(log: ShownLog, jws: str) -> None:
    record = read_record(jws, read_keys(archive_of(log.signing)))
    assert (record.typ, record.claims["log"]["index"], record.revoked) == (RECEIPT.typ, 3, False)
    consent = log.signed(CONSENT, {"jti": "c_0123456789ABCDEF"})
    assert read_record(consent, read_keys(archive_of(log.signing))).typ == CONSENT.typ


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "none"}, {}), ({"alg": "HS256"}, {}), ({"alg": "ES384"}, {}), ({"alg": ["ES256"]}, {}),
        ({"typ": "at+jwt"}, {}), ({"typ": "berkas-ticket+jwt"}, {}), ({"typ": None}, {}), ({"typ": ["x"]}, {}),
        ({"kid": "another"}, {}), ({"kid": ["another"]}, {}), ({"crit": ["b64"]}, {}), ({"jwk": {}}, {}),
        ({}, {"exp": SEEN + 9}), ({}, {"aud": "x"}), ({}, {"scope": "x"}), ({}, {"cnf": {}}),
        ({}, {"iat": SEEN - 999_999}), ({}, {"iat": "1"}), ({}, {"iat": True}), ({}, {"iat": 0}), ({}, {"iss": 1}), ({}, {"jti": None}),
        ({}, {"deep": json.loads("[" * 70 + "]" * 70)}),
    ],
)  # fmt: skip
def test_what_is_refused_though_the_signature_holds(
    log: ShownLog, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    """The wrong version verifies the signature and believes header and claims."""
    made = signed_as_is(
        json.dumps(_header(log, **header)).encode(), json.dumps(_claims(**claims)).encode(), _key(log)
    )
    with pytest.raises(RecordRefused):
        read_record(made, read_keys(archive_of(log.signing)))
    good = signed_as_is(json.dumps(_header(log)).encode(), json.dumps(_claims()).encode(), _key(log))
    assert read_record(good, read_keys(archive_of(log.signing))).claims["iat"] == SEEN


@pytest.mark.parametrize(
    "payload", [b'{"iss":"a","iss":"b"}', b"[1]", b"{", b'{"iat":1.5}', b'{"iat":NaN}', b"\xff"]
)
def test_json_that_two_parsers_read_in_two_ways(log: ShownLog, payload: bytes) -> None:
    made = signed_as_is(json.dumps(_header(log)).encode(), payload, _key(log))
    with pytest.raises(RecordRefused):
        read_record(made, read_keys(archive_of(log.signing)))


def test_a_record_has_one_spelling(log: ShownLog, jws: str) -> None:
    """The high s verifies as well, and so do padding and bits behind the last byte: each would be a second receipt."""
    keys = read_keys(archive_of(log.signing))
    head, claims, signature = jws.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    high = raw[:32] + (GROUP_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = signature[:-1] + letters[letters.index(signature[-1]) ^ 1]
    for other in (_b64(high), signature + "=", loose, signature + "\n", "", _b64(raw[:63]), _b64(bytes(64))):
        with pytest.raises(RecordRefused):
            read_record(f"{head}.{claims}.{other}", keys)
    for other in (f"{head}.{claims}", f"{jws}.", f" {jws}", jws.replace(".", "..", 1), "a" * 20_000, "é.é.é"):
        with pytest.raises(RecordRefused):
            read_record(other, keys)


def test_a_key_counts_within_its_time(log: ShownLog) -> None:
    """A receipt that is dated after its key was retired was made by somebody who kept the key."""
    archive = json.loads(archive_of(log.signing))
    for jwk in archive["keys"]:
        jwk["exp"] = SEEN - 100
    with pytest.raises(RecordRefused, match="outside of the time"):
        read_record(log.receipt(3), read_keys(json.dumps(archive)))


def _changed(log: ShownLog, **changes: Any) -> str:
    archive = json.loads(archive_of(log.signing))
    archive["keys"][0] |= changes
    return json.dumps(archive)


@pytest.mark.parametrize(
    "changes",
    [
        {"kid": "another"}, {"kty": "RSA"}, {"crv": "P-384"}, {"alg": "HS256"}, {"d": "x"}, {"x": "AA"}, {"x": 1}, {"y": "A" * 43},
        {"nbf": "1"}, {"exp": 1.5}, {"nbf": None},
    ],
)  # fmt: skip
def test_keys_that_are_none(log: ShownLog, changes: dict[str, Any]) -> None:
    with pytest.raises(RecordRefused):
        read_keys(_changed(log, **changes))
    for text in ("{}", '{"keys": {}}', '{"keys": [1]}', "no"):
        with pytest.raises(RecordRefused):
            read_keys(text)
    assert bare_jwk(_key(log).public.public_key)["crv"] == "P-256"


def test_mutated_receipts_are_refused(log: ShownLog, jws: str) -> None:
    keys = read_keys(archive_of(log.signing))
    accepted = []
    for case in range(MUTATIONS):
        rng = random.Random(case)
        mutated = bytearray(jws.encode())
        for _ in range(rng.choice([1, 1, 2, 5])):
            mutated[rng.randrange(len(mutated))] = rng.choice(b"ABCabc012-_.=+/ ")
        text = mutated.decode()
        try:
            read_record(text, keys)
        except RecordRefused:
            continue
        if text != jws:
            accepted.append(case)
    assert accepted == []
    assert ACCESS.typ == "at+jwt"
