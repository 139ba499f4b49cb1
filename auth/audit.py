"""Who may look at whose acts (UU 27/2022 art. 47, 53; N03): an inspectorate at all of the site, an agency's own supervisors at the
agency's. What leaves the house as evidence takes two persons.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from auth.roles import AUDIT, WHOLE_SITE, judge_right, judge_second_person
from auth.verdict import ALLOWED, Refused, Verdict

OPEN_FOR = timedelta(hours=24)
"""An export that was asked for waits so long for a second person, and may be taken so long after the approval."""


class ExportFact(Protocol):
    @property
    def requested_by(self) -> str: ...
    @property
    def requested_at(self) -> datetime: ...
    @property
    def of_agency(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def decided_at(self) -> datetime | None: ...


def judge_scope(role: str, own_agency: str, of_agency: str) -> Verdict:
    """``of_agency`` empty: everybody's acts. Another agency reads the same whether it is there or not."""
    return ALLOWED if role in WHOLE_SITE or of_agency == own_agency else Refused("audit_scope")


def judge_reach(export: ExportFact | None, role: str, own_agency: str) -> Verdict:
    """An export of other agencies' acts is told like one that does not exist."""
    if export is None or not judge_scope(role, own_agency, export.of_agency).allowed:
        return Refused("export_unknown")
    return ALLOWED


def judge_decision(export: ExportFact, by: str, now: datetime, *, approve: bool) -> Verdict:
    """Another person than asked approves it; who asked may take it back."""
    if export.state != "open" or now - export.requested_at > OPEN_FOR:
        return Refused("export_closed")
    return judge_second_person(export.requested_by, by) if approve else ALLOWED


def judge_asker(role: str) -> Verdict:
    """The first person's role as it stands when the second one approves."""
    return judge_right(role, AUDIT)


def judge_taking(export: ExportFact, by: str, now: datetime) -> Verdict:
    """Who asked for it takes it, while the approval is fresh."""
    if export.requested_by != by:
        return Refused("export_unknown")
    fresh = export.decided_at is not None and now - export.decided_at <= OPEN_FOR
    return ALLOWED if export.state == "approved" and fresh else Refused("export_closed")
