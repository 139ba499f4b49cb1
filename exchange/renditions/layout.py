"""Where the stamp stands on a sheet of any size: pure geometry, the same for PDF and pictures.

A band along the lower edge says everything in small letters; a slanted block across the sheet says it again, faintly, and twice,
where nobody can cut it off without cutting into the paper.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exchange.renditions.orders import Mark

# Of the sheet's shorter side.
_BAND_LETTERS = 0.017
_ACROSS_LETTERS = 0.052
_MARGIN = 0.02
_LEADING = 1.3
_SLANT = math.radians(24)
_FILLED = 0.94
# How far up the sheet the slanted blocks have their middle.
_HEIGHTS = (0.72, 0.34)
_WIDEST_BAND_LINE = 110
_ACROSS_LINE = 46

Width = Callable[[str], float]
"""How wide a text is, in units of the size of its letters."""


@dataclass(frozen=True, slots=True)
class Sheet:
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Place:
    """A line of text from (``x``, ``y``), the left end of its base line; ``y`` counts upwards."""

    text: str
    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True)
class Band:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Block:
    """Lines around a common middle, turned by ``angle``; each line is centred and ``leading`` below the one before."""

    lines: tuple[str, ...]
    size: float
    leading: float
    angle: float
    middles: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    band: Band
    lines: tuple[Place, ...]
    across: Block


def laid_out(sheet: Sheet, mark: Mark, width: Width) -> Plan:
    short = min(sheet.width, sheet.height)
    margin = short * _MARGIN
    lines, size = _fitted(
        [mark.purpose, mark.issue, mark.code],
        _WIDEST_BAND_LINE,
        width,
        short * _BAND_LETTERS,
        sheet.width - 2 * margin,
        sheet.height / 4,
    )
    height = len(lines) * size * _LEADING + margin / 2
    band = Band(0, 0, sheet.width, height)
    placed = tuple(
        Place(line, margin, height - (number + 1) * size * _LEADING, size)
        for number, line in enumerate(lines)
    )
    return Plan(band, placed, _across(sheet, mark, width, short))


def _across(sheet: Sheet, mark: Mark, width: Width, short: float) -> Block:
    lines = (*textwrap.wrap(mark.purpose, _ACROSS_LINE), mark.short)
    # As large as the turned block fits between the sides, and twice between the edges.
    longest, deep = max(width(line) for line in lines), len(lines) * _LEADING
    across = longest * math.cos(_SLANT) + deep * math.sin(_SLANT)
    upwards = longest * math.sin(_SLANT) + deep * math.cos(_SLANT)
    size = min(short * _ACROSS_LETTERS, sheet.width * _FILLED / across, sheet.height * _FILLED / 2 / upwards)
    middles = tuple((sheet.width / 2, sheet.height * height) for height in _HEIGHTS)
    return Block(lines, size, size * _LEADING, _SLANT, middles)


def _fitted(
    texts: Sequence[str], longest: int, width: Width, size: float, room: float, height: float
) -> tuple[list[str], float]:
    """Lines and the size of their letters: broken where they are too long, smaller where that is too high."""
    while True:
        lines = [line for text in texts for line in textwrap.wrap(text, longest)]
        fits = min(size, *(room / width(line) for line in lines))
        if fits >= size * 0.99 or longest <= _ACROSS_LINE:
            return lines, min(fits, height / (len(lines) * _LEADING))
        longest -= 16
