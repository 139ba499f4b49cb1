"""The auditor's pages: from what was typed to what is wanted, from entries to lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from auth.callers import Officer
from exchange.answers import agency_code, short_names, site_of
from exchange.auditing import ALLOWED_ONLY, REFUSED_ONLY, Wanted
from exchange.deps import Parts
from exchange.entry_kinds import KINDS
from exchange.flows.audit_entries import Found
from exchange.flows.export_evidence import AuditExport
from exchange.pages.audit import AskedExport, AuditFind, AuditFound, FoundEntry, Told
from exchange.problems import Problem
from exchange.schemas import AgencyId, Assignment, OfficerId, Reference

FIELDS = ("assignment", "citizen", "officer", "agency", "since", "until", "kind", "allowed")
"""Of the form, but the NIK: it is turned into a reference and goes no further."""
LOOKED_BACK = timedelta(days=31)
_FITS: dict[str, TypeAdapter[str]] = {
    "assignment": TypeAdapter(Assignment),
    "citizen": TypeAdapter(Reference),
    "officer": TypeAdapter(OfficerId),
    "agency": TypeAdapter(AgencyId),
}


def wrong_field(form: Mapping[str, str]) -> str | None:
    """The first field whose text is none; empty fields but the assignment are fit."""
    for name, kind in _FITS.items():
        if form[name] or name == "assignment":
            try:
                kind.validate_python(form[name])
            except ValidationError:
                return name
    for name in ("since", "until"):
        if form[name] and _day(form[name]) is None:
            return name
    if form["kind"] and form["kind"] not in KINDS:
        return "kind"
    return None if form["allowed"] in {"", "yes", "no"} else "allowed"


def wanted_of(parts: Parts, officer: Officer, form: Mapping[str, str], now: datetime) -> Wanted:
    """Days are the site's, the last one too; the last 31 days unless said otherwise."""
    zone = ZoneInfo(parts.zone)
    since, until = _day(form["since"]), _day(form["until"])
    to_at = datetime.combine(until + timedelta(days=1), time(), zone) if until else now
    from_at = datetime.combine(since, time(), zone) if since else to_at - LOOKED_BACK
    citizen = form["citizen"]
    return Wanted(
        from_at,
        to_at,
        form["assignment"].strip(),
        subject_ref=parts.keyring.meant(officer.agency_id, citizen) if citizen else "",
        officer_id=form["officer"],
        agency_id=form["agency"],
        type=form["kind"],
        outcome={"yes": ALLOWED_ONLY, "no": REFUSED_ONLY}.get(form["allowed"], ""),
    )


def find_page(
    parts: Parts,
    officer: Officer,
    csrf: str,
    exports: list[AuditExport],
    form: Mapping[str, str],
    error: Told | None = None,
) -> str:
    asked = tuple(
        AskedExport(
            row.id, row.assignment, row.of_agency, row.from_at, row.to_at, row.state, row.requested_by == officer.id
        )
        for row in exports
    )  # fmt: skip
    view = AuditFind(site_of(parts), csrf, officer.name, agency_code(officer.agency_id), form, asked, error)
    return parts.pages.audit_find(view)


def found_page(parts: Parts, csrf: str, form: Mapping[str, str], found: Found) -> str:
    entries = tuple(_line(parts, entry) for entry in found.entries)
    view = AuditFound(site_of(parts), csrf, form, entries, found.next, found.erased, found.log.size)
    return parts.pages.audit_found(view)


def told(parts: Parts, problem: Problem) -> Told:
    if parts.pages.language == "en":
        return Told(problem.code, problem.title_en, problem.remedy_en)
    return Told(problem.code, problem.title, problem.remedy)


def _line(parts: Parts, entry: Mapping[str, Any]) -> FoundEntry:
    result = entry["result"]
    types = entry.get("document_types") or entry.get("granted") or [entry.get("document_type")]
    return FoundEntry(
        index=entry["index"],
        at=datetime.fromisoformat(entry["t"]),
        kind=entry["type"],
        act=str(entry.get("act") or ""),
        allowed=result["allowed"],
        reason=result.get("reason") or "",
        actor=entry["actor"],
        agency=str(entry.get("agency") or ""),
        counter=str(entry.get("counter") or ""),
        citizen=entry["subject_ref"] or "",
        service=str(entry.get("service") or ""),
        basis=str(entry.get("lawful_basis") or ""),
        documents=tuple(short_names(parts, [one for one in types if one])),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
