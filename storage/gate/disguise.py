"""A file that is also another one (A39): what its readers would find, and ours would not."""

from __future__ import annotations

from collections.abc import Iterator

from storage.gate.findings import Unfit

# What other readers look for anywhere; in compressed data each comes up by chance less than once in a hundred million scans.
_ANYWHERE = (
    b"<?php",
    b"<script",
    b"this program cannot be run in dos mode",
    b"rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"application/x-msdownload",
)
# Browsers and mail programs guess from the beginning.
_AT_THE_HEAD = (
    b"<html",
    b"<!doctype",
    b"<svg",
    b"<body",
    b"<iframe",
    b"<?xml version",
    b"#!/",
    b"mz\x90\x00",
    b"\x7felf",
)
_HEAD_BYTES = 4_096
_PLACED = ((257, b"ustar"), (32_769, b"CD001"), (34_817, b"CD001"), (36_865, b"CD001"))
_ZIP_END, _ZIP_END_BYTES, _ZIP_COMMENT_BYTES = b"PK\x05\x06", 22, 65_535


def no_second_file(data: bytes, media_type: str) -> None:
    """Raises ``Unfit`` (disguised). ``data`` is the whole file."""
    small = data.lower()
    if any(marker in small for marker in _ANYWHERE) or any(
        marker in small[:_HEAD_BYTES] for marker in _heads(media_type)
    ):
        raise Unfit("disguised")
    if any(data[place : place + len(magic)] == magic for place, magic in _PLACED):
        raise Unfit("disguised")
    if media_type != "application/pdf" and b"%PDF-" in data:
        raise Unfit("disguised")
    if any(_is_archive(data, place) for place in _ends_of_archives(data)):
        raise Unfit("disguised")


def _heads(media_type: str) -> tuple[bytes, ...]:
    # An XMP packet begins near the head of many pictures, and is XML; behind a PDF's header nobody has a reason for any.
    if media_type == "application/pdf":
        return tuple(marker for marker in _AT_THE_HEAD if marker != b"<?xml version")
    return _AT_THE_HEAD[:5]


def _ends_of_archives(data: bytes) -> Iterator[int]:
    """Where a ZIP reader would look: it searches backwards from the end."""
    place = data.find(_ZIP_END, max(0, len(data) - _ZIP_COMMENT_BYTES - _ZIP_END_BYTES))
    while place != -1:
        yield place
        place = data.find(_ZIP_END, place + 1)


def _is_archive(data: bytes, place: int) -> bool:
    record = data[place : place + _ZIP_END_BYTES]
    if len(record) < _ZIP_END_BYTES:
        return False
    directory_bytes = int.from_bytes(record[12:16], "little")
    entries = int.from_bytes(record[10:12], "little")
    return 0 < directory_bytes <= place and entries > 0 and b"PK\x01\x02" in data[:place]
