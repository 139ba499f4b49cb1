"""Who is asking. A caller is established once, by ``exchange.deps``; what it may do is judged later, live."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from auth.authorization_details import Access

_SECRET_BYTES = 32
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


@dataclass(frozen=True, slots=True)
class Officer:
    """An officer of one agency at one counter, signed in; ``session_id`` names the server-side session."""

    id: str
    name: str
    agency_id: str
    agency_code: str
    site: str
    counter: str
    role: str
    session_id: str

    @property
    def actor(self) -> str:
        return f"officer:{self.id}"

    @property
    def holder(self) -> str:
        """Who alone may use a ticket that this caller is given."""
        return self.session_id


@dataclass(frozen=True, slots=True)
class Machine:
    """An agency's back end. ``id`` is its OAuth client; ``scope`` what this call needs; ``jkt`` the thumbprint of the key that
    its token or ticket is bound to, empty for a plain bearer token; ``consents`` all that the token is for, where it says so.
    """

    id: str
    agency_id: str
    scope: str
    jkt: str
    consents: tuple[Access, ...] | None = None

    @property
    def actor(self) -> str:
        return f"client:{self.id}"

    def may_read(self, consent_id: str) -> Collection[str] | None:
        """The document types of this consent that its token is for; None when it is for all that the agency may."""
        if self.consents is None:
            return None
        return next((one.datatypes for one in self.consents if one.consent_id == consent_id), ())

    @property
    def holder(self) -> str:
        """Who alone may use a ticket that this caller is given."""
        return self.jkt


Caller = Officer | Machine
"""Whoever acts for an agency."""


def counter_of(caller: Caller) -> str | None:
    """Where an officer sits; a machine sits nowhere."""
    return caller.counter if isinstance(caller, Officer) else None


def new_session_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def session_of(secret: str) -> str:
    """The session's id, as an officer's cookie gives it without asking the database: a one-way function, so that a ticket
    can name it (``act.sid``) and whoever steals the ticket still cannot make the cookie. 128 bits, written like every
    other id.
    """
    digest = hashlib.sha256(b"berkas-session\x00" + secret.encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    return "s_" + "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def csrf_of(secret: str) -> str:
    """What a changing call must bring beside the cookie: only who could read our own answer knows it."""
    return hmac.new(secret.encode(), b"berkas-csrf", hashlib.sha256).hexdigest()


def same_bytes(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)


def same_text(left: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())
