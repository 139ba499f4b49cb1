"""What a limited worker is told to do: the source comes in one open file, the copy goes into another.

Everything that it ever needs is loaded when this module is: afterwards a worker can open no file (``storage/workers/confine.py``).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO

from pikepdf import Pdf
from PIL import Image

from exchange.renditions.making import made
from exchange.renditions.orders import (
    JPEG,
    PDF,
    PNG,
    SOURCE_LIMIT_BYTES,
    Manner,
    Mark,
    NotRenderable,
    Order,
    Region,
    Rendered,
)
from exchange.renditions.preview import preview

_ORIENTATION = 0x0112


def render(payload: dict[str, Any], files: list[BinaryIO]) -> dict[str, Any]:
    """``payload`` is an order as ``dataclasses.asdict`` writes it. Answers ``{media_type, size}`` or ``{refused}``."""
    return _written(made, payload, files)


def show(payload: dict[str, Any], files: list[BinaryIO]) -> dict[str, Any]:
    """Likewise, for a preview."""
    return _written(preview, payload, files)


def _written(
    make: Callable[[bytes, Order], Rendered], payload: dict[str, Any], files: list[BinaryIO]
) -> dict[str, Any]:
    source, target = files
    content = source.read(SOURCE_LIMIT_BYTES + 1)
    try:
        copy = make(content, order_of(payload))
    except NotRenderable as refused:
        return {"refused": refused.reason}
    target.write(copy.content)
    target.flush()
    return {"media_type": copy.media_type, "size": len(copy.content)}


def order_of(payload: dict[str, Any]) -> Order:
    regions = {
        name: tuple(Region(**region) for region in payload[name]) for name in ("hidden", "shown", "others")
    }
    return Order(
        manner=payload["manner"], media_type=payload["media_type"], mark=Mark(**payload["mark"]), **regions
    )


def rehearse() -> None:
    """Libraries load much of themselves at first use: each kind of file once, in each manner, while that is still possible."""
    upright = Image.Exif()
    upright[_ORIENTATION] = 6
    jpeg, png, pdf = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.new("RGB", (64, 90)).save(jpeg, "JPEG", exif=upright)
    Image.new("RGBA", (64, 90)).save(png, "PNG")
    with Pdf.new() as blank:
        blank.add_blank_page(page_size=(200, 300))
        blank.save(pdf)
    manners: tuple[Manner, ...] = ("stamped", "burned_in", "redacted")
    for media_type, file in ((JPEG, jpeg), (PNG, png), (PDF, pdf)):
        for manner in manners:
            everything = (Region(1, 0, 0, 1, 1),)
            order = Order(manner, media_type, Mark("A", "B", "C", "D"), everything)
            made(file.getvalue(), order)
            preview(file.getvalue(), order)


rehearse()
