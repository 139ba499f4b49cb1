"""Pictures of synthetic papers: flatbed scans, phone photos and pas foto, drawn with Pillow.

The same seed gives the same bytes. Noise comes from ``random.Random`` (Pillow's own noise cannot be seeded) and is
made once per size; a paper takes a window of it. Pages are drawn in grey and get their tint as constant colour
planes, which costs a third of drawing in colour.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from functools import cache
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFont

MARK: Final = "CONTOH / SINTETIS"
NOT_OFFICIAL: Final = "BUKAN DOKUMEN RESMI"
SCAN_PX: Final = (1240, 1754)  # A4 at 150 dpi
SCAN_DPI: Final = 150
PHOTO_PX: Final = (4032, 3024)  # a 12 megapixel phone
PORTRAIT_PX: Final = (945, 1417)  # 4 x 6 cm at 600 dpi
_WINDOW_PX = 64
# Levels of noise and JPEG quality, measured: a scan of about 300 KB, a phone photo of about 5 MB.
_SCAN_NOISE, _SCAN_QUALITY = 9, range(68, 79)
_PHOTO_NOISE, _PHOTO_QUALITY = 28, 87
_PORTRAIT_NOISE, _PORTRAIT_QUALITY = 6, 85
_BACKGROUNDS = {"red": (196, 30, 42), "blue": (28, 78, 168)}

Lines = Sequence[tuple[str, str]]


def scan_jpeg(title: str, lines: Lines, seed: str, *, page: str = "") -> bytes:
    """A sheet from a flatbed scanner: slightly turned, grainy, tinted. 200 to 400 KB."""
    chance = random.Random(seed)  # noqa: S311 - a picture, not a secret
    sheet = _turned(_sheet(title, lines, chance, page), chance)
    return _jpeg(_grain(sheet, chance, _SCAN_NOISE), chance, chance.choice(_SCAN_QUALITY), SCAN_DPI)


def photo_jpeg(title: str, lines: Lines, seed: str) -> bytes:
    """A sheet on a table, taken with a phone: large, grainy, not straight. About 5 MB."""
    chance = random.Random(seed)  # noqa: S311 - a picture, not a secret
    table = Image.linear_gradient("L").point(lambda level: 70 + level // 5).resize(PHOTO_PX)
    height = PHOTO_PX[1] - 240
    sheet = _sheet(title, lines, chance, "").resize((height * SCAN_PX[0] // SCAN_PX[1], height))
    outline = Image.new("L", sheet.size, 255)
    angle = chance.uniform(-4, 4)
    place = (chance.randrange(700, 1000), chance.randrange(20, 60))
    turned = sheet.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    table.paste(turned, place, outline.rotate(angle, expand=True))
    return _jpeg(_grain(table, chance, _PHOTO_NOISE), chance, _PHOTO_QUALITY, 72)


def portrait_jpeg(background: str, seed: str) -> bytes:
    """A pas foto of nobody: a silhouette on red or blue."""
    chance = random.Random(seed)  # noqa: S311 - a picture, not a secret
    width, height = PORTRAIT_PX
    picture = Image.new("RGB", PORTRAIT_PX, _BACKGROUNDS[background])
    pen = ImageDraw.Draw(picture)
    skin = 150 + chance.randrange(50)
    middle = width // 2 + chance.randrange(-20, 20)
    pen.ellipse((middle - 400, 900, middle + 400, height + 500), fill=(40, 44, 52))
    pen.rectangle((middle - 80, 760, middle + 80, 960), fill=(skin - 15, skin - 45, skin - 70))
    pen.ellipse((middle - 215, 270, middle + 215, 820), fill=(skin, skin - 30, skin - 55))
    pen.pieslice((middle - 235, 240, middle + 235, 760), 180, 360, fill=(30, 26, 24))
    for text, y, size in ((MARK, 1180, 70), (NOT_OFFICIAL, 1280, 46)):
        pen.text((width // 2, y), text, fill="white", font=_font(size), anchor="mm")
    noise = _noise(PORTRAIT_PX, chance, _PORTRAIT_NOISE)
    picture = ImageChops.add(picture, Image.merge("RGB", (noise, noise, noise)), 1, -128)
    return _saved(picture, _PORTRAIT_QUALITY, 600)


@cache
def security_paper_jpeg() -> bytes:
    """The faint background that gives an e-signed PDF its usual weight; the same for all of them."""
    chance = random.Random("security paper")  # noqa: S311 - a picture, not a secret
    blank = Image.new("L", SCAN_PX, 247)
    return _jpeg(_grain(blank, chance, 4), chance, 60, SCAN_DPI)


def _sheet(title: str, lines: Lines, chance: random.Random, page: str) -> Image.Image:
    width, height = SCAN_PX
    sheet = Image.new("L", SCAN_PX, 238 + chance.randrange(10))
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((70, 60, width - 70, height - 60), outline=120, width=3)
    pen.text((width // 2, 140), title, fill=25, font=_font(52), anchor="mm")
    pen.text((width // 2, 205), f"{MARK} - {NOT_OFFICIAL}", fill=70, font=_font(26), anchor="mm")
    pen.line((110, 250, width - 110, 250), fill=60, width=4)
    y = 310
    for label, value in lines:
        pen.text((130, y), label, fill=70, font=_font(28))
        pen.text((460, y), f": {value}", fill=20, font=_font(30))
        y += 58
    for _ in range((height - 480 - y) // 40):  # body text that nobody needs to read
        y += 40
        _greeked(pen, y, chance)
    _stamp(pen, chance)
    pen.text((width // 2, height - 90), page or "Halaman 1 dari 1", fill=110, font=_font(22), anchor="mm")
    return ImageChops.multiply(sheet, _watermark())


def _greeked(pen: ImageDraw.ImageDraw, y: int, chance: random.Random) -> None:
    x = 130
    while x < SCAN_PX[0] - 220:
        length = chance.randrange(30, 130)
        pen.rectangle((x, y, x + length, y + 13), fill=95 + chance.randrange(50))
        x += length + 14


def _stamp(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    x, y = 800 + chance.randrange(60), SCAN_PX[1] - 400 + chance.randrange(40)
    pen.ellipse((x, y, x + 230, y + 230), outline=95, width=6)
    pen.ellipse((x + 24, y + 24, x + 206, y + 206), outline=120, width=3)
    pen.text((x + 115, y + 115), "CONTOH", fill=100, font=_font(36), anchor="mm")
    points = [(x - 190 + step * 22, y + 110 + chance.randrange(-45, 45)) for step in range(14)]
    pen.line(points, fill=55, width=4, joint="curve")


def _turned(sheet: Image.Image, chance: random.Random) -> Image.Image:
    return sheet.rotate(chance.uniform(-1.2, 1.2), Image.Resampling.BILINEAR, fillcolor=206)


def _grain(picture: Image.Image, chance: random.Random, amplitude: int) -> Image.Image:
    return ImageChops.add(picture, _noise(picture.size, chance, amplitude), 1, -128)


def _noise(size: tuple[int, int], chance: random.Random, amplitude: int) -> Image.Image:
    left, top = chance.randrange(_WINDOW_PX), chance.randrange(_WINDOW_PX)
    return _noise_sheet(size, amplitude).crop((left, top, left + size[0], top + size[1]))


@cache
def _noise_sheet(size: tuple[int, int], amplitude: int) -> Image.Image:
    width, height = size[0] + _WINDOW_PX, size[1] + _WINDOW_PX
    source = random.Random(f"grain {width} {height}")  # noqa: S311 - a picture, not a secret
    grain = Image.frombytes("L", (width, height), source.randbytes(width * height))
    return grain.point([128 + round((level - 127.5) / 127.5 * amplitude) for level in range(256)])


@cache
def _watermark() -> Image.Image:
    """White, with the mark across the sheet in a light grey: multiplied, it lets everything through."""
    band = Image.new("L", (1700, 330), 255)
    pen = ImageDraw.Draw(band)
    pen.text((850, 120), MARK, fill=196, font=_font(165), anchor="mm")
    pen.text((850, 265), NOT_OFFICIAL, fill=205, font=_font(70), anchor="mm")
    turned = band.rotate(52, Image.Resampling.BILINEAR, expand=True, fillcolor=255)
    mark = Image.new("L", SCAN_PX, 255)
    mark.paste(turned, ((SCAN_PX[0] - turned.width) // 2, (SCAN_PX[1] - turned.height) // 2))
    return mark


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes inside Pillow: the same letters on every machine."""
    return ImageFont.load_default(size)


@cache
def _plane(size: tuple[int, int], level: int) -> Image.Image:
    return Image.new("L", size, level)


def _jpeg(grey: Image.Image, chance: random.Random, quality: int, dpi: int) -> bytes:
    blue, red = (_plane(grey.size, 128 + chance.randrange(-6, 7)) for _ in range(2))
    return _saved(Image.merge("YCbCr", (grey, blue, red)), quality, dpi)


def _saved(picture: Image.Image, quality: int, dpi: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=quality, dpi=(dpi, dpi))
    return target.getvalue()
