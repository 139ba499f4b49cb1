"""What the public page that checks receipts is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from exchange.pages.views import Site

VerifyWord = Literal["genuine", "changed", "withdrawn", "unknown"]
VerifyState = Literal["valid", "over", "nothing_allowed"]


@dataclass(frozen=True, slots=True)
class VerifyAsk:
    """The public page that checks a receipt. ``nothing`` was sent; or what was sent is ``too_large``."""

    site: Site
    error: Literal["nothing", "too_large"] | None = None


@dataclass(frozen=True, slots=True)
class VerifyAnswer:
    """One word, and nothing about a person or a paper. ``agency``, ``service`` and ``decided_on`` where it is genuine or withdrawn,
    ``state`` where it is genuine: may papers be read with it now? ``copied_on`` where the code stands on a copy of a paper,
    ``delivered_on`` where the file is the receipt of a delivery.
    """

    site: Site
    word: VerifyWord
    by_code: bool = False
    agency: str = ""
    service: str = ""
    decided_on: date | None = None
    state: VerifyState | None = None
    copied_on: date | None = None
    delivered_on: date | None = None
