"""What the minutes of a destruction are told (UU 43/2009; UU 27/2022 art. 44; L26, L52). No citizen is named or numbered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from exchange.pages.views import Site


@dataclass(frozen=True, slots=True)
class MinutedVersion:
    version: int
    sha256: str


@dataclass(frozen=True, slots=True)
class MinutedPaper:
    """``reason`` is unused or superseded, ``months`` the period; ``state`` proposed, destroyed or left_out, with ``why`` as a reason code."""

    document_id: str
    name: str
    reason: str
    months: int
    last_used_at: datetime
    versions: tuple[MinutedVersion, ...]
    state: str
    why: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Minutes:
    """``state`` is open, approved, rejected or done; officers by name. ``effective_at``: when the last backup is gone that could still
    open what was destroyed.
    """

    site: Site
    agency: str
    number: str
    until: datetime
    state: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str
    decided_at: datetime | None
    finished_at: datetime | None
    effective_at: datetime | None
    papers: tuple[MinutedPaper, ...]

    @property
    def destroyed(self) -> tuple[MinutedPaper, ...]:
        return tuple(paper for paper in self.papers if paper.state == "destroyed")

    @property
    def left_out(self) -> tuple[MinutedPaper, ...]:
        return tuple(paper for paper in self.papers if paper.state == "left_out")

    @property
    def waiting(self) -> tuple[MinutedPaper, ...]:
        return tuple(paper for paper in self.papers if paper.state == "proposed")
