"""PDF (ISO 32000-2): read by qpdf without repair, every object of every revision looked at, every stream measured.

Nothing of a PDF is ever altered: it may be signed. Later revisions (signatures, their timestamps) are legal; what stands between or
behind them is not.
"""

from __future__ import annotations

import io
import re

import pikepdf

from storage.gate.findings import LARGEST_SIDE_PT, PAGE_LIMIT, SMALLEST_SIDE_PT, Found, Unfit
from storage.gate.pdf_forms import Drawings
from storage.gate.pdf_objects import active_content, gravest
from storage.gate.pdf_streams import Measured

_OBJECTS_LIMIT = 100_000
_PARTS_LIMIT = 200_000  # of one array or dictionary
_REVISIONS_LIMIT = 16
_TAIL_LIMIT_BYTES = 4_096
_HEADER = re.compile(rb"%PDF-[12]\.\d[\s%]")
_END = re.compile(rb"startxref\s+\d+\s+%%EOF")
# What a revision may begin with: an object, a comment, a table.
_NEXT = re.compile(rb"[\s\0]*(?:\Z|\d|%|xref)")
_BLANK = b"\0\t\n\f\r "
# What qpdf remarks about papers that every reader reads alike: a blank page, a table's empty line.
_HARMLESS = re.compile(
    r"Resources is missing or invalid; repairing|object has offset 0 - |extraneous whitespace seen before xref"
)

pikepdf.settings.set_qpdf_limits(
    doc_max_warnings=500,
    parser_max_nesting=100,
    parser_max_container_size=_PARTS_LIMIT,
    max_stream_filters=4,
    flate_max_memory=128 * 1_048_576,
    run_length_max_memory=128 * 1_048_576,
    png_max_memory=128 * 1_048_576,
    tiff_max_memory=128 * 1_048_576,
)


def look(data: bytes) -> Found:
    """Raises ``Unfit``: broken, trailing, disguised, pages, page_size, encrypted, too_heavy, pixels and those of ``active_content``."""
    ends = _revisions(data)
    found = Found(pages=_looked_at(data))
    for end in ends[:-1]:
        _earlier(data[:end])
    return found


def _revisions(data: bytes) -> list[int]:
    """Where each revision ends."""
    if not _HEADER.match(data):
        raise Unfit("broken")
    ends = [match.end() for match in _END.finditer(data)]
    if not ends:
        raise Unfit("broken")
    if len(ends) > _REVISIONS_LIMIT:
        raise Unfit("too_heavy")
    tail = data[ends[-1] :]
    if len(tail) > _TAIL_LIMIT_BYTES or tail.strip(_BLANK):
        raise Unfit("trailing")
    if any(not _NEXT.match(data, end) for end in ends):
        raise Unfit("disguised")
    return ends


def _looked_at(data: bytes) -> int:
    """Returns how many pages it has."""
    try:
        with pikepdf.open(
            io.BytesIO(data), attempt_recovery=False, inherit_page_attributes=False
        ) as document:
            if document.is_encrypted:
                raise Unfit("encrypted")
            if len(document.objects) > _OBJECTS_LIMIT:
                raise Unfit("too_heavy")
            _objects(document)
            pages = _pages(document)
            if not all(_HARMLESS.search(str(remark)) for remark in document.get_warnings()):
                raise Unfit(
                    "broken"
                )  # read otherwise than it is written: other readers may see another paper
            return pages
    except pikepdf.PasswordError:
        raise Unfit("encrypted") from None
    except pikepdf.PdfError:
        raise Unfit("broken") from None
    except RuntimeError:  # qpdf wants chance for the newest encryption, and a worker has none to give
        raise Unfit("encrypted" if b"/Encrypt" in data else "broken") from None


def _earlier(data: bytes) -> None:
    """An earlier revision is looked at like the last: a reader may go back to it. The first part of a linearized file ends like
    one, and is none.
    """
    try:
        _looked_at(data)
    except Unfit as unfit:
        if unfit.word != "broken":
            raise


def _pages(document: pikepdf.Pdf) -> int:
    tree = document.Root.get("/Pages")
    claimed = tree.get("/Count") if isinstance(tree, pikepdf.Dictionary) else None
    if isinstance(claimed, int) and claimed > PAGE_LIMIT:
        raise Unfit("pages")
    pages = len(document.pages)
    if pages > PAGE_LIMIT:
        raise Unfit("pages")
    if pages == 0:
        raise Unfit("broken")
    drawings = Drawings()
    for page in document.pages:
        _size(page)
        drawings.page(page.obj)
    return pages


def _size(page: pikepdf.Page) -> None:
    """What is shown must be a sheet: of nothing, or of kilometres, no reader and no copy makes a page alike."""
    media, crop = _sides(page.mediabox), _sides(page.cropbox)
    shown = [min(media[2 + axis], crop[2 + axis]) - max(media[axis], crop[axis]) for axis in (0, 1)]
    if not all(SMALLEST_SIDE_PT <= side <= LARGEST_SIDE_PT for side in shown):
        raise Unfit("page_size")


def _sides(box: pikepdf.Object | None) -> tuple[float, float, float, float]:
    """Left, bottom, right, top."""
    try:
        x1, y1, x2, y2 = (float(side) for side in box)  # type: ignore[union-attr]  # whatever stands there
    except (TypeError, ValueError):
        raise Unfit("page_size") from None
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _objects(document: pikepdf.Pdf) -> None:
    measured = Measured()
    words = active_content(document.trailer)
    for value in document.objects:
        if isinstance(value, (pikepdf.Array, pikepdf.Dictionary)) and len(value) > _PARTS_LIMIT:
            raise Unfit("too_heavy")
        words |= active_content(value)
        if isinstance(value, pikepdf.Stream):
            measured.stream(value)
    if words:
        raise Unfit(gravest(words))
