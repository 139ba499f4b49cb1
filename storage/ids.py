"""Identifiers: a prefix that says what it names, then a 26-character ULID (time-ordered, 80 random bits).

Time order keeps the indexes of the ledger and of tickets local: a random unique index over all history costs
several times the write-ahead log.
"""

from ulid import ULID


def new_id(prefix: str) -> str:
    """Return for example ``c_01JD7XKQ...``; prefixes in use: sbj, d, c, cr, t, r, s, off, w, in, m."""
    return f"{prefix}_{ULID()}"
