"""Who may keep which breach register, and write to whom (UU 27/2022 art. 46)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from auth.roles import WHOLE_SITE
from auth.verdict import ALLOWED, Refused, Verdict

TELL_WITHIN = timedelta(hours=72)
"""Real hours from when it was noticed, to the persons and to the authority."""


class BreachFact(Protocol):
    @property
    def agency_id(self) -> str: ...
    @property
    def closed_at(self) -> datetime | None: ...


def judge_scope(role: str, own_agency: str, of_agency: str) -> Verdict:
    """A data protection officer looks at what the own agency did; who is over the site at what anybody did."""
    return ALLOWED if role in WHOLE_SITE or of_agency == own_agency else Refused("breach_scope")


def judge_register(breach: BreachFact | None, role: str, own_agency: str) -> Verdict:
    """Another agency's register is told like one that does not exist."""
    if breach is None or (breach.agency_id != own_agency and role not in WHOLE_SITE):
        return Refused("breach_unknown")
    return ALLOWED


def judge_open(breach: BreachFact | None) -> Verdict:
    return Refused("breach_closed") if breach is not None and breach.closed_at else ALLOWED
