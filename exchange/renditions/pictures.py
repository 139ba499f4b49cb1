"""The stamp on a picture, and what is covered on one."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont, ImageOps

from exchange.renditions.layout import Block, Sheet, laid_out
from exchange.renditions.orders import Mark, NotRenderable, Order, Region

# A4 at 300 dpi: a copy of more says nothing more.
LONGEST_SIDE_PX = 3_508
PIXEL_LIMIT = 60_000_000
SHORTEST_SIDE_PX = 16
QUALITY = 82
_RED, _DARK_RED, _WHITE, _BLACK = (184, 13, 20), (140, 0, 13), (255, 255, 255), (0, 0, 0)
_ACROSS_ALPHA, _BAND_ALPHA = 51, 217  # of 255


def stamped_picture(source: bytes, order: Order) -> bytes:
    """A JPEG, upright, without anything that stood beside the picture (place, camera, comments). Raises ``NotRenderable``."""
    picture = read_picture(source)
    if order.manner == "redacted":
        cover(picture, order, 1)
    stamp(picture, order.mark)
    return as_jpeg(picture)


def cover(picture: Image.Image, order: Order, page: int) -> None:
    """Black over what is hidden on this page; rounded outwards, and what shall be seen inwards."""
    hidden = _on(order.hidden, page)
    if not hidden:
        picture.paste(_BLACK, (0, 0, *picture.size))
        return
    mask = Image.new("L", picture.size, 0)
    pen = ImageDraw.Draw(mask)
    for regions, value, outwards in (
        (hidden, 255, True),
        (_on(order.shown, page), 0, False),
        (_on(order.others, page), 255, True),
    ):
        for region in regions:
            box = _box(region, picture.size, outwards=outwards)
            if box[0] <= box[2] and box[1] <= box[3]:
                pen.rectangle(box, fill=value)
    picture.paste(_BLACK, (0, 0, *picture.size), mask)


def stamp(picture: Image.Image, mark: Mark) -> None:
    width, height = picture.size
    plan = laid_out(Sheet(width, height), mark, _width)
    _slanted(picture, plan.across)
    band = (0, round(height - plan.band.height), width, height)
    picture.paste(_WHITE, band, Image.new("L", (width, band[3] - band[1]), _BAND_ALPHA))
    pen = ImageDraw.Draw(picture)
    for place in plan.lines:
        pen.text((place.x, height - place.y), place.text, _DARK_RED, _font(_points(place.size)), anchor="ls")


def as_jpeg(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def read_picture(source: bytes) -> Image.Image:
    """In RGB and upright, scaled down to ``LONGEST_SIDE_PX``. Raises ``NotRenderable``."""
    try:
        picture: Image.Image = Image.open(io.BytesIO(source), formats=("JPEG", "PNG"))
        if picture.width * picture.height > PIXEL_LIMIT:
            raise NotRenderable("pixels")
        longest = (LONGEST_SIDE_PX, LONGEST_SIDE_PX)
        picture.draft("RGB", longest)
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        picture = _opaque(picture)
        picture.thumbnail(longest, Image.Resampling.BICUBIC, reducing_gap=2.0)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise NotRenderable("unreadable") from None
    if min(picture.size) < SHORTEST_SIDE_PX:
        raise NotRenderable("page_size")
    return picture


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        below = Image.new("RGBA", picture.size, (*_WHITE, 255))
        return Image.alpha_composite(below, above).convert("RGB")
    return picture.convert("RGB")


def _slanted(picture: Image.Image, block: Block) -> None:
    """Drawn straight, turned once, and laid over the pixels that it covers."""
    font = _font(_points(block.size))
    width = math.ceil(max(font.getlength(line) for line in block.lines)) + 2
    straight = Image.new("L", (width, math.ceil(len(block.lines) * block.leading)), 0)
    pen = ImageDraw.Draw(straight)
    for number, line in enumerate(block.lines):
        pen.text((width / 2, (number + 0.5) * block.leading), line, _ACROSS_ALPHA, font, anchor="mm")
    turned = straight.rotate(math.degrees(block.angle), Image.Resampling.BILINEAR, expand=True)
    for x, y in block.middles:
        left, top = round(x - turned.width / 2), round(picture.height - y - turned.height / 2)
        picture.paste(_RED, (left, top, left + turned.width, top + turned.height), turned)


def _on(regions: Iterable[Region], page: int) -> list[Region]:
    return [region for region in regions if region.page == page]


def _box(region: Region, size: tuple[int, int], *, outwards: bool) -> tuple[int, int, int, int]:
    """In whole pixels, both ends included."""
    left, top = region.x * size[0], region.y * size[1]
    right, bottom = left + region.width * size[0], top + region.height * size[1]
    if outwards:
        return math.floor(left) - 1, math.floor(top) - 1, math.ceil(right) + 1, math.ceil(bottom) + 1
    return math.ceil(left), math.ceil(top), math.floor(right) - 1, math.floor(bottom) - 1


def _points(size: float) -> int:
    return max(1, math.floor(size))


_MEASURE = 64


def _width(text: str) -> float:
    return max(_font(_MEASURE).getlength(text), 1.0) / _MEASURE


@lru_cache(maxsize=64)
def _font(points: int) -> ImageFont.FreeTypeFont:
    """The font that comes inside Pillow: the same letters on every machine."""
    font = ImageFont.load_default(points)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise NotRenderable("no_font")
    return font
