"""Consent records as they are kept: read from their row, revision by revision; and the schema that they fit."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from storage.consents import Consent
from storage.keyring import Keyring

SCHEMA_PATH = "/schemas/berkas-consent-1.json"


@cache
def schema_text() -> bytes:
    """The JSON Schema of a record, served from ``SCHEMA_PATH``."""
    return (Path(__file__).parent / "data" / "berkas-consent-1.json").read_bytes()


async def revisions_of(keyring: Keyring, consent: Consent) -> list[str]:
    """Oldest first. Raises ``KeyMissing`` after the citizen's trail was erased, and ``SealBroken``."""
    sealed = await keyring.unseal(consent.subject_ref, "consent", consent.record)
    return sealed.decode().split("\n")


def claims_of(record: str) -> dict[str, Any]:
    """The claims of a record of our own, read from its row: the seal vouches for it, also when the key that signed it does not
    count any more. Never for a record that somebody presents.
    """
    payload = record.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def kid_of(record: str) -> str:
    """The thumbprint (RFC 7638) of the key that signed a record of our own."""
    header = record.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


def sha256_of(record: str) -> str:
    return hashlib.sha256(record.encode()).hexdigest()
