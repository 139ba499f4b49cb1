"""PNG files that are broken, too large, or something else besides (A39, A40)."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from PIL import Image

from tests.hostile.files import Hostile, archive, cut_short, hung_on

TYPE = "image/png"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((96, 64)).save(file, "PNG")
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + checksum


def header(
    width: int, height: int, depth: int = 8, colour: int = 2, interlaced: int = 0, odd: int = 0
) -> bytes:
    sizes = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return chunk(b"IHDR", sizes + bytes([depth, colour, odd, 0, interlaced]))


def made(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


def rows(size_bytes: int) -> bytes:
    return chunk(b"IDAT", zlib.compress(bytes(size_bytes), 9))


def _one(name: str, content: bytes, *words: str) -> Hostile:
    return Hostile(f"png {name}", TYPE, content, frozenset(words))


def pngs() -> Iterator[Hostile]:
    plain = png()
    yield from cut_short("png", TYPE, plain)
    yield from hung_on("png", TYPE, plain)
    yield from _floods()
    yield from _headers()
    yield from _chunks(plain)
    yield from _disguised(plain)


def _floods() -> Iterator[Hostile]:
    for width, height in ((50_000, 50_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (8_000, 8_000)):
        yield _one(f"flood {width}x{height}", made(header(width, height), rows(100_000)), "pixels")
    yield _one("a bomb behind 10x10", made(header(10, 10), rows(200_000_000)), "too_heavy")
    yield _one("a row too many", made(header(10, 10), rows(341)), "too_heavy")
    yield _one("a row too few", made(header(10, 10), rows(279)), "broken")
    yield _one("no rows", made(header(10, 10)), "broken")
    yield _one("a bomb behind 7000x7000", made(header(7_000, 7_000, 16, 6), rows(450_000_000)), "too_heavy")
    many = chunk(b"tEXt", b"a\0b") * 30_000
    yield _one("thirty thousand chunks", made(header(10, 10), many, rows(310)), "too_heavy")
    yield _one(
        "a long text", made(header(10, 10), chunk(b"tEXt", b"a\0" + b"b" * 2_000_000), rows(310)), "too_heavy"
    )
    packed = zlib.compress(bytes(200_000_000), 9)
    yield _one(
        "a bomb in a text",
        made(header(10, 10), chunk(b"zTXt", b"a\0\0" + packed), rows(310)),
        "broken",
        "too_heavy",
    )
    yield _one(
        "a bomb in a profile",
        made(header(10, 10), chunk(b"iCCP", b"a\0\0" + packed), rows(310)),
        "broken",
        "too_heavy",
    )


def _headers() -> Iterator[Hostile]:
    for name, ihdr in {
        "depth 3": header(10, 10, 3),
        "depth 1 in colour": header(10, 10, 1, 2),
        "colour 5": header(10, 10, 8, 5),
        "colour 255": header(10, 10, 8, 255),
        "compression 1": header(10, 10, odd=1),
        "interlacing 2": header(10, 10, interlaced=2),
        "no width": header(0, 10),
        "no height": header(10, 0),
        "a short header": chunk(b"IHDR", bytes(12)),
        "a long header": chunk(b"IHDR", bytes(14)),
        "no header": b"",
        "two headers": header(10, 10) * 2,
    }.items():
        yield _one(name, made(ihdr, rows(310)), "broken")


def _chunks(plain: bytes) -> Iterator[Hostile]:
    place, number = len(SIGNATURE), 0
    while place < len(plain):
        end = place + 12 + int.from_bytes(plain[place : place + 4], "big")
        wrong = plain[: end - 1] + bytes([plain[end - 1] ^ 1]) + plain[end:]
        yield _one(f"a wrong sum in chunk {number}", wrong, "broken")
        place, number = end, number + 1
    yield _one("moving", made(header(10, 10), chunk(b"acTL", bytes(8)), rows(310)), "kind")
    yield _one("with a frame", made(header(10, 10), rows(310), chunk(b"fdAT", bytes(8))), "kind")
    yield _one("a critical chunk of its own", made(header(10, 10), chunk(b"EVIL", b"x"), rows(310)), "kind")
    yield _one("a chunk without a name", made(header(10, 10), chunk(b"\0\0\0\0", b"x"), rows(310)), "broken")
    yield _one(
        "a chunk beyond the end", SIGNATURE + header(10, 10) + b"\x7f\xff\xff\xffIDAT" + bytes(50), "broken"
    )
    yield _one("no end", SIGNATURE + header(10, 10) + rows(310), "broken")
    yield _one("noise for rows", made(header(10, 10), chunk(b"IDAT", b"\x78\x9c" + b"\xff" * 50)), "broken")
    hidden = chunk(b"IDAT", zlib.compress(bytes(310)) + b"hidden")
    yield _one("more behind the rows", made(header(10, 10), hidden), "disguised")
    yield _one(
        "more in a later chunk",
        made(header(10, 10), rows(310), chunk(b"IDAT", b"hidden")),
        "disguised",
        "broken",
    )
    yield _one(
        "filters that are none", made(header(10, 10), chunk(b"IDAT", zlib.compress(b"\x09" * 310))), "broken"
    )


def _disguised(plain: bytes) -> Iterator[Hostile]:
    for name, text in {
        "php": b"<?php system('id');",
        "script": b"<script>alert(1)</script>",
        "html": b"<html>",
        "pdf": b"%PDF-1.4\n",
        "program": b"This program cannot be run in DOS mode",
        "zip": archive(),
    }.items():
        for kind in (b"tEXt", b"prVt"):
            content = (b"Comment\0" if kind == b"tEXt" else b"") + text
            yield _one(
                f"with {name} in {kind.decode()}", plain[:33] + chunk(kind, content) + plain[33:], "disguised"
            )
