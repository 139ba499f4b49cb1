"""A paper as its owner sees it before deciding: small, marked as a preview, and nothing of the file but pixels."""

from __future__ import annotations

import math

import pypdfium2
from PIL import Image

from exchange.renditions.orders import JPEG, PDF, NotRenderable, Order, Rendered
from exchange.renditions.pictures import as_jpeg, read_picture, stamp

# Enough to know one's own paper on a phone, too little to hand it in somewhere.
WIDTH_PX = 720
PAGES_SHOWN = 4
_TALLEST_PX = 2_880
_GAP_PX = 8
_GREY = (128, 128, 128)


def preview(source: bytes, order: Order) -> Rendered:
    """The first ``PAGES_SHOWN`` pages below each other, each with ``order.mark``. Raises ``NotRenderable``."""
    pages = _pages(source) if order.media_type == PDF else [_fitted(read_picture(source))]
    for page in pages:
        stamp(page, order.mark)
    height = sum(page.height for page in pages) + _GAP_PX * (len(pages) - 1)
    whole, top = Image.new("RGB", (WIDTH_PX, height), _GREY), 0
    for page in pages:
        whole.paste(page, ((WIDTH_PX - page.width) // 2, top))
        top += page.height + _GAP_PX
    return Rendered(as_jpeg(whole), JPEG)


def _pages(source: bytes) -> list[Image.Image]:
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError:
        raise NotRenderable("unreadable") from None
    try:
        document.init_forms()
        shown = [_drawn(document[number]) for number in range(min(len(document), PAGES_SHOWN))]
    except (pypdfium2.PdfiumError, ValueError, RuntimeError):
        raise NotRenderable("unreadable") from None
    finally:
        document.close()
    if not shown:
        raise NotRenderable("pages")
    return shown


def _drawn(page: pypdfium2.PdfPage) -> Image.Image:
    width, height = page.get_size()
    if not (width >= 1 and height >= 1 and math.isfinite(width * height)):
        raise NotRenderable("page_size")
    bitmap = page.render(scale=min(WIDTH_PX / width, _TALLEST_PX / height))
    picture: Image.Image = bitmap.to_pil().convert("RGB")
    bitmap.close()
    page.close()
    return _fitted(picture)


def _fitted(picture: Image.Image) -> Image.Image:
    picture.thumbnail((WIDTH_PX, _TALLEST_PX), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return picture
