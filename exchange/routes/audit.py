"""Auditors: find and filter entries; and an officer's own (N03, M36 to M38; UU 27/2022 art. 47)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, Field

from exchange.answers import limits_of
from exchange.auditing import ALLOWED_ONLY, REFUSED_ONLY, Wanted
from exchange.deps import CurrentOfficer, Wired, clock, current_officer, today_at
from exchange.errors import ProblemRaised
from exchange.flows import audit_entries, report_semester
from exchange.flows.audit_entries import Found
from exchange.requirements.numbers import parse_nik
from exchange.schemas import AgencyId, Assignment, EntryType, OfficerId, Reference, Strict

router = APIRouter(prefix="/v1/audit", tags=["Auditor"], dependencies=[Depends(current_officer)])

LOOKED_BACK = timedelta(days=31)
_LAST_ENTRY = 2**63 - 1

From = Annotated[AwareDatetime | None, Query(alias="from")]
To = Annotated[AwareDatetime | None, Query(alias="to")]
Before = Annotated[int | None, Query(ge=1, le=_LAST_ENTRY)]


class CitizenIn(Strict):
    """A NIK is typed here and nowhere else: it stands in no address (D10)."""

    nik: str = Field(max_length=40)
    assignment: Assignment


@router.post("/citizens", operation_id="findAuditedCitizen", summary="Whose list is it, by NIK")
async def find_citizen(parts: Wired, officer: CurrentOfficer, body: CitizenIn) -> dict[str, Any]:
    """An auditor, an agency's supervisor or data protection officer, with a second factor. The reference to search by. One entry on the
    site's trail and one on the citizen's; counts as a citizen of the hour.
    """
    now = clock()
    nik = parse_nik(body.nik, birth_date=None, today=today_at(parts.zone))
    found = await audit_entries.find_citizen(
        parts.database,
        parts.keyring,
        parts.appender,
        nik=nik.number,
        wanted=Wanted(now - LOOKED_BACK, now, body.assignment),
        by=officer,
        limits=limits_of(parts),
        now=now,
    )
    return {
        "subject_ref": parts.keyring.pseudonym(officer.agency_id, found.subject_ref),
        "since": found.since.isoformat() if found.since else None,
    }


@router.get("/entries", operation_id="findEntries", summary="Find entries of the ledger")
async def find_entries(
    parts: Wired,
    officer: CurrentOfficer,
    assignment: Assignment,
    citizen: Reference | None = None,
    of_officer: Annotated[OfficerId | None, Query(alias="officer")] = None,
    agency: AgencyId | None = None,
    kind: Annotated[EntryType | None, Query(alias="type")] = None,
    allowed: Literal["yes", "no"] | None = None,
    from_at: From = None,
    to_at: To = None,
    before: Before = None,
) -> dict[str, Any]:
    """An auditor (everybody's acts), an agency's supervisor or data protection officer (the agency's acts), with a second factor. Newest
    first, of the last 31 days unless `from` says otherwise; go on with `before` = `next` until it is null: a page looks at 5,000
    entries at most and may be empty. `assignment` is the number of the letter that orders it. Acts, not papers: a citizen is
    a reference. The look is an entry of its own; about one citizen on their trail too.
    """
    now = clock()
    until = to_at or now
    wanted = Wanted(
        from_at or until - LOOKED_BACK,
        until,
        assignment,
        subject_ref=parts.keyring.meant(officer.agency_id, citizen) if citizen else "",
        officer_id=of_officer or "",
        agency_id=agency or "",
        type=kind or "",
        outcome=outcome_of(allowed),
    )
    found = await audit_entries.search(
        parts.database,
        parts.keyring,
        parts.appender,
        wanted=in_order(wanted),
        by=officer,
        limits=limits_of(parts),
        before=before,
        now=now,
    )
    return _shown(found)


@router.get("/own", operation_id="listOwnActs", summary="What was done under one's own name")
async def own_acts(
    parts: Wired, officer: CurrentOfficer, from_at: From = None, to_at: To = None, before: Before = None
) -> dict[str, Any]:
    """Any officer: the own acts of the last 31 days, newest first, refused ones and sign-ins too, so that a misused account shows. Pages as
    in `findEntries`.
    """
    now = clock()
    until = to_at or now
    own = in_order(Wanted(from_at or until - LOOKED_BACK, until, ""))
    found = await audit_entries.own_acts(
        parts.database,
        parts.keyring,
        parts.appender,
        by=officer,
        from_at=own.from_at,
        to_at=own.to_at,
        before=before,
    )
    return _shown(found)


reports = APIRouter(prefix="/v1/reports", tags=["Auditor"], dependencies=[Depends(current_officer)])


@reports.get("/semester", operation_id="reportSemester", summary="An agency's half year in numbers")
async def semester_report(
    parts: Wired,
    officer: CurrentOfficer,
    year: Annotated[int, Query(ge=2020, le=2199)],
    half: Annotated[int, Query(ge=1, le=2)],
    agency: AgencyId | None = None,
    published: Literal["yes", "no"] = "no",
) -> dict[str, Any]:
    """An auditor (any agency), an agency's supervisor or data protection officer (its own), with a second factor. Counted from the ledger as it
    stands: `log` says of which size and root it tells. `published=yes` leaves out (null) what fewer than ten persons are behind. A half year of
    more than 200,000 entries is counted by `berkas report semester` (BK-2143).
    """
    semester = report_semester.Semester(
        agency or officer.agency_id, year, half, parts.zone, open=published == "yes"
    )
    return await report_semester.report(
        parts.database,
        parts.keyring,
        parts.appender,
        semester=semester,
        by=officer,
        limits=limits_of(parts),
        now=clock(),
    )


def outcome_of(allowed: str | None) -> str:
    return {"yes": ALLOWED_ONLY, "no": REFUSED_ONLY}.get(allowed or "", "")


def in_order(wanted: Wanted) -> Wanted:
    """Raises ``ProblemRaised``."""
    if not wanted.from_at < wanted.to_at:
        raise ProblemRaised("BK-2001", errors=[{"pointer": "/to", "code": "before_from"}])
    return wanted


def _shown(found: Found) -> dict[str, Any]:
    log = {"origin": found.log.origin, "size": found.log.size, "root": found.log.root.hex()}
    return {"entries": found.entries, "next": found.next, "erased": found.erased, "log": log}
