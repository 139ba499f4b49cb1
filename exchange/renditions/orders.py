"""What a copy shall look like, and what kept it from being made. Loads nothing: the service's own process uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
# What a paper may be at most to be copied: more is no paper that a counter scanned.
SOURCE_LIMIT_BYTES = 25_000_000
PAGE_LIMIT = 50

Manner = Literal["stamped", "burned_in", "redacted"]


class NotRenderable(Exception):
    """No copy can be made of this file; ``reason`` is one word of ours and never something out of the file."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Mark:
    """What is printed on every page: ``purpose`` (for what, where), ``issue`` (day and number) and ``code`` (with where to ask).

    ``short`` repeats day, number and code across the page, where no edge can be cut off.
    """

    purpose: str
    issue: str
    code: str
    short: str


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in fractions of the page as it is shown, from its upper left corner; pages count from 1."""

    page: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Order:
    """``hidden`` is covered, but for ``shown``; ``others`` is covered whatever else is said. Only for a redacted copy, where
    a page without ``hidden`` is covered whole: nobody has said what stands on it.
    """

    manner: Manner
    media_type: str
    mark: Mark
    hidden: tuple[Region, ...] = ()
    shown: tuple[Region, ...] = ()
    others: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    content: bytes
    media_type: str
