"""Photographs as telephones make them: with a place, a maker's note, a small preview, XMP."""

from __future__ import annotations

import io
import struct

from PIL import Image

PLACE = b"TEMPAT-RAHASIA"
XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta exif:GPSLatitude='" + PLACE + b"'/>"
_ORIENTATION, _MAKE, _EXIF, _GPS, _MAKER_NOTE = 0x0112, 0x010F, 0x8769, 0x8825, 0x927C


def pixels(content: bytes) -> bytes:
    return Image.open(io.BytesIO(content)).convert("RGB").tobytes()


def tells_a_place(content: bytes) -> bool:
    """By the marks that ``photograph`` leaves, and by what Pillow finds in EXIF."""
    with Image.open(io.BytesIO(content)) as image:
        return PLACE in content or bool(image.getexif().get_ifd(_GPS)) or "xmp" in image.info


def block(place: str, order: str = "<", *, note: bytes = PLACE) -> bytes:
    """A TIFF structure: how the picture is turned, the camera, a maker's note, the place, a small picture with the place."""
    tables = _Tables(order)
    small = PLACE + bytes(200)
    tables.put(
        [
            (_MAKE, 2, b"Kamera\0"),
            (_ORIENTATION, 3, 6),
            (_EXIF, 4, [(0x9003, 2, b"2026:11:24 09:00:00\0"), (_MAKER_NOTE, 7, note + bytes(40))]),
            (_GPS, 4, [(0x0000, 1, b"\2\3\0\0"), (0x001B, 7, PLACE + place.encode()), (0x0002, 5, struct.pack(order + "6I", 6, 1, 12, 1, 31, 1))]),
        ],
        following=[(0x0103, 3, 6), (0x0201, 4, small), (0x0202, 4, len(small))],
    )  # fmt: skip
    return tables.written()


class _Tables:
    """Directories one behind the other, each with its values behind it."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._file = bytearray({"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8))

    def put(self, entries: list[tuple[int, int, object]], following: list[tuple[int, int, object]]) -> None:
        link = self._directory(entries)
        place = len(self._file)
        self._file[link : link + 4] = struct.pack(self._order + "I", place)
        self._directory(following)

    def written(self) -> bytes:
        return bytes(self._file)

    def _directory(self, entries: list[tuple[int, int, object]]) -> int:
        """Returns where the link to the next one stands."""
        place = len(self._file)
        link = place + 2 + 12 * len(entries)
        self._file += struct.pack(self._order + "H", len(entries)) + bytes(12 * len(entries) + 4)
        for number, (tag, kind, value) in enumerate(entries):
            count, four = self._value(tag, value, kind)
            entry = struct.pack(self._order + "HHI", tag, kind, count) + four
            self._file[place + 2 + 12 * number : place + 14 + 12 * number] = entry
        return link

    def _value(self, tag: int, value: object, kind: int) -> tuple[int, bytes]:
        if isinstance(value, int):
            return 1, struct.pack(
                self._order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,))
            )
        start = len(self._file)
        if isinstance(value, list):
            self._directory(value)
            return 1, struct.pack(self._order + "I", start)
        assert isinstance(value, bytes)
        count = len(value) // 8 if kind == 5 else len(value)
        if tag == 0x0201:  # the small picture's bytes: the entry is a pointer
            self._file += value
            return 1, struct.pack(self._order + "I", start)
        if len(value) <= 4:
            return count, value.ljust(4, b"\0")
        self._file += value
        return count, struct.pack(self._order + "I", start)


def photograph(place: str, order: str = "<") -> bytes:
    file = io.BytesIO()
    picture = Image.linear_gradient("L").convert("RGB").resize((200, 150))
    picture.save(file, "JPEG", quality=90, exif=b"Exif\0\0" + block(place, order))
    plain = file.getvalue()
    xmp = b"\xff\xe1" + (len(XMP) + 2).to_bytes(2, "big") + XMP
    return plain[:2] + xmp + plain[2:]
