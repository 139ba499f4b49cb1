"""A PDF as pictures of its pages: for a stamp that nobody can take off, for what must not be read, for what was signed.

Nothing of the source but its pixels gets in: no text, no fonts, no metadata, no attachments.
"""

from __future__ import annotations

import math

import pypdfium2
from pikepdf import Array, Dictionary, Name, Pdf, Stream
from PIL import Image

from exchange.renditions.orders import PAGE_LIMIT, NotRenderable, Order
from exchange.renditions.pages import saved
from exchange.renditions.pictures import as_jpeg, cover, stamp

RESOLUTION_DPI = 200
_POINTS_AN_INCH = 72
# A sheet of A3 at this resolution; a larger one is drawn coarser.
PAGE_PIXEL_LIMIT = 8_700_000
# All pages together: ``PAGE_LIMIT`` sheets of A4, which a worker has the time for. Many larger ones are drawn coarser too.
ALL_PIXEL_LIMIT = 200_000_000
_SMALLEST_PT = 9.0


def raster_pdf(source: bytes, order: Order) -> bytes:
    """Raises ``NotRenderable``."""
    copy = Pdf.new()
    try:
        pages = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError:
        raise NotRenderable("unreadable") from None
    try:
        if not 1 <= len(pages) <= PAGE_LIMIT:
            raise NotRenderable("pages")
        pages.init_forms()
        share = min(PAGE_PIXEL_LIMIT, ALL_PIXEL_LIMIT // len(pages))
        for number in range(len(pages)):
            _add(copy, pages[number], order, number + 1, share)
    except (pypdfium2.PdfiumError, ValueError, RuntimeError):
        raise NotRenderable("unreadable") from None
    finally:
        pages.close()
    return saved(copy)


def _add(copy: Pdf, page: pypdfium2.PdfPage, order: Order, number: int, pixels: int) -> None:
    width, height = page.get_size()
    if not (width >= _SMALLEST_PT and height >= _SMALLEST_PT and math.isfinite(width * height)):
        raise NotRenderable("page_size")
    scale = min(RESOLUTION_DPI / _POINTS_AN_INCH, math.sqrt(pixels / (width * height)))
    bitmap = page.render(scale=scale)
    picture: Image.Image = bitmap.to_pil().convert("RGB")
    bitmap.close()
    page.close()
    if order.manner == "redacted":
        cover(picture, order, number)
    stamp(picture, order.mark)
    image = Stream(copy, as_jpeg(picture))
    image.stream_dict = Dictionary(
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=picture.width,
        Height=picture.height,
        ColorSpace=Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )
    drawn = Stream(copy, f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Page Do Q".encode())
    copy.add_blank_page(page_size=(width, height))
    made = copy.pages[-1]
    made.obj.MediaBox = Array([0, 0, round(width, 2), round(height, 2)])
    made.obj.Resources = Dictionary(XObject=Dictionary(Page=image))
    made.obj.Contents = drawn
