"""CBOR (RFC 8949) as authenticators write it: walked before any library may build something from it.

CTAP2's canonical form (CTAP 2.2, 8) has no tags, no lengths that are told at the end, and at most four levels. A general
reader takes more, and pays for it: with the two tags that share values, 200 bytes grow to gigabytes when they are written anew.
"""

from __future__ import annotations

DEEPEST = 4
_TEXTS, _CONTAINERS, _TAG = (2, 3), (4, 5), 6
_MAP = 5
_ONE_BYTE_MORE, _RESERVED = 24, 28


def end_of(data: bytes, at: int, levels: int = DEEPEST) -> int:
    """Where the item that begins at ``at`` ends. Raises ``ValueError`` and ``IndexError`` for everything else."""
    major, size = data[at] >> 5, data[at] & 31
    at += 1
    if major == _TAG or size >= _RESERVED:
        raise ValueError("a tag, or a length that is not told")
    if size >= _ONE_BYTE_MORE:
        width = 1 << (size - _ONE_BYTE_MORE)
        at, size = at + width, int.from_bytes(data[at : at + width], "big")
    if major in _TEXTS:
        at += size
    elif major in _CONTAINERS:
        if levels == 0:
            raise ValueError("too deep")
        for _ in range(size * 2 if major == _MAP else size):
            at = end_of(data, at, levels - 1)
    if at > len(data):
        raise ValueError("it ends early")
    return at
