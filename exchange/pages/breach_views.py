"""What a letter about a breach is told (UU 27/2022 art. 46)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from exchange.pages.views import Site


@dataclass(frozen=True, slots=True)
class BreachLetter:
    """The written notice of UU 27/2022 art. 46: to a person (``name``) or to the authority (``authority``, name and address; ``persons`` were
    told so far). ``data``, ``how`` and ``handling`` are the three things that it must say.
    """

    site: Site
    agency: str
    reference: str
    written_at: datetime
    noticed_at: datetime
    from_at: datetime
    to_at: datetime
    data: str
    how: str
    handling: str
    name: str = ""
    authority: str = ""
    persons: int = 0
