"""PNG (W3C, third edition): chunk by chunk with its sums, the image data inflated to exactly its size, then decoded."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

from PIL import Image

from storage.gate.exif import blank_position
from storage.gate.findings import PIXEL_LIMIT, Found, Unfit, no_speck

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNKS_LIMIT = 20_000
_TEXT_LIMIT_BYTES = 1_048_576
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_MOVING = frozenset({b"acTL", b"fcTL", b"fdAT"})
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Software writes EXIF, XMP and IPTC into text chunks of these names.
_PRIVATE_TEXTS = (b"XML:com.adobe.xmp", b"Raw profile type", b"exif", b"xmp", b"gps", b"geo")
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BLOCK_BYTES = 1_048_576
Image.preinit()  # Pillow loads its formats late, and no file can be opened then


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    def raw_bytes(self) -> int:
        """How large the image data is when it is inflated: each row with one byte for its filter."""
        if not self.interlaced:
            return self.height * (1 + self._row_bytes(self.width))
        total = 0
        for left, top, across, down in _PASSES:
            width = max(0, -(-(self.width - left) // across))
            height = max(0, -(-(self.height - top) // down))
            total += height * (1 + self._row_bytes(width)) if width else 0
        return total

    def _row_bytes(self, width: int) -> int:
        return -(-width * self.depth * _SAMPLES[self.colour] // 8)


def look(data: bytes) -> Found:
    """Raises ``Unfit``: broken, trailing, disguised, pixels, kind, too_heavy, page_size."""
    found = Found()
    header: _Header | None = None
    image = _Inflated()
    place, chunks = len(_SIGNATURE), 0
    while True:
        kind, start, end = _chunk(data, place)
        chunks += 1
        if chunks > _CHUNKS_LIMIT:
            raise Unfit("too_heavy")
        if (header is None) != (kind == b"IHDR"):
            raise Unfit("broken")
        if kind == b"IHDR":
            header = _header(data[start:end])
            image.expected_bytes = header.raw_bytes()
        elif kind == b"IDAT":
            image.feed(data[start:end])
        elif kind == b"IEND":
            place = end + 4
            break
        else:
            _ancillary(data, kind, start, end, found)
        place = end + 4
    image.finish()
    if place != len(data):
        raise Unfit("trailing")
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        picture.load()
        no_speck(*picture.size)
    return found


def _chunk(data: bytes, place: int) -> tuple[bytes, int, int]:
    """(name, start of the content, end of the content); its sum is right."""
    length = int.from_bytes(data[place : place + 4])
    kind = data[place + 4 : place + 8]
    start, end = place + 8, place + 8 + length
    if end + 4 > len(data) or not kind.isalpha():
        raise Unfit("broken")
    if zlib.crc32(memoryview(data)[place + 4 : end]) != int.from_bytes(data[end : end + 4]):
        raise Unfit("broken")
    return kind, start, end


def _header(content: bytes) -> _Header:
    if len(content) != 13:  # noqa: PLR2004 - the standard's own
        raise Unfit("broken")
    width, height = int.from_bytes(content[:4]), int.from_bytes(content[4:8])
    depth, colour, compression, filtering, interlaced = content[8:]
    if (
        not width
        or not height
        or depth not in _DEPTHS.get(colour, ())
        or compression
        or filtering
        or interlaced > 1
    ):
        raise Unfit("broken")
    if width * height > PIXEL_LIMIT:
        raise Unfit("pixels")
    return _Header(width, height, depth, colour, bool(interlaced))


def _ancillary(data: bytes, kind: bytes, start: int, end: int, found: Found) -> None:
    if kind in _MOVING:
        raise Unfit("kind")
    if kind in _CRITICAL:
        return
    if kind[:1].isupper():  # critical, and not of the standard
        raise Unfit("kind")
    whole = (start - 8, end + 4)
    if kind in _TEXTS:
        if end - start > _TEXT_LIMIT_BYTES:
            raise Unfit("too_heavy")
        if data[start:end].lower().startswith(tuple(name.lower() for name in _PRIVATE_TEXTS)):
            found.cut(*whole)
    elif kind == b"eXIf":
        block = Found()
        # Blanking would need a new sum: the block goes as a whole where there is something in it to blank.
        if not blank_position(data[start:end], start, block) or block.edits:
            found.cut(*whole)


class _Inflated:
    """The image data on its way: never more than a block of it in memory, never more than the header promises."""

    def __init__(self) -> None:
        self.expected_bytes = 0
        self._inflate = zlib.decompressobj()
        self._got_bytes = 0

    def feed(self, part: bytes) -> None:
        try:
            while part:
                self._got_bytes += len(self._inflate.decompress(part, _BLOCK_BYTES))
                if self._got_bytes > self.expected_bytes:
                    raise Unfit("too_heavy")
                part = self._inflate.unconsumed_tail
        except zlib.error:
            raise Unfit("broken") from None

    def finish(self) -> None:
        if not self._inflate.eof or self._got_bytes != self.expected_bytes:
            raise Unfit("broken")
        if self._inflate.unused_data:
            raise Unfit("disguised")
