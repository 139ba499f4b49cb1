"""The life of a signing key: introduced, active from a moment on, retired or revoked. Its private half is a secret of the site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable, Json


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    """``id`` is the kid; ``jwk`` the public half (RFC 7517); ``label`` the name of the private one among the site's secrets, which
    is destroyed with the retirement. A ``revoked`` key is one that somebody else may hold.
    """

    id: str
    purpose: str
    label: str
    jwk: Json
    introduced_at: datetime
    active_from: datetime
    retired_at: datetime | None
    revoked: bool


SIGNING_KEYS = FactTable(SigningKeyRow, "signing_key", groups=("purpose",))


async def all_signing_keys(reading: Reading) -> list[SigningKeyRow]:
    """Oldest first."""
    ids = [row["id"] for row in await reading.raw.fetch("SELECT id FROM signing_key")]
    rows = await SIGNING_KEYS.load(reading.raw, "id", ids)
    return sorted(rows, key=lambda row: (row.active_from, row.introduced_at, row.id))
