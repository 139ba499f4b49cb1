"""Every consent record that any test makes fits the published schema (M14): one that does not is not signed, and fails its test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from auth.tokens import TokenDesk
from exchange import records
from exchange.revisions import claims_of, schema_text

SCHEMA: dict[str, Any] = orjson.loads(schema_text())
VALIDATOR = Draft202012Validator(SCHEMA)
_sign = records._signed
_misfits: list[str] = []


def misfits(claims: Mapping[str, Any]) -> list[str]:
    """Where and why ``claims`` do not fit, without their values."""
    return sorted(
        f"/{'/'.join(map(str, error.absolute_path))}: {error.validator}"
        for error in VALIDATOR.iter_errors(dict(claims))
    )


def _signed_if_it_fits(desk: TokenDesk, claims: Mapping[str, Any]) -> str:
    record = _sign(desk, claims)
    if found := misfits(claims_of(record)):
        _misfits.extend(found)
        raise AssertionError(f"a consent record that does not fit its schema: {found}")
    return record


records._signed = _signed_if_it_fits  # when the suite is loaded: servers start in fixtures of every kind


@pytest.fixture(autouse=True)
def record_schema() -> Iterator[None]:
    yield
    found = list(_misfits)
    _misfits.clear()
    assert found == [], "a consent record did not fit exchange/data/berkas-consent-1.json"
