"""How much a reader goes through to draw a page: each form as often as it is drawn (ISO 32000-2, 8.10), bounded whatever its size.

Twenty-five forms, each of which draws the next one twice, are four kilobytes and thirty-three million drawings. Counted is at least what
a reader does: a form by the names that a content stream mentions, whether ``Do`` stands behind them or not; a tiling pattern and a soft
mask for whatever is painted, also inside of the forms that are drawn meanwhile; a glyph of a Type 3 font for each letter shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import pikepdf

from storage.gate.findings import Unfit

# Of one page: at most 131,072 drawings, of which pdfium makes a hundred thousand in a second, and a million paintings.
_PAGE_LIMIT_BYTES = 64 * 1_048_576
_DRAWING_BYTES, _PAINTING_BYTES = 512, 64
# A pattern to fill with, one to stroke with, and a mask: more are not at work at once.
_AT_ONCE = 3
_PARENTS_LIMIT = 100
_KINDS = ("/XObject", "/Pattern", "/ExtGState", "/Font")
_NAME = re.compile(rb"/([^\0\t\n\f\r ()<>\[\]{}/%]+)")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_PAINTED = re.compile(
    rb"(?<![^\0\t\n\f\r >)\]])(?:[fbB]\*?|[FSs]|sh|Do|EI|T[jJ]|['\"])(?![^\0\t\n\f\r /(<\[%])"
)
_STRING = re.compile(rb"\((?:[^()\\]|\\.)*\)|<[^<>]*>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Content:
    """What one stream says itself: bytes, how often each name stands in it, how often it paints, how many letters it shows."""

    size: int
    names: dict[str, int]
    paints: int
    shown: int


@dataclass(frozen=True, slots=True)
class _Work:
    """Of a stream with the forms that it draws; ``cost`` (in bytes) with everything that it draws."""

    shown: int
    paints: int
    cost: int


class _Resources:
    """``owner`` tells them apart: most stand in the page, the form or the font that they belong to."""

    def __init__(self, owner: Hashable, named: pikepdf.Object | None) -> None:
        self.owner = owner
        found = {kind: named.get(kind) for kind in _KINDS} if isinstance(named, pikepdf.Dictionary) else {}
        self._things = {
            kind: things for kind, things in found.items() if isinstance(things, pikepdf.Dictionary)
        }
        self.names = {name for things in self._things.values() for name in things.keys()}  # noqa: SIM118 - no dict

    def find(self, kind: str, name: str) -> pikepdf.Object | None:
        things = self._things.get(kind)
        return things[name] if things is not None and name in things else None


class Drawings:
    """Of one document."""

    def __init__(self) -> None:
        self._contents: dict[tuple[int, int], _Content] = {}

    def page(self, page: pikepdf.Object) -> None:
        """Raises ``Unfit`` (too_heavy) for a page that is too much, and for a form that draws itself."""
        work = _OfPage(self._contents, _Resources("page", _inherited(page, "/Resources")))
        drawn = page.get("/Contents")
        parts = list(drawn) if isinstance(drawn, pikepdf.Array) else [drawn]
        text = b"\n".join(part.read_bytes() for part in parts if isinstance(part, pikepdf.Stream))
        cost = work.of(_said(text), work.around).cost
        for form in _appearances(page):
            cost += _DRAWING_BYTES + work.stream(form, work.around).cost
            _bounded(cost)


class _OfPage:
    """``around`` are the page's resources: a reader looks there for what a form's own do not have."""

    def __init__(self, contents: dict[tuple[int, int], _Content], around: _Resources) -> None:
        self._contents = contents
        self._known: dict[Hashable, _Work | None] = {}
        self.around = around

    def stream(self, stream: pikepdf.Object, around: _Resources) -> _Work:
        own = stream.get("/Resources")
        resources = _Resources(stream.objgen, own) if isinstance(own, pikepdf.Dictionary) else around
        place = stream.objgen, resources.owner
        if place in self._known:
            known = self._known[place]
            if known is None:  # it is being counted at this moment
                raise Unfit("too_heavy")
            return known
        self._known[place] = None
        if stream.objgen not in self._contents:
            self._contents[stream.objgen] = _said(stream.read_bytes())
        work = self._known[place] = self.of(self._contents[stream.objgen], resources)
        return work

    def of(self, content: _Content, resources: _Resources) -> _Work:
        shown, paints = content.shown, content.paints
        cost = content.size + paints * _PAINTING_BYTES
        cells: list[int] = []
        glyph_paints = glyph_cost = 0
        for name in content.names.keys() & (resources.names | self.around.names):
            times = content.names[name]
            for kind, thing, its_own in self._drawn(name, resources):
                if kind == "picture":
                    cost += times * _DRAWING_BYTES
                    continue
                work = self.stream(thing, its_own)
                if kind == "form":
                    shown += times * work.shown
                    paints += times * work.paints
                    cost += times * (_DRAWING_BYTES + work.cost)
                elif kind == "cell":
                    cells.append(_DRAWING_BYTES + work.cost)
                else:
                    glyph_paints = max(glyph_paints, work.paints)
                    glyph_cost = max(glyph_cost, work.cost)
        paints += shown * glyph_paints
        cost += shown * glyph_cost + paints * sum(sorted(cells)[-_AT_ONCE:])
        _bounded(cost)
        return _Work(shown, paints, cost)

    def _drawn(self, name: str, resources: _Resources) -> Iterator[tuple[str, pikepdf.Object, _Resources]]:
        """(form, picture, cell or glyph; the stream; where it finds what it names) for each thing that may be drawn by this name."""
        thing = self._find("/XObject", name, resources)
        if isinstance(thing, pikepdf.Stream):
            yield "picture" if thing.get("/Subtype") == "/Image" else "form", thing, resources
        pattern = self._find("/Pattern", name, resources)
        if isinstance(pattern, pikepdf.Stream):
            yield "cell", pattern, resources
        fonts = [self._find("/Font", name, resources)]
        state = self._find("/ExtGState", name, resources)
        if isinstance(state, pikepdf.Dictionary):
            mask, font = state.get("/SMask"), state.get("/Font")
            if isinstance(mask, pikepdf.Dictionary) and isinstance(mask.get("/G"), pikepdf.Stream):
                yield "cell", mask["/G"], resources
            if isinstance(font, pikepdf.Array) and len(font):
                fonts.append(font[0])
        for font in fonts:
            if not isinstance(font, pikepdf.Dictionary):
                continue
            shapes = font.get("/CharProcs")
            if isinstance(shapes, pikepdf.Dictionary):
                own = font.get("/Resources")
                around = _Resources((name, resources.owner), own) if own is not None else resources
                yield from (
                    ("glyph", shape, around)
                    for _, shape in shapes.items()
                    if isinstance(shape, pikepdf.Stream)
                )

    def _find(self, kind: str, name: str, resources: _Resources) -> pikepdf.Object | None:
        found = resources.find(kind, name)
        return found if found is not None else self.around.find(kind, name)


def _said(text: bytes) -> _Content:
    names = Counter(_NAME.findall(text))
    counted: Counter[str] = Counter()
    for name, times in names.items():
        plain = _ESCAPED.sub(lambda digits: bytes([int(digits[1], 16)]), name)
        counted["/" + plain.decode("utf-8", "surrogateescape")] += times
    paints = sum(1 for _ in _PAINTED.finditer(text))
    return _Content(len(text), counted, paints, _letters(text))


def _letters(text: bytes) -> int:
    """At least as many as its strings hold; all of it where one stands inside of another."""
    strings = [len(string) for string in _STRING.findall(text)]
    return sum(strings) if text.count(b"(") == 0 or b"(" not in _STRING.sub(b"", text) else len(text)


def _appearances(page: pikepdf.Object) -> Iterator[pikepdf.Object]:
    """What an annotation shows: a form, or one for each of its states (12.5.5)."""
    annotations = page.get("/Annots")
    for annotation in annotations if isinstance(annotations, pikepdf.Array) else ():
        looks = annotation.get("/AP") if isinstance(annotation, pikepdf.Dictionary) else None
        for _, look in looks.items() if isinstance(looks, pikepdf.Dictionary) else ():
            if isinstance(look, pikepdf.Stream):
                yield look
            elif isinstance(look, pikepdf.Dictionary):
                yield from (form for _, form in look.items() if isinstance(form, pikepdf.Stream))


def _inherited(page: pikepdf.Object, key: str) -> pikepdf.Object | None:
    node: pikepdf.Object | None = page
    for _ in range(_PARENTS_LIMIT):
        if not isinstance(node, pikepdf.Dictionary) or key in node:
            break
        node = node.get("/Parent")
    return node.get(key) if isinstance(node, pikepdf.Dictionary) else None


def _bounded(cost: int) -> None:
    if cost > _PAGE_LIMIT_BYTES:
        raise Unfit("too_heavy")
