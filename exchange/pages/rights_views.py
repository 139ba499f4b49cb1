"""What the pages about rights are told; the rules of ``views.py`` hold. ``here`` is the address of Jejak Data Saya."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from exchange.pages.views import LiveConsent, Site


@dataclass(frozen=True, slots=True)
class Clock:
    """A recipient that has to stop. ``answer`` is the code of its answer, empty while it is owed; ``late`` once the deadline is over."""

    number: str
    agency: str
    kind: str
    reference: str
    received_at: datetime
    deadline: datetime
    answer: str
    article: str
    late: bool


@dataclass(frozen=True, slots=True)
class CaseLine:
    """``state`` is open, answered or closed; ``outcome`` a code, empty while there is none. ``effective_at``: of an erasure that was granted."""

    case_id: str
    number: str
    kind: str
    agency: str
    opened_at: datetime
    deadline: datetime
    state: str
    outcome: str
    late: bool
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwnRights:
    """The part of Jejak Data Saya that is about rights: what waits, and for whom."""

    here: str
    clocks: tuple[Clock, ...] = ()
    cases: tuple[CaseLine, ...] = ()
    frozen: tuple[LiveConsent, ...] = ()


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """``agencies`` are (id, name); ``agency`` and ``year`` what is chosen, empty for all; ``query`` says both for an address."""

    agencies: tuple[tuple[str, str], ...]
    years: tuple[str, ...]
    agency: str
    year: str
    query: str


@dataclass(frozen=True, slots=True)
class RightsMenu:
    site: Site
    csrf: str
    rights: OwnRights


@dataclass(frozen=True, slots=True)
class RightsForm:
    """One right: ``targets`` are (value, words) to choose from; where there is one only it is ``about``, shown and not asked.
    ``error`` is target, reason or text.
    """

    site: Site
    csrf: str
    here: str
    kind: str
    targets: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str], ...]
    text: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RightsDone:
    """The receipt of what was asked; ``frozen`` is how many consents were frozen."""

    site: Site
    here: str
    kind: str
    cases: tuple[CaseLine, ...]
    frozen: int


@dataclass(frozen=True, slots=True)
class CasePage:
    """``frozen`` is the consent that waits for the citizen's word."""

    site: Site
    csrf: str
    here: str
    case: CaseLine
    reason: str
    text: str
    answer: str
    offers_thaw: bool
    frozen: LiveConsent | None
