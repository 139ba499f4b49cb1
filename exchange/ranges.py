"""One part of a document, for who resumes a delivery that broke off (RFC 9110 14): never many, whatever is asked for (A49)."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Nine digits are a gigabyte; a header with more, or with several ranges, is answered with the whole document.
_SINGLE = re.compile(r"bytes=([0-9]{0,9})-([0-9]{0,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from ``start`` up to ``end``, which is not among them."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def whole(self) -> bool:
        return self.length == self.size

    @property
    def to_the_end(self) -> bool:
        return self.end == self.size


def single_range(header: str) -> str | None:
    """The header when it asks for one range, as the ledger may write it down."""
    return header if _SINGLE.fullmatch(header) and header != "bytes=-" else None


def part_of(size: int, etag: str, asked: str | None, if_range: str | None) -> Part:
    """``asked`` came through ``single_range``. A copy that is not the one that was begun (``if_range``), and a range that the document
    does not have, are answered with all of it.
    """
    everything = Part(0, size, size)
    found = _SINGLE.fullmatch(asked or "")
    if found is None or (if_range is not None and if_range != etag):
        return everything
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return Part(start, end, size) if start < end else everything
