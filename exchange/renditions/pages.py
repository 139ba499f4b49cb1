"""The stamp on a PDF, without touching what its pages hold: each page's content becomes a form of its own, below the stamp.

So whatever state the content leaves behind (a turned or clipped coordinate system that is never restored) ends before the stamp
begins. One stamp serves all pages of one size.
"""

from __future__ import annotations

import io
import math
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream

from exchange.renditions.layout import Block, Place, Sheet, laid_out
from exchange.renditions.orders import PAGE_LIMIT, Mark, NotRenderable

_STAMP, _PAGE, _FONT = "/BerkasStamp", "/BerkasPage", "/BerkasFont"
# Every letter of Courier is as wide (AFM: 600 of 1000), so that nothing must be measured.
_LETTER_WIDTH = 0.6
_SIDES = 4
_RIGHT_ANGLE, _WHOLE_TURN = 90, 360
_SMALLEST_PT = 9.0
_DEPTH_LIMIT = 50


def opened(source: bytes) -> Pdf:
    """Raises ``NotRenderable``."""
    try:
        pdf = pikepdf.open(io.BytesIO(source), suppress_warnings=True)
        pages = len(pdf.pages)
    except (pikepdf.PdfError, RecursionError):
        raise NotRenderable("unreadable") from None
    if not 1 <= pages <= PAGE_LIMIT:
        raise NotRenderable("pages")
    return pdf


def stamped_pdf(source: bytes, mark: Mark) -> bytes | None:
    """The copy; None for a signed one: any change of it would break its signature, so it leaves as pictures of its pages.

    Raises ``NotRenderable``.
    """
    with opened(source) as pdf:
        if is_signed(pdf):
            return None
        try:
            forms: dict[Sheet, Stream] = {}
            for page in pdf.pages:
                box, turn = visible_box(page)
                sheet = shown_size(box, turn)
                if sheet not in forms:
                    forms[sheet] = _form(pdf, sheet, mark)
                _stamp(pdf, page, forms[sheet], _matrix(box, turn))
            return saved(pdf)
        except (pikepdf.PdfError, ValueError, TypeError, RuntimeError, RecursionError):
            raise NotRenderable("unreadable") from None


def is_signed(pdf: Pdf) -> bool:
    """Does any field hold a signature, or the file say that one exists (ISO 32000-1 12.7.2, 12.8.1)?"""
    form = pdf.Root.get("/AcroForm")
    if not isinstance(form, Dictionary):
        return False
    if int(form.get("/SigFlags", 0)) & 1:
        return True
    return any(
        isinstance(thing, Dictionary) and thing.get("/FT") == Name.Sig and "/V" in thing
        for thing in pdf.objects
    )


def visible_box(page: pikepdf.Page) -> tuple[tuple[float, float, float, float], int]:
    """(left, bottom, right, top) of what is shown, in points of the page's own system; and its turn to the right in degrees.

    Raises ``NotRenderable`` when nothing is shown.
    """
    media, crop = _rectangle(page.mediabox), _rectangle(page.cropbox)
    box = (
        max(media[0], crop[0]),
        max(media[1], crop[1]),
        min(media[2], crop[2]),
        min(media[3], crop[3]),
    )
    if box[2] - box[0] < _SMALLEST_PT or box[3] - box[1] < _SMALLEST_PT:
        raise NotRenderable("page_size")
    return box, _turn(page)


def _turn(page: pikepdf.Page) -> int:
    """``/Rotate`` may be the parent's."""
    node: Any = page.obj
    for _ in range(_DEPTH_LIMIT):
        if "/Rotate" in node:
            return int(node.Rotate) // _RIGHT_ANGLE * _RIGHT_ANGLE % _WHOLE_TURN
        if "/Parent" not in node:
            break
        node = node.Parent
    return 0


def shown_size(box: tuple[float, float, float, float], turn: int) -> Sheet:
    width, height = box[2] - box[0], box[3] - box[1]
    return (
        Sheet(round(width, 2), round(height, 2))
        if turn % 180 == 0
        else Sheet(round(height, 2), round(width, 2))
    )


def saved(pdf: Pdf) -> bytes:
    """No date and no chance in it: the same copy is made again as the same bytes."""
    target = io.BytesIO()
    pdf.save(
        target,
        deterministic_id=True,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        object_stream_mode=pikepdf.ObjectStreamMode.preserve,
        recompress_flate=False,
    )
    return target.getvalue()


