"""How much a PDF's streams hold when they are inflated: bounded, whatever they say."""

from __future__ import annotations

import zlib

import pikepdf

from storage.gate.findings import PIXEL_LIMIT, Unfit
from storage.gate.jpeg import frame_pixels

_BLOCK_BYTES = 1_048_576
# A page of 600 dpi in colour is 100 MB; a file of such pages would be larger than any upload.
_ONE_LIMIT_BYTES, _ALL_LIMIT_BYTES = 128 * _BLOCK_BYTES, 256 * _BLOCK_BYTES
_FLATE = frozenset({"/FlateDecode", "/Fl"})
_INFLATING = _FLATE | {"/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"}
_PICTURES = frozenset({"/DCTDecode", "/DCT", "/JPXDecode", "/JBIG2Decode", "/CCITTFaxDecode", "/CCF"})
_PLAIN = frozenset({"/ASCIIHexDecode", "/AHx", "/ASCII85Decode", "/A85"})
_HEAD_BYTES = 262_144


class Measured:
    """The streams of one document; raises ``Unfit`` (too_heavy, pixels, broken, encrypted, kind)."""

    def __init__(self) -> None:
        self._bytes = 0

    def stream(self, value: pikepdf.Object) -> None:
        filters = _filters(value)
        _size_of_picture(value, filters)
        if "/Crypt" in filters:
            raise Unfit("encrypted")
        if not set(filters) <= _INFLATING | _PICTURES | _PLAIN:
            raise Unfit("broken")
        if sum(name in _INFLATING for name in filters) > 1:
            raise Unfit("too_heavy")
        if len(filters) == 1 and filters[0] in _FLATE:
            self._inflated(value.read_raw_bytes())
        elif filters and filters[-1] not in _PICTURES:
            self._took(len(value.read_bytes()))

    def _inflated(self, raw: bytes) -> None:
        inflate = zlib.decompressobj()
        one = 0
        try:
            while raw and not inflate.eof:  # some write no bytes at all for an empty one
                got = len(inflate.decompress(raw, _BLOCK_BYTES))
                raw = inflate.unconsumed_tail
                one += got
                if one > _ONE_LIMIT_BYTES:
                    raise Unfit("too_heavy")
        except zlib.error:
            raise Unfit("broken") from None
        if one and not inflate.eof:
            raise Unfit("broken")
        self._took(one)

    def _took(self, size: int) -> None:
        self._bytes += size
        if self._bytes > _ALL_LIMIT_BYTES:
            raise Unfit("too_heavy")


def _filters(value: pikepdf.Object) -> list[str]:
    named = value.get("/Filter")
    if named is None:
        return []
    return [str(name) for name in named] if isinstance(named, pikepdf.Array) else [str(named)]


def _size_of_picture(value: pikepdf.Object, filters: list[str]) -> None:
    """What the dictionary says, and what the JPEG inside says: readers believe the one or the other."""
    width, height = value.get("/Width"), value.get("/Height")
    if isinstance(width, int) and isinstance(height, int) and width * height > PIXEL_LIMIT:
        raise Unfit("pixels")
    if (
        filters in (["/DCTDecode"], ["/DCT"])
        and frame_pixels(bytes(value.read_raw_bytes()[:_HEAD_BYTES])) > PIXEL_LIMIT
    ):
        raise Unfit("pixels")
