"""Links for citizens: an opaque random code of which only a keyed hash is kept (``protocols.md`` 4.1).

    code = base32( 20 random bytes || HMAC-SHA256(key, random)[:8] )      45 characters, lower case

A record's code names a record instead of nothing: 16 bytes of its id in place of the random ones, 39 characters. It opens
nothing; its eight bytes keep anybody from asking for records that they were not given.

The eight bytes turn garbage away without a look into the database (enumeration, A23); the 160 random bits are the
secret. A code is never logged and never in a ``Referer``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

RANDOM_BYTES = 20
CHECK_BYTES = 8
CODE_CHARACTERS = 45
RECORD_BYTES = 16
RECORD_CODE_CHARACTERS = 39
COPY_CODE_CHARACTERS = 12
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_MISREAD = str.maketrans("ILO", "110")
PAIRING_DIGITS = 4
ONE_TIME_CODE_DIGITS = 6


def new_code(key: bytes) -> str:
    return _written(key, secrets.token_bytes(RANDOM_BYTES))


def _written(key: bytes, random: bytes) -> str:
    return base64.b32encode(random + _check(key, random)).decode().rstrip("=").lower()


def own_code(key: bytes, subject_ref: str, period: str) -> str:
    """The code of a citizen's own link in one period: made again for each notice, since only a hash of it is kept. Whoever lacks
    ``key`` cannot tell it from a random one.
    """
    random = hmac.new(key, f"own\x00{subject_ref}\x00{period}".encode(), hashlib.sha256).digest()[
        :RANDOM_BYTES
    ]
    return _written(key, random)


def code_hash(key: bytes, code: str) -> bytes | None:
    """What is stored and looked up; None when the code is not one of ours. Letter case does not matter."""
    if len(code) != CODE_CHARACTERS or not code.isascii():
        return None
    try:
        raw = base64.b32decode(code.upper() + "=" * (-CODE_CHARACTERS % 8))
    except binascii.Error:
        return None
    random, check = raw[:RANDOM_BYTES], raw[RANDOM_BYTES:]
    if not hmac.compare_digest(check, _check(key, random)):
        return None
    return hashlib.sha256(b"berkas-link\x00" + random).digest()


def record_code(key: bytes, record: bytes) -> str:
    """The code on a receipt: always the same for one record. ``record`` is its id as 16 bytes."""
    return base64.b32encode(record + _record_check(key, record)).decode().rstrip("=").lower()


def record_in(key: bytes, code: str) -> bytes | None:
    """Which record a code names; None when it is not one of ours. Letter case does not matter."""
    if len(code) != RECORD_CODE_CHARACTERS or not code.isascii():
        return None
    try:
        raw = base64.b32decode(code.upper() + "=")
    except binascii.Error:
        return None
    record = raw[:RECORD_BYTES]
    return record if hmac.compare_digest(record_code(key, record), code.lower()) else None


def file_mac(key: bytes, record_id: str, *parts: bytes) -> str:
    """Over a file of ours in its parts, 64 hexadecimal digits. Keyed, so that it can be made again and not by others."""
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hmac.new(key, f"receipt\x00{record_id}\x00".encode() + digests, hashlib.sha256).hexdigest()


def copy_code(key: bytes, use: str) -> str:
    """The code on the copy of one use of a ticket: 60 bits that nobody without ``key`` can tell from random ones, made again for
    each delivery of that use. Twelve letters and digits that are not mistaken for one another.
    """
    number = int.from_bytes(hmac.new(key, f"copy\x00{use}".encode(), hashlib.sha256).digest()[:8], "big")
    return "".join(_LETTERS[number >> 5 * place & 31] for place in range(COPY_CODE_CHARACTERS))


def copy_code_id(key: bytes, code: str) -> str | None:
    """What is kept of a code, 64 hexadecimal digits; None for what cannot be one. Letter case does not matter, nor O for 0, I and L for 1."""
    typed = code.upper().translate(_MISREAD)
    if len(typed) != COPY_CODE_CHARACTERS or not set(typed) <= set(_LETTERS):
        return None
    return hmac.new(key, f"copy code\x00{typed}".encode(), hashlib.sha256).hexdigest()


def new_pairing_code() -> str:
    """Four digits that stand on both screens, so that the citizen sees it is this counter."""
    return f"{secrets.randbelow(10**PAIRING_DIGITS):0{PAIRING_DIGITS}d}"


def new_one_time_code() -> str:
    return f"{secrets.randbelow(10**ONE_TIME_CODE_DIGITS):0{ONE_TIME_CODE_DIGITS}d}"


def one_time_code_hash(key: bytes, challenge_id: str, code: str) -> bytes:
    """Keyed: six digits alone would be guessed from a stolen row in a second."""
    return hmac.new(key, f"{challenge_id}\x00{code}".encode(), hashlib.sha256).digest()


def browser_hash(key: bytes, cookie: str) -> str:
    return hmac.new(key, b"browser\x00" + cookie.encode(), hashlib.sha256).hexdigest()


def form_token(key: bytes, browser: str, purpose: str) -> str:
    """The token of a form in one browser for one purpose (CSRF)."""
    return hmac.new(key, f"form\x00{browser}\x00{purpose}".encode(), hashlib.sha256).hexdigest()


def _check(key: bytes, random: bytes) -> bytes:
    return hmac.new(key, b"link\x00" + random, hashlib.sha256).digest()[:CHECK_BYTES]


def _record_check(key: bytes, record: bytes) -> bytes:
    return hmac.new(key, b"record\x00" + record, hashlib.sha256).digest()[:CHECK_BYTES]
