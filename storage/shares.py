"""A secret in parts of which some are enough (Shamir, 1979), each byte a polynomial over GF(256), and how a part stands on paper.

    f(0) = the secret's byte, f = a random polynomial of degree needed - 1, a part holds f(number) for each byte
    GF(256) as in AES (x^8 + x^4 + x^3 + x + 1), 3 generates it

Fewer parts than are needed tell nothing at all, whatever anybody computes. Parts carry checks, so that a typing error is found in its
line and parts that do not belong together are refused: interpolation by itself would give a wrong secret without a word.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

FORMAT = 1
SECRET_BYTES = 32
MOST_PARTS = 255
_SET_BYTES, _NAME_BYTES, _CHECK_BYTES = 4, 8, 4
_PART_BYTES = 3 + _SET_BYTES + _NAME_BYTES + SECRET_BYTES + _CHECK_BYTES
# Crockford's base32: no I, L, O, U; what looks like one of the others is read as it.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKS_LIKE = str.maketrans("ILO", "110")
_LINE_CHARACTERS, _GROUP, _LINE_CHECK = 21, 7, 2
_LINE = re.compile(r"^\s*([0-9IiLl])\s*:\s*([0-9A-Za-z \t]+?)\s*-\s*([0-9A-Za-z]{2})\s*$", re.MULTILINE)


class ShareRefused(Exception):
    """A part that is mistyped, or parts that do not make a secret; the message is one sentence and holds nothing of a part."""


@dataclass(frozen=True, slots=True)
class Share:
    """``set_id`` is random for each splitting; ``name`` (8 bytes) names the secret, and is compared when it is whole again."""

    number: int
    needed: int
    set_id: bytes
    name: bytes
    value: bytes = field(repr=False)


def _tables() -> tuple[list[int], list[int]]:
    powers, logs, value = [0] * 510, [0] * 256, 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = value
        logs[value] = exponent
        value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)  # times 3 = value + 2 * value
    return powers, logs


_POWERS, _LOGS = _tables()


def _times(a: int, b: int) -> int:
    return _POWERS[_LOGS[a] + _LOGS[b]] if a and b else 0


def _by(a: int, b: int) -> int:
    return _POWERS[_LOGS[a] - _LOGS[b] + 255] if a else 0


def split(secret: bytes, name: bytes, *, parts: int, needed: int) -> list[Share]:
    """Raises ``ShareRefused`` for numbers that make no sense."""
    if not 1 < needed <= parts <= MOST_PARTS:
        raise ShareRefused("at least two parts are needed, and no more than there are (255 at most)")
    if len(secret) != SECRET_BYTES or len(name) != _NAME_BYTES:
        raise ShareRefused(f"a secret has {SECRET_BYTES} bytes")
    set_id = secrets.token_bytes(_SET_BYTES)
    polynomials = [(byte, *secrets.token_bytes(needed - 1)) for byte in secret]
    return [
        Share(number, needed, set_id, name, bytes(_at(polynomial, number) for polynomial in polynomials))
        for number in range(1, parts + 1)
    ]


def _at(polynomial: Sequence[int], x: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = _times(value, x) ^ coefficient
    return value


def combine(shares: Sequence[Share]) -> bytes:
    """The secret; whoever knows what its ``name`` is made of compares it. Raises ``ShareRefused``."""
    if not shares:
        raise ShareRefused("there are no parts")
    if len({(share.set_id, share.name, share.needed) for share in shares}) != 1:
        raise ShareRefused("these parts are not of one splitting")
    if len({share.number for share in shares}) != len(shares):
        raise ShareRefused("the same part is there twice")
    if len(shares) < shares[0].needed:
        raise ShareRefused(f"{shares[0].needed} parts are needed, {len(shares)} are there")
    used = shares[: shares[0].needed]
    weights = [_weight(share.number, [other.number for other in used]) for share in used]
    secret = bytearray(SECRET_BYTES)
    for share, weight in zip(used, weights, strict=True):
        for at, byte in enumerate(share.value):
            secret[at] ^= _times(byte, weight)
    return bytes(secret)


def _weight(number: int, numbers: Sequence[int]) -> int:
    """Lagrange's basis at 0."""
    weight = 1
    for other in numbers:
        if other != number:
            weight = _times(weight, _by(other, other ^ number))
    return weight


def written(share: Share) -> str:
    """Lines of 21 characters, each with two of its own to check: ``1: ABCDEFG HJKMNPQ RSTVWXY-7Q``."""
    body = bytes([FORMAT, share.number, share.needed]) + share.set_id + share.name + share.value
    text = _base32(body + hashlib.sha256(body).digest()[:_CHECK_BYTES])
    lines = [text[at : at + _LINE_CHARACTERS] for at in range(0, len(text), _LINE_CHARACTERS)]
    return "".join(
        f"{n}: {' '.join(line[at : at + _GROUP] for at in range(0, len(line), _GROUP))}-{_checked(n, line)}\n"
        for n, line in enumerate(lines, start=1)
    )


def read(text: str) -> Share:
    """A part as it was written, whatever else stands around its lines. Raises ``ShareRefused`` with the line that is mistyped."""
    lines: dict[int, str] = {}
    for label, typed, check in _LINE.findall(text):
        number = _plain(label)
        line = _plain(re.sub(r"\s", "", typed))
        if _plain(check) != _checked(int(number), line):
            raise ShareRefused(f"line {number} is mistyped")
        lines[int(number)] = line
    wanted = -(-_PART_BYTES * 8 // 5)
    whole = "".join(line for _, line in sorted(lines.items()))
    if sorted(lines) != list(range(1, len(lines) + 1)) or len(whole) != wanted:
        raise ShareRefused("lines are missing, or there are too many")
    decoded = _bytes(whole)
    body, check = decoded[:-_CHECK_BYTES], decoded[-_CHECK_BYTES:]
    if hashlib.sha256(body).digest()[:_CHECK_BYTES] != check:
        raise ShareRefused("the lines are not of one part")
    if body[0] != FORMAT:
        raise ShareRefused("a part of another format")
    name_at = 3 + _SET_BYTES
    value_at = name_at + _NAME_BYTES
    return Share(body[1], body[2], body[3:name_at], body[name_at:value_at], body[value_at:])


def _plain(text: str) -> str:
    return text.upper().translate(_LOOKS_LIKE)


def _checked(number: int, line: str) -> str:
    digest = hashlib.sha256(f"{number}:{line}".encode()).digest()
    return _ALPHABET[digest[0] % 32] + _ALPHABET[digest[1] % 32]


def _base32(data: bytes) -> str:
    characters = -(-len(data) * 8 // 5)
    number = int.from_bytes(data, "big") << (characters * 5 - len(data) * 8)
    return "".join(_ALPHABET[number >> 5 * at & 31] for at in reversed(range(characters)))


def _bytes(text: str) -> bytes:
    number = 0
    for character in text:
        if character not in _ALPHABET:
            raise ShareRefused("a character that no part has")
        number = number << 5 | _ALPHABET.index(character)
    spare = len(text) * 5 - _PART_BYTES * 8
    return (number >> spare).to_bytes(_PART_BYTES, "big")
