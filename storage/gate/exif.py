"""Where a photograph was taken, in its EXIF block (CIPA DC-008, TIFF 6.0): found, so that it can be blanked in place.

What goes: the position, what the camera's maker wrote for itself, the small picture (it may show what was cropped away), and XMP
or IPTC inside the block. What stays: how the picture is turned, when it was taken, with which camera.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from storage.gate.findings import Found

_GPS, _EXIF = 0x8825, 0x8769
_MAKER_NOTE, _XMP, _IPTC, _PHOTOSHOP = 0x927C, 0x02BC, 0x83BB, 0x8649
_SMALL_PICTURE, _SMALL_PICTURE_BYTES = 0x0201, 0x0202
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BLANKED = frozenset({_MAKER_NOTE, _XMP, _IPTC, _PHOTOSHOP})
_ENTRIES_LIMIT, _POINTER_BYTES = 500, 4


class _Malformed(Exception):
    """It points outside of itself, or says what cannot be."""


def blank_position(block: bytes, place: int, found: Found) -> bool:
    """``block`` is the TIFF structure, which stands at ``place`` in the file. False: malformed, or blanked in part only; then
    the caller takes the whole block out.
    """
    tiff = _Tiff(block)
    mine = Found()
    try:
        for start, end in tiff.private():
            if not 8 <= start <= end <= len(block):  # noqa: PLR2004 - behind the header
                return False
            mine.blank(place + start, place + end)
    except (_Malformed, struct.error):
        return False
    found.edits += mine.edits
    return True


class _Tiff:
    def __init__(self, block: bytes) -> None:
        self._block = block
        self._order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4], "")

    def private(self) -> Iterator[tuple[int, int]]:
        """Every range that is to be blanked."""
        if not self._order:
            raise _Malformed
        first = self._number("I", 4)
        yield from self._directory(first, below=True)
        way_on = first + 2 + 12 * self._number("H", first)
        if following := self._number("I", way_on):
            yield from self._small_picture(following)
            yield way_on, way_on + 4

    def _directory(self, place: int, *, below: bool) -> Iterator[tuple[int, int]]:
        """``below``: with the two directories that it points to."""
        for tag, start, size, pointer in self._entries(place):
            if tag in {_GPS, _EXIF} and size != _POINTER_BYTES:
                raise _Malformed
            if tag in _BLANKED:
                yield start, start + size
            elif tag == _GPS and below:
                yield from self._whole(pointer)
            elif tag == _EXIF and below:
                yield from self._directory(pointer, below=False)

    def _whole(self, place: int) -> Iterator[tuple[int, int]]:
        """A directory with all its values: what is left has no entries."""
        for _, start, size, _ in self._entries(place):
            yield start, start + size
        yield place, place + 2 + 12 * self._number("H", place) + 4

    def _small_picture(self, place: int) -> Iterator[tuple[int, int]]:
        values = {tag: pointer for tag, _, _, pointer in self._entries(place)}
        if _SMALL_PICTURE in values:
            start = values[_SMALL_PICTURE]
            yield start, start + values.get(_SMALL_PICTURE_BYTES, 0)
        yield from self._whole(place)

    def _entries(self, place: int) -> Iterator[tuple[int, int, int, int]]:
        """(tag, start of the value, its size in bytes, the four bytes as a number)."""
        count = self._number("H", place)
        if count > _ENTRIES_LIMIT:
            raise _Malformed
        for number in range(count):
            entry = place + 2 + 12 * number
            tag, kind, values = struct.unpack_from(f"{self._order}HHI", self._block, entry)
            pointer = self._number("I", entry + 8)
            size = _VALUE_BYTES.get(kind, 1) * values
            start = entry + 8 if size <= 4 else pointer  # noqa: PLR2004 - TIFF 6.0: small values stand in the entry
            if start + size > len(self._block):
                raise _Malformed
            yield tag, start, size, pointer

    def _number(self, kind: str, place: int) -> int:
        return int(struct.unpack_from(self._order + kind, self._block, place)[0])
