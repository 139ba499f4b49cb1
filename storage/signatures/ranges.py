"""Which bytes of a file a signature covers (ISO 32000-2, 12.8.1), by the bytes themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence

_END = re.compile(rb"%%EOF[\r\n]{0,2}\Z")
_RANGE_NUMBERS = 4


def leaves_out_itself(data: bytes, byte_range: Sequence[int], contents: bytes) -> bool:
    """The range begins with the file and leaves out the digits of the signature's own ``contents``, nothing else: in a wider gap, or in one
    that holds something else, objects could stand that nobody signed.
    """
    numbers = [int(number) for number in byte_range]
    if len(numbers) != _RANGE_NUMBERS:
        return False
    start, before, behind, after = numbers
    if start != 0 or not 0 < before < behind or after < 1 or behind + after > len(data):
        return False
    gap = data[before:behind]
    return gap[:1] == b"<" and gap[-1:] == b">" and gap[1:-1].lower() == contents.hex().encode()


def ends_with_its_mark(data: bytes) -> bool:
    """Nothing stands behind the last ``%%EOF`` but the end of its line."""
    return _END.search(data) is not None
