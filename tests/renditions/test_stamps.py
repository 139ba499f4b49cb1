"""The stamp is there, upright and legible, on whatever a page looks like; and nothing of the paper is lost (M06, issue 5 "Leaving")."""

from __future__ import annotations

import io

import pikepdf
import pytest
from PIL import Image, ImageChops

from exchange.renditions.making import made
from exchange.renditions.orders import JPEG, PAGE_LIMIT, PDF, PNG, NotRenderable
from tests.renditions.samples import (
    A4,
    MARK,
    drawn,
    order,
    paper,
    picture_jpeg,
    picture_of,
    reddish,
    scan,
    signed_looking,
    text_of,
)

BAND, MIDDLE, TOP = (0, 0.955, 1, 1), (0, 0.2, 1, 0.8), (0, 0, 1, 0.08)
LANDSCAPE = (A4[1], A4[0])


def _stamped(content: bytes) -> bytes:
    copy = made(content, order())
    assert copy.media_type == PDF
    return copy.content


@pytest.mark.parametrize("pages", [1, 3])
def test_every_page_carries_it(pages: int) -> None:
    content = scan(pages)
    copy = _stamped(content)
    for number in range(pages):
        before, after = drawn(content, number), drawn(copy, number)
        assert after.size == before.size
        assert reddish(before, (0, 0, 1, 1)) == 0
        assert reddish(after, BAND) > 500
        assert reddish(after, MIDDLE) > 5_000
        assert reddish(after, TOP) == 0
        # What was there is there still: outside of the letters nothing changed.
        same = ImageChops.difference(before.crop((0, 0, 300, 120)), after.crop((0, 0, 300, 120)))
        assert same.getbbox() is None
    said = text_of(copy).replace("\r\n", " ").replace("\n", " ")
    assert said.count(MARK.purpose) == 3 * pages  # twice across, once in the band
    assert said.count(MARK.issue) == pages
    assert said.count("Kode salinan K7QD-3MXP-9R2T") == pages


@pytest.mark.parametrize("inherited", [False, True])
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_page_looks_like_one_that_was_never_turned(turn: int, inherited: bool) -> None:
    """Wrong version: the stamp in the page's own system, lying on its side."""
    size = A4 if turn == 180 else LANDSCAPE
    turned = drawn(_stamped(paper(size=size, rotate=turn, inherited=inherited)))
    straight = drawn(_stamped(paper()))
    assert turned.size == straight.size
    assert _apart(turned, straight) < 0.01


def test_a_cropped_page_carries_it_inside_of_what_is_shown() -> None:
    """Wrong version: laid out over the media box, of which the reader shows the upper quarter."""
    crop = (120.0, 500.0, 520.0, 800.0)
    shown = drawn(_stamped(paper(crop=crop)))
    alone = drawn(_stamped(paper(size=(400.0, 300.0))))
    assert _apart(shown, alone) < 0.01
    assert reddish(shown, (0, 0.9, 1, 1)) > 500


def test_a_landscape_page_carries_it_along_its_lower_edge() -> None:
    shown = drawn(_stamped(paper(size=LANDSCAPE)))
    assert shown.width > shown.height
    assert reddish(shown, (0, 0.93, 1, 1)) > 500
    assert reddish(shown, MIDDLE) > 3_000


@pytest.mark.parametrize(
    "left_behind",
    [b"q 0.01 0 0 0.01 0 0 cm", b"q 0 0 1 1 re W n", b"q q q 0 0 0 rg", b"Q Q Q", b"BT /F1 12 Tf 5 Tr"],
)
def test_what_a_page_leaves_behind_does_not_move_the_stamp(left_behind: bytes) -> None:
    """Wrong version: the stamp appended to the page's own content, which shrank or clipped everything after it."""
    assert _apart(drawn(_stamped(paper([left_behind]))), drawn(_stamped(paper()))) < 0.01


def test_a_page_of_several_content_streams_is_one_program() -> None:
    with pikepdf.open(io.BytesIO(paper())) as pdf:
        page = pdf.pages[0]
        halves = [b"0 0 1 rg 50 700 ", b"200 60 re f"]
        page.obj.Contents = pikepdf.Array([pdf.make_indirect(pikepdf.Stream(pdf, half)) for half in halves])
        target = io.BytesIO()
        pdf.save(target)
    copy = drawn(_stamped(target.getvalue()))
    assert copy.getpixel((150, round((842 - 730) * 1.5))) == (0, 0, 255)


