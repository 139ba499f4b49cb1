"""Where a photograph was taken goes, and nothing else of it (A45)."""

from __future__ import annotations

import io
import random
import zlib

import pytest
from PIL import Image, ImageCms

from storage.gate import jpeg, png
from storage.gate.findings import Found, Unfit
from tests.hostile.jpegs import jpeg as plain_jpeg
from tests.hostile.jpegs import with_segment
from tests.hostile.pngs import chunk
from tests.hostile.pngs import png as plain_png
from tests.photographs import PLACE, block, photograph, pixels, tells_a_place

SEED = 20_261_126


def kept(content: bytes, found: Found) -> bytes:
    """As ``Passed.kept`` makes it."""
    made, place = b"", 0
    for start, end, what in found.ordered():
        made += content[place:start] + (bytes(end - start) if what == "blank" else b"")
        place = end
    return made + content[place:]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_photograph(order: str) -> None:
    """How it is turned, when and with what it was taken stay. Wrong version: the whole block is taken out, and it lies on its side."""
    sent = photograph("6.2088 S", order)
    assert tells_a_place(sent)
    got = kept(sent, jpeg.look(sent))
    assert not tells_a_place(got)
    assert pixels(got) == pixels(sent)
    exif = Image.open(io.BytesIO(got)).getexif()
    assert (exif[0x0112], exif[0x010F]) == (6, "Kamera")
    assert exif.get_ifd(0x8769)[0x9003] == "2026:11:24 09:00:00"
    assert kept(got, jpeg.look(got)) == got, "nothing is left to take out"


@pytest.mark.parametrize("marker", [0xE1, 0xED])
def test_other_words_about_it(marker: int) -> None:
    """XMP, IPTC, and what nobody knows in their place: taken out whole."""
    sent = with_segment(photograph("x"), marker, b"Photoshop 3.0\0" + PLACE)
    got = kept(sent, jpeg.look(sent))
    assert not tells_a_place(got)
    assert pixels(got) == pixels(sent)


@pytest.mark.parametrize("number", range(16))
def test_what_programs_keep_beside_a_picture(number: int) -> None:
    """A45: a program's own segments (thumbnails, maker's notes, faces, depth) go, whatever they call themselves; what the colours need
    stays. Wrong version: only the two segments go that are known to hold a place."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for image in (Image.new("CMYK", (40, 30), (9, 80, 200, 30)), Image.linear_gradient("L").convert("RGB")):
        file = io.BytesIO()
        image.save(file, "JPEG", icc_profile=profile)
        names = (
            (b"JFXX\0\x10", b"CIFF") if number == 0 else (b"", b"ICC\0", b"Ducky\0", b"AROT\0", b"adobe\0")
        )
        for name in names:
            sent = with_segment(file.getvalue(), 0xE0 + number, name + PLACE)
            got = kept(sent, jpeg.look(sent))
            assert got == file.getvalue(), name
    assert Image.open(io.BytesIO(got)).info["icc_profile"] == profile


def test_the_small_picture_of_a_jfif_header() -> None:
    """It may show what was cropped away: its pixels become black. Wrong version: only the one inside of EXIF does."""
    plain = plain_jpeg()
    head = b"JFIF\0\1\1\0\0\1\0\1\4\2"
    sent = with_segment(plain, 0xE0, head + PLACE.ljust(24, b"\x7f"))
    assert kept(sent, jpeg.look(sent)) == with_segment(plain, 0xE0, head + bytes(24))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow about what is bruised
def test_blocks_that_are_broken() -> None:
    """Two thousand photographs with a bruised block: each is kept without the place, or without the block. Wrong version: a block that
    cannot be read stays as it is."""
    dice = random.Random(SEED)
    sent = photograph("6.2088 S")
    start = sent.index(b"Exif\0\0") + 6
    length = len(block("6.2088 S"))
    for _ in range(2_000):
        bruised = bytearray(sent)
        for _ in range(dice.randint(1, 4)):
            bruised[start + dice.randrange(40 if dice.random() < 0.5 else length)] = dice.randrange(256)
        got = kept(bytes(bruised), jpeg.look(bytes(bruised)))
        with Image.open(io.BytesIO(got)) as image:
            assert not image.getexif().get_ifd(0x8825)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (b"eXIf", block("6.2088 S")),
        (b"tEXt", b"XML:com.adobe.xmp\0" + PLACE),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PLACE),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(PLACE)),
        (b"tEXt", b"GPSLatitude\0" + PLACE),
    ],
)
def test_a_png(kind: bytes, content: bytes) -> None:
    plain = plain_png()
    sent = plain[:33] + chunk(kind, content) + plain[33:]
    assert kept(sent, png.look(sent)) == plain


def test_what_tells_no_place_stays() -> None:
    """Nothing is touched where there is nothing to take out."""
    plain = plain_png()
    for kind, content in ((b"tEXt", b"Software\0Pemindai"), (b"pHYs", bytes(9))):
        sent = plain[:33] + chunk(kind, content) + plain[33:]
        assert kept(sent, png.look(sent)) == sent
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Kamera"
    Image.linear_gradient("L").save(file, "JPEG", exif=exif)
    assert jpeg.look(file.getvalue()).ordered() == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_bytes_are_a_refusal_and_nothing_else() -> None:
    """G10: whatever stands in a picture, the look ends in a finding, a refusal, or an error of the decoder."""
    dice = random.Random(SEED)
    for look, sent in ((jpeg.look, photograph("x")), (png.look, plain_png())):
        for _ in range(400):
            bruised = bytearray(sent)
            for _ in range(dice.randint(1, 8)):
                bruised[dice.randrange(len(bruised))] = dice.randrange(256)
            try:
                found = look(bytes(bruised))
            except (Unfit, OSError, SyntaxError, ValueError):
                continue
            assert 0 < len(kept(bytes(bruised), found)) <= len(bruised)
