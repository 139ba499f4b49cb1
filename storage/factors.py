"""What an officer signs in with beside the password or in place of it, and how often somebody tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.ledger.facts import Facts, FactTable, Json


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """``id`` is the officer's. ``secret`` (RFC 6238) is sealed under the site's trail key, empty without an authenticator;
    ``last_step`` the last one used; ``recovery`` a JSON list of keyed hashes, one for each code that is left.
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


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential; ``id`` is its credential id in base64url, ``name`` the officer's own label, ``public_key`` a COSE_Key
    (RFC 9052 7). ``used`` is a JSON object of the challenges that it has answered and that are not over: name -> end in seconds.
    """

    id: str
    officer_id: str
    public_key: bytes
    sign_count: int
    name: str
    added_at: datetime
    used: Json
    active: bool

    @property
    def owner(self) -> str:
        return self.officer_id


FACTORS = FactTable(SecondFactor, "second_factor")
TRIES = FactTable(SignInTries, "sign_in_tries")
PASSKEYS = FactTable(Passkey, "passkey", groups=("officer_id",))


def nothing_enrolled(officer_id: str) -> SecondFactor:
    return SecondFactor(officer_id, b"", confirmed=False, last_step=0, recovery=Json("[]"))


def has_passkey(facts: Facts, officer_id: str) -> bool:
    """For a judge whose work declared the officer's passkeys."""
    return any(passkey.active for passkey in facts.group(PASSKEYS, "officer_id", officer_id))