def test_the_same_order_gives_the_same_bytes() -> None:
    """D12: a repeated delivery is the same bytes, so that a receipt and a range still fit."""
    for content, asked in (
        (scan(), order()),
        (scan(), order("burned_in")),
        (picture_jpeg(), order(media_type=JPEG)),
    ):
        assert made(content, asked).content == made(content, asked).content


def test_burned_in_leaves_pictures_only() -> None:
    """The stamp cannot be taken off, and no text can be taken out."""
    content = paper([b"BT /F1 20 Tf 60 700 Td (Nomor rahasia 12345) Tj ET"] * 2)
    assert "12345" in text_of(content)
    copy = made(content, order("burned_in")).content
    assert text_of(copy).strip() == ""
    assert b"Helvetica" not in copy
    for number in range(2):
        after = drawn(copy, number)
        assert reddish(after, BAND) > 500
        assert reddish(after, MIDDLE) > 5_000
        assert after.size == drawn(content, number).size


def test_a_signed_pdf_leaves_as_pictures_and_is_never_altered() -> None:
    """protocols.md 9: a change would break its signature, and a stamp that a reader calls an invalid signature helps nobody."""
    content = signed_looking(paper([b"BT /F1 20 Tf 60 700 Td (Tanda tangan elektronik) Tj ET"]))
    copy = _stamped(content)
    assert text_of(copy).strip() == ""
    assert b"/Sig" not in copy
    assert reddish(drawn(copy), BAND) > 500


def test_a_picture_carries_it_and_loses_what_stood_beside() -> None:
    """A45: where and with what it was taken stays here; it stands upright."""
    content = picture_jpeg((1754, 1240), orientation=6)
    assert b"Exif" in content
    copy = made(content, order(media_type=JPEG))
    picture = picture_of(copy.content)
    assert (copy.media_type, picture.size) == (JPEG, (1240, 1754))
    assert b"Exif" not in copy.content
    assert reddish(picture, BAND) > 500
    assert reddish(picture, MIDDLE) > 5_000
    assert reddish(picture, TOP) == 0


def test_a_png_leaves_as_jpeg_on_white() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (900, 600), (0, 0, 0, 0)).save(target, "PNG")
    copy = made(target.getvalue(), order(media_type=PNG))
    assert copy.media_type == JPEG
    picture = picture_of(copy.content)
    assert min(picture.getpixel((450, 20))) > 240  # type: ignore[arg-type]  # RGB
    assert reddish(picture, (0, 0.9, 1, 1)) > 500


def test_a_photo_of_a_phone_is_brought_to_the_size_of_a_page() -> None:
    picture = picture_of(made(picture_jpeg((4032, 3024)), order(media_type=JPEG)).content)
    assert picture.size == (3508, 2631)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"%PDF-1.7\n" + b"x" * 5000, PDF),
        (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40, JPEG),
        (picture_jpeg()[:5000], JPEG),
        (b"", PDF),
        (paper(size=(3.0, 3.0)), PDF),
        (paper([b""] * (PAGE_LIMIT + 1)), PDF),
        (picture_jpeg((8, 8)), JPEG),
        (picture_jpeg(), "image/heic"),
    ],
    ids=["no_pdf", "no_jpeg", "half_a_jpeg", "empty", "speck", "many_pages", "dot", "other_type"],
)
@pytest.mark.parametrize("manner", ["stamped", "burned_in"])
def test_what_cannot_be_drawn_is_said(content: bytes, media_type: str, manner: str) -> None:
    """Never the unmarked original instead."""
    with pytest.raises(NotRenderable):
        made(content, order(manner, media_type))


def _apart(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, as a part of 255; letters are smoothed a little differently when they are turned."""
    histogram = ImageChops.difference(one.convert("L"), other.convert("L")).histogram()
    return sum(level * count for level, count in enumerate(histogram)) / (one.width * one.height) / 255
