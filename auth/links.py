"""Links for citizens: an opaque random code of which only a keyed hash is kept (``protocols.md`` 4.1).

    code = base32( 20 random bytes || HMAC-SHA256(key, random)[:8] )      45 characters, lower case

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
PAIRING_DIGITS = 4
ONE_TIME_CODE_DIGITS = 6


def new_code(key: bytes) -> str:
    random = secrets.token_bytes(RANDOM_BYTES)
    return base64.b32encode(random + _check(key, random)).decode().rstrip("=").lower()


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