def _rectangle(box: Array) -> tuple[float, float, float, float]:
    if len(box) != _SIDES:
        raise NotRenderable("page_size")
    x1, y1, x2, y2 = (float(side) for side in box)
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise NotRenderable("page_size")
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _matrix(box: tuple[float, float, float, float], turn: int) -> tuple[float, ...]:
    """From the sheet as it is shown (origin at its lower left) to the page's own system (ISO 32000-1 8.3.4, 14.11.2)."""
    left, bottom, right, top = box
    return {
        0: (1, 0, 0, 1, left, bottom),
        90: (0, 1, -1, 0, right, bottom),
        180: (-1, 0, 0, -1, right, top),
        270: (0, -1, 1, 0, left, top),
    }[turn]


def _stamp(pdf: Pdf, page: pikepdf.Page, stamp: Stream, matrix: tuple[float, ...]) -> None:
    below = _content(pdf, page)
    page.obj.Resources = Dictionary(XObject=Dictionary({_STAMP: stamp, _PAGE: below}))
    placed = " ".join(f"{number:.4f}" for number in matrix)
    page.obj.Contents = Stream(pdf, f"{_PAGE} Do q {placed} cm {_STAMP} Do Q".encode())


def _content(pdf: Pdf, page: pikepdf.Page) -> Stream:
    """What the page draws, as a form. One stream is taken over as it is, compressed; several are one program only together."""
    drawn = page.obj.get("/Contents", Array())
    parts = [drawn] if isinstance(drawn, Stream) else [part for part in drawn if isinstance(part, Stream)]
    if len(parts) == 1:
        form = Stream(pdf, parts[0].read_raw_bytes())
        kept = {name: parts[0][name] for name in ("/Filter", "/DecodeParms") if name in parts[0]}
    else:
        form, kept = Stream(pdf, b"\n".join(part.read_bytes() for part in parts)), {}
    form.stream_dict = Dictionary(
        Type=Name.XObject, Subtype=Name.Form, BBox=page.mediabox, Resources=page.resources
    )
    for name, value in kept.items():
        form[name] = value
    return form


def _form(pdf: Pdf, sheet: Sheet, mark: Mark) -> Stream:
    font = Dictionary(
        Type=Name.Font, Subtype=Name.Type1, BaseFont=Name("/Courier-Bold"), Encoding=Name.WinAnsiEncoding
    )
    states = {
        f"/Alpha{round(alpha * 100)}": Dictionary(Type=Name.ExtGState, ca=alpha) for alpha in (0.2, 0.85, 1)
    }
    form = Stream(pdf, _drawn(sheet, mark))
    form.stream_dict = Dictionary(
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=Array([0, 0, sheet.width, sheet.height]),
        Resources=Dictionary(Font=Dictionary({_FONT: font}), ExtGState=Dictionary(states)),
    )
    return form


def _drawn(sheet: Sheet, mark: Mark) -> bytes:
    plan = laid_out(sheet, mark, lambda text: len(text) * _LETTER_WIDTH)
    band = plan.band
    commands = [
        b"q 0.72 0.05 0.08 rg /Alpha20 gs",
        *_slanted(plan.across),
        b"1 1 1 rg /Alpha85 gs",
        f"{band.x:.2f} {band.y:.2f} {band.width:.2f} {band.height:.2f} re f".encode(),
        b"0.55 0 0.05 rg /Alpha100 gs",
        *(_text(place) for place in plan.lines),
        b"Q",
    ]
    return b"\n".join(commands)


def _slanted(block: Block) -> list[bytes]:
    sine, cosine = math.sin(block.angle), math.cos(block.angle)
    commands = []
    for x, y in block.middles:
        commands.append(f"q {cosine:.4f} {sine:.4f} {-sine:.4f} {cosine:.4f} {x:.2f} {y:.2f} cm".encode())
        top = (len(block.lines) / 2 - 1) * block.leading
        for number, line in enumerate(block.lines):
            left = -len(line) * _LETTER_WIDTH * block.size / 2
            commands.append(_text(Place(line, left, top - number * block.leading, block.size)))
        commands.append(b"Q")
    return commands


def _text(place: Place) -> bytes:
    letters = place.text.encode("cp1252", "replace")
    for special in (b"\\", b"(", b")"):
        letters = letters.replace(special, b"\\" + special)
    at = f"{place.size:.2f} Tf {place.x:.2f} {place.y:.2f} Td".encode()
    return b"BT %s %s (%s) Tj ET" % (_FONT.encode(), at, letters)
