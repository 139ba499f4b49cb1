"""Identifiers: a prefix that says what it names, then a 26-character ULID (time-ordered, 80 random bits).

Time order keeps the indexes of the ledger and of tickets local: a random unique index over all history costs
several times the write-ahead log.
"""

from __future__ import annotations

import functools
import os
import time
from datetime import datetime

_RANDOM_BYTES = 10
_CHARACTERS = 26
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


def ulid() -> str:
    """48 bits of Unix time in milliseconds and 80 random bits, in Crockford's base 32 (github.com/ulid/spec).

    Written out because four are made for each fetch and the library takes 4 us for one, this 1.5.
    """
    number = int.from_bytes(os.urandom(_RANDOM_BYTES))
    pairs = _PAIRS
    return _time_characters(time.time_ns() // 1_000_000) + "".join(
        [pairs[number >> shift & 1023] for shift in range(70, -1, -10)]
    )


@functools.lru_cache(maxsize=1)
def _time_characters(milliseconds: int) -> str:
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])


def ulid_of(number: int) -> str:
    """128 bits as the 26 characters of a ULID."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def number_of(text: str) -> int:
    """The inverse. Raises ``ValueError`` for what no 128 bits are written as."""
    number = 0
    for character in text:
        number = number << 5 | _ALPHABET.index(character)
    if len(text) != _CHARACTERS or number >= 2**128:
        raise ValueError("no ULID")
    return number


def new_id(prefix: str) -> str:
    """Return for example ``c_01JD7XKQ...``; prefixes in use: sbj, d, c, cr, t, r, s, off, w, in, m."""
    return f"{prefix}_{ulid()}"


def earliest_id(prefix: str, at: datetime) -> str:
    """Ids that were made at ``at`` or later are not below it."""
    return f"{prefix}_{ulid_of(int(at.timestamp() * 1000) << 8 * _RANDOM_BYTES)}"
