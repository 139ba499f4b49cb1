"""JPEG (ITU-T T.81): walked marker by marker to its end, then decoded."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

from PIL import Image, MpoImagePlugin, TiffImagePlugin

from storage.gate.exif import blank_position
from storage.gate.findings import PIXEL_LIMIT, Found, Unfit, no_speck

_SEGMENTS_LIMIT, _SCANS_LIMIT, _PICTURES_LIMIT = 2_000, 64, 8
_START, _END, _SCAN, _APP0, _APP1, _APP2 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2
_APPLICATIONS = range(0xE0, 0xF0)
# What a reader needs to show the colours right. Everything else that programs keep for themselves is left out.
_COLOURS = {_APP2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_OTHER_FRAMES = frozenset(
    {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xC8, 0xCC, 0xDC, 0xDE}
)
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_AFTER_A_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_APP0_NAMES = (b"JFIF\0", b"JFXX\0", b"AVI1", b"CIFF", b"Ocad")
_JFIF_BYTES = 14
_DECODED_AT_SCALE = 8
_EIGHT_BITS = 8
Image.preinit()  # Pillow loads what it needs late, and no file can be opened then
_loaded = (MpoImagePlugin, TiffImagePlugin)  # for several pictures in one file, and for EXIF


@dataclass(slots=True)
class _Picture:
    """One JPEG stream inside the file: (marker, start of its content, end) of each segment; where the stream ends."""

    segments: list[tuple[int, int, int]] = field(default_factory=list)
    end: int = 0
    frames: int = 0
    scans: int = 0
    pixels: int = 0


def look(data: bytes) -> Found:
    """Raises ``Unfit``: broken, trailing, disguised, pixels, kind, too_heavy, page_size."""
    picture = _walked(data, 0)
    found = Found()
    several = any(
        marker == _APP2 and data[start : start + 4] == b"MPF\0" for marker, start, _ in picture.segments
    )
    _behind(data, picture.end, several, found)
    for marker, start, end in picture.segments:
        _private(data, marker, start, end, found)
    _decoded(data[: picture.end])
    return found


def frame_pixels(head: bytes) -> int:
    """Width times height that the first frame names; 0 when none is found. For pictures inside other files."""
    place = 2
    while place + 9 < len(head) and head[place] == 0xFF:  # noqa: PLR2004 - a marker
        marker = head[place + 1]
        if marker in _FRAMES | _OTHER_FRAMES:
            return int.from_bytes(head[place + 5 : place + 7]) * int.from_bytes(head[place + 7 : place + 9])
        place += 2 + int.from_bytes(head[place + 2 : place + 4])
    return 0


def _walked(data: bytes, place: int) -> _Picture:
    picture = _Picture()
    if data[place : place + 2] != b"\xff\xd8":
        raise Unfit("broken")
    place += 2
    while True:
        marker, place = _marker(data, place)
        if marker == _END:
            picture.end = place
            break
        if marker == _START or marker in _ALONE:
            raise Unfit("broken")
        end = place + int.from_bytes(data[place : place + 2])
        if end < place + 2 or end > len(data):
            raise Unfit("broken")
        picture.segments.append((marker, place + 2, end))
        if len(picture.segments) > _SEGMENTS_LIMIT:
            raise Unfit("too_heavy")
        _segment(data, marker, place, end, picture)
        place = end
        if marker == _SCAN:
            following = _AFTER_A_SCAN.search(data, end)
            if following is None:
                raise Unfit("broken")
            place = following.start()
    if not picture.scans:
        raise Unfit("broken")
    return picture


def _marker(data: bytes, place: int) -> tuple[int, int]:
    if data[place : place + 1] != b"\xff":
        raise Unfit("broken")
    while data[place : place + 1] == b"\xff":
        place += 1
    if place >= len(data):
        raise Unfit("broken")
    return data[place], place + 1


def _segment(data: bytes, marker: int, place: int, end: int, picture: _Picture) -> None:
    """``place`` is where the segment's length stands."""
    if marker in _FRAMES:
        picture.frames += 1
        if picture.frames > 1 or end - place < 8:  # noqa: PLR2004 - up to the number of components
            raise Unfit("broken")
        if data[place + 2] != _EIGHT_BITS:
            raise Unfit("kind")
        picture.pixels = int.from_bytes(data[place + 3 : place + 5]) * int.from_bytes(
            data[place + 5 : place + 7]
        )
        if picture.pixels == 0:
            raise Unfit("broken")
        if picture.pixels > PIXEL_LIMIT:
            raise Unfit("pixels")
    elif marker in _OTHER_FRAMES:
        raise Unfit("kind")
    elif marker == _SCAN:
        picture.scans += 1
        if not picture.frames:
            raise Unfit("broken")
        if picture.scans > _SCANS_LIMIT:
            raise Unfit("too_heavy")
    elif marker == _APP0:
        _app0(data[place + 2 : end])


def _app0(content: bytes) -> None:
    """A script behind the length ``/*`` begins with such a segment (JPEG and JavaScript in one)."""
    if not content.startswith(_APP0_NAMES):
        raise Unfit("disguised")
    if content.startswith(b"JFIF\0") and len(content) != 14 + 3 * content[12] * content[13]:
        raise Unfit("disguised")


def _behind(data: bytes, end: int, several: bool, found: Found) -> None:
    """Zeros that a camera left are taken off, and further pictures of a multi-picture file (CIPA DC-007)."""
    place = end
    for _ in range(_PICTURES_LIMIT):
        rest = data[place:].lstrip(b"\0")
        if not rest:
            break
        if not several:
            raise Unfit("trailing")
        try:
            place = _walked(data, len(data) - len(rest)).end
        except Unfit:
            raise Unfit("trailing") from None
    else:
        raise Unfit("trailing")
    found.cut(end, len(data))


def _private(data: bytes, marker: int, start: int, end: int, found: Found) -> None:
    """What programs put beside the picture (T.81 B.2.4.6): nothing is kept but its size on paper, its colours, and EXIF without the
    place. ``start`` is behind marker and length, four bytes.
    """
    if marker not in _APPLICATIONS:
        return
    kept = data.startswith(_COLOURS[marker], start, end) if marker in _COLOURS else False
    if marker == _APP0 and data.startswith(b"JFIF\0", start, end):
        kept = True
        found.blank(
            min(start + _JFIF_BYTES, end), end
        )  # a small picture, which may show what was cropped away
    elif marker == _APP1 and data.startswith(b"Exif\0\0", start, end):
        kept = blank_position(data[start + 6 : end], start + 6, found)
    if not kept:
        found.cut(start - 4, end)


def _decoded(data: bytes) -> None:
    """By libjpeg, each coefficient read; an eighth of the size is enough for that."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        if image.width * image.height > PIXEL_LIMIT:
            raise Unfit("pixels")
        no_speck(*image.size)
        smaller = (max(1, image.width // _DECODED_AT_SCALE), max(1, image.height // _DECODED_AT_SCALE))
        image.draft(image.mode, smaller)
        image.load()
