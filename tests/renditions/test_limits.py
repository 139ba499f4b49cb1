"""What comes in can leave: the gate takes nothing of which no copy could ever be made (finding it out at the counter is too late)."""

from __future__ import annotations

import io
import re

import pikepdf
import pytest
from PIL import Image

from exchange.intake_settings import COPY_LIMIT_BYTES
from exchange.problems import PROBLEMS
from exchange.renditions import orders, pages, pictures, raster
from exchange.renditions.making import made
from exchange.renditions.orders import JPEG, PDF, PNG
from exchange.renditions.preview import preview
from exchange.settings import Settings
from storage.gate import findings
from storage.gate.look import look
from tests.renditions.samples import order, paper

SIDES = (findings.SMALLEST_SIDE_PT, 300.0, findings.LARGEST_SIDE_PT)
SHORT, LONG = findings.SHORTEST_SIDE_PX, findings.LONGEST_SIDE_PX


def word(content: bytes, media_type: str = PDF) -> str | None:
    """Why the gate refuses it; None lets it in."""
    answer = look({"media_type": media_type}, [io.BytesIO(content)])
    return str(answer["unfit"]) if "unfit" in answer else None


def everywhere(content: bytes, media_type: str = PDF) -> bool:
    """In each manner, and as a preview; raises ``NotRenderable`` and whatever else goes wrong."""
    copies = [made(content, order(manner, media_type)) for manner in ("stamped", "burned_in", "redacted")]
    return all(copy.content for copy in [*copies, preview(content, order(media_type=media_type))])


def boxed(width: float, height: float) -> bytes:
    """A page of a size that no library makes."""
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(paper())) as pdf:
        pdf.pages[0].obj.MediaBox = pikepdf.Array([0, 0, width, height])
        pdf.save(file)
    return file.getvalue()


def test_there_is_one_limit_of_each_kind() -> None:
    """Written down on both sides of an import contract. Wrong version: the gate takes 300 pages, copies are made of 50."""
    assert findings.PAGE_LIMIT == orders.PAGE_LIMIT
    assert {findings.SMALLEST_SIDE_PT} == {pages._SMALLEST_PT, raster._SMALLEST_PT}
    assert (SHORT, LONG) == (pictures.SHORTEST_SIDE_PX, pictures.LONGEST_SIDE_PX)
    assert findings.PIXEL_LIMIT <= pictures.PIXEL_LIMIT
    assert COPY_LIMIT_BYTES == orders.SOURCE_LIMIT_BYTES
    assert f"{orders.PAGE_LIMIT} pages" in PROBLEMS["BK-3026"].remedy_en
    said = re.findall(r"[\d,]+(?= to| points)", PROBLEMS["BK-3038"].remedy_en)
    assert [float(number.replace(",", "")) for number in said] == [SIDES[0], SIDES[2]]


def test_an_upload_is_never_larger_than_a_copy_may_be_made_of() -> None:
    """Wrong version: the operator raises the one limit, and papers come in that never leave."""
    assert Settings(upload_limit_bytes=COPY_LIMIT_BYTES).upload_limit_bytes == COPY_LIMIT_BYTES
    with pytest.raises(ValueError, match="no copy could be made"):
        Settings(upload_limit_bytes=COPY_LIMIT_BYTES + 1)


def test_as_many_pages_as_come_in_leave() -> None:
    most = paper([b""] * findings.PAGE_LIMIT, size=(200, 300))
    assert word(most) is None
    assert all(made(most, order(manner)).content for manner in ("stamped", "burned_in"))
    assert word(paper([b""] * (findings.PAGE_LIMIT + 1))) == "pages"


def test_many_large_pages_are_drawn_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty sheets of A3 as pictures took a worker's whole time, and never left. Wrong version: a limit for each page alone."""
    assert raster.ALL_PIXEL_LIMIT >= findings.PAGE_LIMIT * (595 / 72 * 200) * (842 / 72 * 200)
    monkeypatch.setattr(raster, "ALL_PIXEL_LIMIT", 1_000_000)
    for count in (1, 5):
        with pikepdf.open(io.BytesIO(made(paper([b""] * count), order("burned_in")).content)) as copy:
            pictures_drawn = [page.obj.Resources.XObject.Page for page in copy.pages]
            pixels = [int(one.Width) * int(one.Height) for one in pictures_drawn]
        assert len(pixels) == count
        assert 950_000 < sum(pixels) < 1_050_000


@pytest.mark.parametrize("width", SIDES)
@pytest.mark.parametrize("height", SIDES)
def test_a_page_of_any_size_that_comes_in_leaves(width: float, height: float) -> None:
    content = paper(size=(width, height))
    assert word(content) is None
    assert everywhere(content)
    assert everywhere(paper(size=(width, height), crop=(0, 0, SIDES[0], height)))


@pytest.mark.parametrize(
    "content",
    [
        boxed(0, 0),
        boxed(300, SIDES[0] - 0.5),
        boxed(SIDES[2] + 1, 300),
        paper(crop=(5_000, 5_000, 6_000, 6_000)),
        paper(crop=(0, 0, 300, SIDES[0] - 0.5)),
        boxed(10**9, 10**9),
    ],
    ids=["nothing", "a line", "a field", "a crop outside", "a crop of a line", "a country"],
)
def test_a_page_that_could_not_leave_does_not_come_in(content: bytes) -> None:
    """Wrong version: pages are counted, never measured."""
    assert word(content) == "page_size"


@pytest.mark.parametrize("media_type", [JPEG, PNG])
@pytest.mark.parametrize(
    ("size", "fits"),
    [
        ((SHORT, SHORT), True), ((SHORT, LONG), True), ((2 * SHORT, 2 * LONG), True), ((SHORT - 1, 300), False),
        ((1, 1), False), ((SHORT + 1, 2 * LONG), False),
    ],
)  # fmt: skip
def test_a_picture_that_comes_in_leaves(media_type: str, size: tuple[int, int], fits: bool) -> None:
    """Wrong version: a picture of one pixel comes in, and one of which a copy would be a line."""
    file = io.BytesIO()
    Image.new("L", size, 200).save(file, media_type.partition("/")[2].upper())
    assert (word(file.getvalue(), media_type) is None) == fits
    if fits:
        assert everywhere(file.getvalue(), media_type)
