"""Judges one paper against one entry: valid, the copy to be replaced, stale, expired or unverified."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date

from exchange.requirements.catalogue import Catalogue, DocumentType, Requirement


@dataclass(frozen=True, slots=True)
class Paper:
    """Metadata of the current version of a document on file. ``about`` is the keyed hash of a plate or a parcel; ``quarantined``: the
    stored copy is damaged, so that the paper must be taken in anew.
    """

    document_id: str
    version: int
    type: str
    subject_ref: str
    issued_on: date | None = None
    valid_until: date | None = None
    tax_year: int | None = None
    level: str | None = None
    background: str | None = None
    about: str | None = None
    stale_event: str | None = None
    provenance: str = "scan"
    taken_by: str = ""
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class JudgedPaper:
    """``valid_until`` is the last day on which the paper serves this entry; None when no date limits it."""

    paper: Paper
    state: str
    reason: str | None
    valid_until: date | None


_Fault = tuple[str, str]


def judged_paper(
    paper: Paper, document_type: DocumentType, requirement: Requirement, *, replaced: bool, today: date
) -> JudgedPaper:
    """``replaced``: the service makes a new copy of this type, so the held one may be old (reading "the old copy").

    That forgives staleness and the end of the paper's own life. What the entry itself asks (a window, the tax year,
    ``must_be_valid``) is not forgiven: a SKCK may be renewed for 18 months, not for ever.
    """
    if reason := _unfit(paper, document_type, requirement):
        return JudgedPaper(paper, "missing", reason, None)
    window = _window(paper, requirement)
    ends = (
        None
        if requirement.max_age_months and not requirement.must_be_valid
        else _own_end(paper, document_type)
    )
    until = min((day for day in (window, ends) if day is not None), default=None)
    asked = _asked(paper, document_type, requirement, window, today)
    own = _stale(paper) or asked or _life(document_type, requirement, ends, today)
    if own is None:
        return JudgedPaper(paper, "valid", None, until)
    state, reason = own
    if replaced and not requirement.must_be_valid:
        state, reason = asked or ("old_copy", reason)
    return JudgedPaper(paper, state, reason, until)


def stale_types(catalogue: Catalogue, event: str) -> frozenset[str]:
    """The types whose held copies an event makes stale."""
    return frozenset(code for code, kind in catalogue.document_types.items() if event in kind.changes_on)


def add_months(day: date, months: int) -> date:
    """The same day of the month, or its last day (31 January + 1 month = 28 February)."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _unfit(paper: Paper, document_type: DocumentType, requirement: Requirement) -> str | None:
    """A stored copy that cannot be served, or an attribute that the entry asks of this type; an unknown attribute is not the right one."""
    if paper.quarantined:
        return "quarantined"
    if requirement.levels and document_type.levels and paper.level not in requirement.levels:
        return "other_level"
    if requirement.background and "background" in document_type.attributes:
        return None if paper.background == requirement.background else "other_background"
    return None


def _window(paper: Paper, requirement: Requirement) -> date | None:
    if requirement.max_age_months is None or paper.issued_on is None:
        return None
    return add_months(paper.issued_on, requirement.max_age_months)


def _own_end(paper: Paper, document_type: DocumentType) -> date | None:
    """The end of the type's own life. A date printed on the paper may shorten a life in months, never lengthen it."""
    validity = document_type.validity
    if validity.kind == "months" and validity.months and paper.issued_on:
        counted = add_months(paper.issued_on, validity.months)
        return min(counted, paper.valid_until or counted)
    if validity.kind == "tax_year":
        return date(paper.tax_year, 12, 31) if paper.tax_year else None
    return paper.valid_until


def _stale(paper: Paper) -> _Fault | None:
    return ("stale", paper.stale_event) if paper.stale_event is not None else None


def _asked(
    paper: Paper, document_type: DocumentType, requirement: Requirement, window: date | None, today: date
) -> _Fault | None:
    """What the entry itself asks about age. An unknown date proves nothing."""
    if requirement.max_age_months is not None and window is None:
        return "unverified", "issue_date_unknown"
    if window is not None and today > window:
        return "expired", "too_old"
    yearly = document_type.validity.kind == "tax_year" and requirement.tax_year == "current"
    if yearly and paper.tax_year != today.year:
        return ("unverified", "tax_year_unknown") if paper.tax_year is None else ("expired", "other_tax_year")
    return None


def _life(
    document_type: DocumentType, requirement: Requirement, ends: date | None, today: date
) -> _Fault | None:
    """The paper's own life, where the receiver's window does not stand in its place."""
    if ends is not None:
        return ("expired", "expired") if today > ends else None
    if requirement.max_age_months is not None and not requirement.must_be_valid:
        return None
    unknown = {
        "months": "issue_date_unknown",
        "printed_expiry": "expiry_unknown",
        "tax_year": "tax_year_unknown",
    }
    reason = unknown.get(document_type.validity.kind)
    return ("unverified", reason) if reason else None
