"""Small real files for the tests: the gate parses whatever comes in. ``noted`` makes another one of the same paper."""

from __future__ import annotations

import functools
import io
import random

from PIL import Image

_NOTE_BYTES = 60_000  # a JPEG segment ends before 64 KiB


@functools.cache
def jpeg(width: int = 160, height: int = 120) -> bytes:
    """Noise, so that it has some 10 KB."""
    chance = random.Random(f"{width} {height}")
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), chance.randbytes(3 * width * height)).save(
        file, "JPEG", quality=60
    )
    return file.getvalue()


def pdf(note: bytes = b"") -> bytes:
    """One empty page; the note rests in a stream of its own."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Note 4 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(note), note),
    ]
    return built(objects)


def built(
    objects: list[bytes], trailer: bytes = b"/Root 1 0 R", header: bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
) -> bytes:
    """A PDF of these objects, numbered from 1, with a table that is right."""
    file = bytearray(header)
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table)
    return bytes(file)


def twin(file: bytes) -> bytes:
    """Another JPEG of the same length: it says another density."""
    place = file.index(b"JFIF") + 8
    return file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]


def noted(file: bytes, note: bytes) -> bytes:
    """The same JPEG or PDF with a note inside: other bytes, as fit as before, ``len(note)`` larger or a little more."""
    if file.startswith(b"%PDF"):
        return pdf(note)
    parts = [note[start : start + _NOTE_BYTES] for start in range(0, len(note), _NOTE_BYTES)]
    comments = b"".join(b"\xff\xfe" + (len(part) + 2).to_bytes(2, "big") + part for part in parts)
    return file[:2] + comments + file[2:]
