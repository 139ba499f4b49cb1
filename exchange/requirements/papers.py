"""Judges one paper against one entry: is it valid, the copy to be replaced, stale or expired?"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date

from exchange.requirements.catalogue import Catalogue, DocumentType, Requirement


@dataclass(frozen=True, slots=True)
class Paper:
    """Metadata of the current version of a document on file."""

    document_id: str
    version: int
    type: str
    subject_ref: str
    issued_on: date | None = None
    valid_until: date | None = None
    tax_year: int | None = None
    level: str | None = None
    background: str | None = None
    stale_event: str | None = None
    provenance: str = "scan"


@dataclass(frozen=True, slots=True)
class JudgedPaper:
    paper: Paper
    state: str
    reason: str | None
    valid_until: date | None


def judged_paper(
    paper: Paper, document_type: DocumentType, requirement: Requirement, *, replaced: bool, today: date
) -> JudgedPaper:
    """``replaced``: the service makes a new copy of this type, so the held one may be old (reading "the old copy")."""
    until = _valid_until(paper, document_type, requirement)
    reason = _unfit(paper, requirement)
    if reason is not None:
        return JudgedPaper(paper, "missing", reason, until)
    state, reason = _freshness(paper, document_type, requirement, until, today)
    if state != "valid" and replaced and not requirement.must_be_valid:
        return JudgedPaper(paper, "old_copy", reason, until)
    return JudgedPaper(paper, state, reason, until)


def stale_types(catalogue: Catalogue, event: str) -> frozenset[str]:
    """The types whose held copies an event makes stale."""
    return frozenset(code for code, kind in catalogue.document_types.items() if event in kind.changes_on)


def add_months(day: date, months: int) -> date:
    """The same day of the month, or its last day (31 January + 1 month = 28 February)."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _unfit(paper: Paper, requirement: Requirement) -> str | None:
    """Attributes that the entry asks for; an unknown attribute is not the right one."""
    if requirement.levels and paper.level not in requirement.levels:
        return "other_level"
    if requirement.background and paper.background != requirement.background:
        return "other_background"
    return None


def _valid_until(paper: Paper, document_type: DocumentType, requirement: Requirement) -> date | None:
    """The last day on which the paper serves this entry; None when no date limits it."""
    if requirement.max_age_months is not None:
        # The receiver's window replaces the type's own life.
        return add_months(paper.issued_on, requirement.max_age_months) if paper.issued_on else None
    kind = document_type.validity.kind
    if kind == "months" and paper.issued_on and document_type.validity.months:
        return paper.valid_until or add_months(paper.issued_on, document_type.validity.months)
    if kind == "tax_year" and paper.tax_year:
        return date(paper.tax_year, 12, 31)
    return paper.valid_until


def _freshness(
    paper: Paper, document_type: DocumentType, requirement: Requirement, until: date | None, today: date
) -> tuple[str, str | None]:
    if paper.stale_event is not None:
        return "stale", paper.stale_event
    if requirement.max_age_months is not None and paper.issued_on is None:
        return "unverified", "issue_date_unknown"
    if requirement.tax_year == "current" and paper.tax_year != today.year:
        return "expired", "other_tax_year"
    if until is not None and today > until:
        return "expired", "too_old" if requirement.max_age_months else "expired"
    if document_type.validity.kind == "printed_expiry" and until is None and requirement.must_be_valid:
        return "unverified", "expiry_unknown"
    return "valid", None
