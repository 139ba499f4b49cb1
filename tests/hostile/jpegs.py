"""JPEG files that are broken, too large, or something else besides (A39, A40)."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image

from tests.hostile.files import Hostile, archive, cut_short, hung_on

TYPE = "image/jpeg"


def jpeg(**more: object) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((96, 64)).save(file, "JPEG", quality=80, **more)
    return file.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + (len(content) + 2).to_bytes(2, "big") + content


def with_segment(file: bytes, marker: int, content: bytes) -> bytes:
    return file[:2] + segment(marker, content) + file[2:]


def place_of(file: bytes, marker: int) -> int:
    """Where a segment begins, by the lengths of those before it."""
    place = 2
    while file[place + 1] != marker:
        place += 2 + int.from_bytes(file[place + 2 : place + 4], "big")
    return place


def sized(file: bytes, width: int, height: int) -> bytes:
    frame = place_of(file, 0xC2 if b"\xff\xc2" in file else 0xC0)
    return file[: frame + 5] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + file[frame + 9 :]


def _one(name: str, content: bytes, *words: str) -> Hostile:
    return Hostile(f"jpeg {name}", TYPE, content, frozenset(words))


def jpegs() -> Iterator[Hostile]:
    plain, progressive = jpeg(), jpeg(progressive=True)
    yield from cut_short("jpeg", TYPE, plain)
    yield from cut_short("progressive jpeg", TYPE, progressive)
    yield from hung_on("jpeg", TYPE, plain)
    yield from _frames(plain, progressive)
    yield from _disguised(plain)
    yield from _out_of_order(plain, progressive)


def _frames(plain: bytes, progressive: bytes) -> Iterator[Hostile]:
    for width, height in ((65_500, 65_500), (50_000, 50_000), (65_535, 1_000), (8_000, 8_000)):
        yield _one(f"flood {width}x{height}", sized(plain, width, height), "pixels")
        yield _one(f"progressive flood {width}x{height}", sized(progressive, width, height), "pixels")
    for size in ((1, 1), (15, 400), (400, 15)):
        speck = io.BytesIO()
        Image.new("L", size).save(speck, "JPEG")
        yield _one(f"a speck {size[0]}x{size[1]}", speck.getvalue(), "page_size")
    for width, height in ((0, 64), (96, 0), (0, 0)):
        yield _one(f"nothing {width}x{height}", sized(plain, width, height), "broken")
    frame = place_of(plain, 0xC0)
    for marker in (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF):
        yield _one(f"frame {marker:x}", plain[: frame + 1] + bytes([marker]) + plain[frame + 2 :], "kind")
    yield _one("twelve bits", plain[: frame + 4] + b"\x0c" + plain[frame + 5 :], "kind")


def _disguised(plain: bytes) -> Iterator[Hostile]:
    texts = {
        "php": b"<?php system('id');",
        "script": b"*/=alert(1);/*<script>",
        "html": b"<html><body onload=alert(1)>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'>",
        "doctype": b"<!DOCTYPE html>",
        "pdf": b"%PDF-1.4\n1 0 obj<</OpenAction 2 0 R>>endobj",
        "program": b"MZ" + bytes(60) + b"This program cannot be run in DOS mode",
        "rar": b"Rar!\x1a\x07\x01\x00",
        "7z": b"7z\xbc\xaf\x27\x1c",
        "zip": archive(),
    }
    for name, text in texts.items():
        yield _one(f"with {name} in a comment", with_segment(plain, 0xFE, text), "disguised")
        yield _one(f"with {name} in APP9", with_segment(plain, 0xE9, text), "disguised")
    yield _one("tar", with_segment(plain, 0xFE, bytes(251) + b"ustar"), "disguised")
    script = b"\xff\xe0" + (0x2F2A).to_bytes(2, "big") + bytes(0x2F2A - 2)
    yield _one("JavaScript", plain[:2] + script + plain[2:], "disguised")
    jfif = (
        b"\xff\xe0" + (0x2F2A).to_bytes(2, "big") + b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + bytes(0x2F2A - 16)
    )
    yield _one("JavaScript behind JFIF", plain[:2] + jfif + plain[2:], "disguised")
    several = with_segment(plain, 0xE2, b"MPF\0II*\0" + bytes(40))
    for name, tail in {"zip": archive(), "text": b"hidden", "half": plain[:200]}.items():
        yield _one(f"several pictures and {name}", several + tail, "trailing")


def _out_of_order(plain: bytes, progressive: bytes) -> Iterator[Hostile]:
    frame, scan = place_of(plain, 0xC0), place_of(plain, 0xDA)
    head = plain[frame : frame + 2 + int.from_bytes(plain[frame + 2 : frame + 4], "big")]
    yield _one("two frames", plain[:scan] + head + plain[scan:], "broken")
    yield _one("no frame", plain[:frame] + plain[frame + len(head) :], "broken")
    yield _one("no scan", plain[:scan] + b"\xff\xd9", "broken")
    yield _one("begins twice", plain[:2] + plain, "broken")
    yield _one("a segment beyond the end", plain[:2] + b"\xff\xfe\xff\xff" + plain[2:200], "broken")
    yield _one("a segment of length 1", plain[:2] + b"\xff\xfe\x00\x01" + plain[2:], "broken")
    yield _one("noise between segments", plain[:2] + b"xx" + plain[2:], "broken")
    yield _one("only a beginning", b"\xff\xd8\xff", "broken")
    yield _one("fill to the end", b"\xff\xd8" + b"\xff" * 1_000_000, "broken")
    yield _one("three thousand comments", plain[:2] + segment(0xFE, b"x") * 3_000 + plain[2:], "too_heavy")
    last = progressive.rindex(b"\xff\xda")
    scans = progressive[last:-2] * 100
    yield _one("a hundred scans more", progressive[:-2] + scans + b"\xff\xd9", "too_heavy")
    yield _one(
        "a hundred scans of 48 megapixels",
        sized(progressive[:-2] + scans + b"\xff\xd9", 6_900, 6_900),
        "too_heavy",
    )
    tables = plain.index(b"\xff\xc4")
    yield _one("tables of nothing", plain[: tables + 5] + bytes(16) + plain[tables + 21 :], "broken")
