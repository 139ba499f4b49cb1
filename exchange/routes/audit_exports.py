"""Auditors: entries leave the house as evidence, which takes two persons (A63)."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from exchange.answers import keys_of, limits_of
from exchange.auditing import ALLOWED_ONLY, REFUSED_ONLY, Wanted
from exchange.deps import CurrentOfficer, Wired, clock, current_officer
from exchange.errors import ProblemRaised
from exchange.flows import export_evidence
from exchange.flows.export_evidence import AuditExport
from exchange.pages.wording import local
from exchange.schemas import AgencyId, Assignment, AuditExportId, EntryType, OfficerId, Reference, Strict

router = APIRouter(prefix="/v1/audit/exports", tags=["Auditor"], dependencies=[Depends(current_officer)])


class ExportIn(Strict):
    """As in ``findEntries``; the period is named here."""

    assignment: Assignment
    from_at: AwareDatetime = Field(alias="from")
    to_at: AwareDatetime = Field(alias="to")
    citizen: Reference | None = None
    officer: OfficerId | None = None
    agency: AgencyId | None = None
    type: EntryType | None = None
    allowed: Literal["yes", "no"] | None = None


@router.post("", status_code=201, operation_id="askForEvidence", summary="Ask for entries as evidence")
async def ask(parts: Wired, officer: CurrentOfficer, body: ExportIn) -> dict[str, Any]:
    """Who may find entries, with a second factor. Waits for another person's approval, a day at most; a period of more than 50,000 entries is
    refused (BK-2143). About one citizen each step stands on their trail.
    """
    if not body.from_at < body.to_at:
        raise ProblemRaised("BK-2001", errors=[{"pointer": "/to", "code": "before_from"}])
    wanted = Wanted(
        body.from_at,
        body.to_at,
        body.assignment,
        subject_ref=parts.keyring.meant(officer.agency_id, body.citizen) if body.citizen else "",
        officer_id=body.officer or "",
        agency_id=body.agency or "",
        type=body.type or "",
        outcome={"yes": ALLOWED_ONLY, "no": REFUSED_ONLY}.get(body.allowed or "", ""),
    )
    row = await export_evidence.ask(
        parts.database,
        parts.keyring,
        parts.appender,
        wanted=wanted,
        by=officer,
        limits=limits_of(parts),
        now=clock(),
    )
    return shown_export(row)


@router.get("", operation_id="listEvidence", summary="What was asked for as evidence")
async def list_exports(parts: Wired, officer: CurrentOfficer) -> dict[str, Any]:
    """Who may find entries: the newest hundred about the own agency's acts, or all. Citizens are not named."""
    rows = await export_evidence.list_exports(parts.database, parts.keyring, parts.appender, by=officer)
    return {"exports": [shown_export(row) for row in rows]}


@router.post("/{export_id}/approval", operation_id="approveEvidence", summary="Approve an export of evidence")
async def approve(parts: Wired, officer: CurrentOfficer, export_id: AuditExportId) -> dict[str, Any]:
    """Another person than asked, who may look at the same entries, with a second factor."""
    return await _decided(parts, officer, export_id, approve=True)


@router.post("/{export_id}/rejection", operation_id="rejectEvidence", summary="Reject an export of evidence")
async def reject(parts: Wired, officer: CurrentOfficer, export_id: AuditExportId) -> dict[str, Any]:
    """Whoever may look at the same entries; who asked may take it back."""
    return await _decided(parts, officer, export_id, approve=False)


@router.get(
    "/{export_id}/archive",
    operation_id="takeEvidence",
    summary="Take evidence that was approved",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "A ZIP archive, streamed"}},
)
async def take(parts: Wired, officer: CurrentOfficer, export_id: AuditExportId) -> Response:
    """Who asked for it, within 24 hours of the approval. `entries/INDEX.tlog-proof` for each entry, `checkpoint`, `log-vkeys`,
    `jwks-archive.json`, `index.csv`, `README`. The entries are opened for who is over the whole site; an agency gets the 33 bytes that stand in
    the public log, beside the list.
    """
    now = clock()
    taken = await export_evidence.take(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.publisher,
        export_id=export_id,
        by=officer,
        limits=limits_of(parts),
        now=now,
    )
    pieces = export_evidence.as_zip(
        parts.database,
        parts.keyring,
        taken,
        keys=await keys_of(parts),
        site=parts.site_name,
        at=local(now, parts.zone),
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{export_id}.zip"',
        "X-Robots-Tag": "noindex",
    }
    return StreamingResponse(pieces, headers=headers, media_type="application/zip")


async def _decided(parts: Wired, officer: CurrentOfficer, export_id: str, *, approve: bool) -> dict[str, Any]:
    row = await export_evidence.decide(
        parts.database,
        parts.keyring,
        parts.appender,
        export_id=export_id,
        approve=approve,
        by=officer,
        limits=limits_of(parts),
        now=clock(),
    )
    return shown_export(row)


def shown_export(row: AuditExport) -> dict[str, Any]:
    return {
        "id": row.id,
        "asked_by_agency": row.agency_id,
        "agency": row.of_agency or None,
        "about_one_citizen": bool(row.subject_ref),
        "officer": row.officer_id or None,
        "type": row.type or None,
        "outcome": row.outcome or None,
        "from": row.from_at.isoformat(),
        "to": row.to_at.isoformat(),
        "assignment": row.assignment,
        "requested_by": row.requested_by,
        "requested_at": row.requested_at.isoformat(),
        "state": row.state,
        "decided_by": row.decided_by or None,
    }
