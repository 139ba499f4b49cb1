"""What all kinds share: the form of an example, and what is hung on to files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Hostile:
    """``words``: what it may be refused as; several where parsers may notice one thing or the other first."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    words: frozenset[str]


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Main-Class: Jahat\n")
    return file.getvalue()


TAILS: dict[str, bytes] = {
    "one byte": b"x",
    "zip": archive(),
    "html": b"<html><script>alert(1)</script>",
    "program": b"MZ\x90\x00" + bytes(60) + b"This program cannot be run in DOS mode",
    "php": b"<?php system($_GET['c']); ?>",
    "pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n",
    "rar": b"Rar!\x1a\x07\x01\x00" + bytes(30),
    "picture": b"\xff\xd8\xff\xd9",
    "text after zeros": bytes(5_000) + b"hidden",
}


def hung_on(name: str, media_type: str, content: bytes) -> Iterator[Hostile]:
    """A39: behind the end."""
    for kind, tail in TAILS.items():
        yield Hostile(f"{name} + {kind}", media_type, content + tail, frozenset({"trailing", "disguised"}))


def cut_short(name: str, media_type: str, content: bytes, *, parts: int = 24) -> Iterator[Hostile]:
    """A41, G10: what is left of an upload that broke."""
    for part in range(1, parts):
        end = len(content) * part // parts
        yield Hostile(f"{name} {part}/{parts}", media_type, content[:end], frozenset({"broken"}))
