"""What an officer signs in with beside the password, and how often somebody tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.ledger.facts import FactTable, Json


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """``id`` is the officer's. ``secret`` (RFC 6238) is sealed under the site's trail key; ``last_step`` the last one used;
    ``recovery`` a JSON list of keyed hashes, one for each code that is left.
    """

    id: str
    secret: bytes
    confirmed: bool
    last_step: int
    recovery: Json


@dataclass(frozen=True, slots=True)
class SignInTries:
    """``id`` is the officer's. ``failed`` tries in a row; ``locks`` since somebody got in."""

    id: str
    failed: int
    locks: int
    locked_until: datetime | None


FACTORS = FactTable(SecondFactor, "second_factor")
TRIES = FactTable(SignInTries, "sign_in_tries")
