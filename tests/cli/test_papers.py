"""The files of the sandbox: sizes as promised, readable, the same bytes for the same paper."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date

import pytest
from PIL import Image

from exchange.cli.sandbox.families import Citizen, Paper, sandbox_world
from exchange.cli.sandbox.kinds import Shape
from exchange.cli.sandbox.papers import SCANNED_PAGES, PaperFile, make_paper
from exchange.cli.sandbox.scans import PHOTO_PX, PORTRAIT_PX, SCAN_PX

WORLD = sandbox_world(date(2026, 11, 24))
ALL = [(citizen, paper) for citizen in WORLD.citizens for paper in citizen.papers]
KB = 1000
SIZES: dict[Shape, tuple[int, int]] = {
    "scan": (200 * KB, 400 * KB),
    "photo": (4_500 * KB, 5_500 * KB),
    "portrait": (100 * KB, 400 * KB),
    "page": (20 * KB, 400 * KB),
    "pages": (500 * KB, 2_000 * KB),
}
PIXELS: dict[Shape, tuple[int, int]] = {"scan": SCAN_PX, "photo": PHOTO_PX, "portrait": PORTRAIT_PX}
PAGES: dict[Shape, int] = {"page": 1, "pages": SCANNED_PAGES}


@pytest.fixture(scope="module")
def files() -> list[tuple[Citizen, Paper, PaperFile]]:
    return [(citizen, paper, make_paper(citizen, paper)) for citizen, paper in ALL]


def first(shape: Shape) -> tuple[Citizen, Paper]:
    return next((citizen, paper) for citizen, paper in ALL if paper.shape == shape)


def test_sizes(files: list[tuple[Citizen, Paper, PaperFile]]) -> None:
    for citizen, paper, file in files:
        smallest, largest = SIZES[paper.shape]
        assert smallest <= len(file.content) <= largest, (citizen.name, paper.type, len(file.content))


def test_no_two_files_are_the_same(files: list[tuple[Citizen, Paper, PaperFile]]) -> None:
    assert len({file.content for _, _, file in files}) == len(files)


def test_jpegs_open_and_hold_no_camera_data(files: list[tuple[Citizen, Paper, PaperFile]]) -> None:
    pictures = [(paper, file) for _, paper, file in files if file.media_type == "image/jpeg"]
    assert pictures
    for paper, file in pictures:
        with Image.open(io.BytesIO(file.content)) as picture:
            picture.load()
            assert picture.format == "JPEG"
            assert picture.mode == "RGB"
            assert picture.size == PIXELS[paper.shape]
            assert not picture.getexif()


def test_pdfs_are_whole_and_have_their_pages(files: list[tuple[Citizen, Paper, PaperFile]]) -> None:
    documents = [(paper, file.content) for _, paper, file in files if file.media_type == "application/pdf"]
    assert documents
    for paper, content in documents:
        assert content.startswith(b"%PDF-1.")
        assert content.rstrip().endswith(b"%%EOF")
        assert len(re.findall(rb"/Type /Page\b", content)) == PAGES[paper.shape]
        assert b"/JavaScript" not in content
        assert b"/Encrypt" not in content


@pytest.mark.parametrize("shape", ["scan", "photo", "portrait", "page", "pages"])
def test_the_same_paper_is_the_same_bytes(shape: Shape) -> None:
    citizen, paper = first(shape)
    assert make_paper(citizen, paper) == make_paper(citizen, paper)


@pytest.mark.parametrize("shape", ["scan", "page", "portrait"])
def test_a_newer_paper_is_another_file(shape: Shape) -> None:
    citizen, paper = first(shape)
    newer = replace(paper, issued_on=date(2026, 11, 20))
    assert make_paper(citizen, newer).content != make_paper(citizen, paper).content


def test_every_picture_carries_the_mark() -> None:
    """The mark crosses the middle of a scan: the sheet is darker along it than beside it."""
    citizen, paper = first("scan")
    with Image.open(io.BytesIO(make_paper(citizen, paper).content)) as picture:
        lower_left = picture.convert("L").crop((80, 1320, 420, 1500))
    histogram = lower_left.histogram()
    assert sum(histogram[150:215]) > 0.05 * sum(histogram), (
        "grey of the mark on white paper, where no text stands"
    )


def test_pas_foto_has_the_background_it_claims() -> None:
    for colour, strongest in (("red", 0), ("blue", 2)):
        citizen, paper = next((c, p) for c, p in ALL if p.background == colour)
        with Image.open(io.BytesIO(make_paper(citizen, paper).content)) as picture:
            corner = picture.resize((9, 14)).getpixel((0, 0))
        assert isinstance(corner, tuple)
        assert max(range(3), key=lambda band: corner[band]) == strongest
