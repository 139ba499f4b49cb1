"""The register of deaths: what two of its officers say together ends all consents of a citizen."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from pydantic import Field

from exchange.deps import CurrentOfficer, Parts, Wired, current_officer
from exchange.flows import report_death
from exchange.flows.report_death import CERTIFICATE, DeathReported, Evidence
from exchange.rights_pages import number
from exchange.schemas import DeathReportId, DocumentId, Reference, Strict

router = APIRouter(prefix="/v1", tags=["Rights"], dependencies=[Depends(current_officer)])


class DeathIn(Strict):
    """The version of AKTA_KEMATIAN that the officer looked at."""

    document_id: DocumentId
    version: int = Field(ge=1, le=1_000_000)


@router.post(
    "/subjects/{ref}/death", status_code=201, operation_id="reportDeath", summary="Report a citizen's death"
)
async def report(parts: Wired, officer: CurrentOfficer, ref: Reference, body: DeathIn) -> dict[str, Any]:
    """An officer of the agency that issues death certificates; the certificate is on file for this citizen. Nothing ends before another
    officer confirms it.
    """
    reported = await report_death.report(
        parts.keyring,
        parts.appender,
        subject_ref=parts.keyring.meant(officer.agency_id, ref),
        evidence=Evidence(body.document_id, body.version),
        is_register=_is_register(parts, officer.agency_code),
        by=officer,
    )
    return _shown(parts, reported)


@router.get("/deaths", operation_id="listDeaths", summary="Reported deaths")
async def list_deaths(parts: Wired, officer: CurrentOfficer) -> dict[str, Any]:
    """Officers of the register: the newest hundred."""
    rows = await report_death.listed(parts.database, parts.keyring, parts.appender, by=officer)
    return {"data": [_shown(parts, row) for row in rows]}


@router.post("/deaths/{report_id}/confirmation", operation_id="confirmDeath", summary="Confirm a death")
async def confirm(parts: Wired, officer: CurrentOfficer, report_id: DeathReportId) -> dict[str, Any]:
    """Another officer of the register. All live and frozen consents of the citizen end, and those the citizen gave for others; open
    requests end; recipients have 72 hours to stop.
    """
    decided = await report_death.confirm(
        parts.database, parts.keyring, parts.appender, report_id=report_id, by=officer
    )
    return _shown(parts, decided)


@router.post("/deaths/{report_id}/rejection", operation_id="rejectDeath", summary="Reject a reported death")
async def reject(parts: Wired, officer: CurrentOfficer, report_id: DeathReportId) -> dict[str, Any]:
    """Any officer of the register, who reported it too."""
    decided = await report_death.reject(
        parts.database, parts.keyring, parts.appender, report_id=report_id, by=officer
    )
    return _shown(parts, decided)


@router.post(
    "/deaths/{report_id}/undo", operation_id="undoDeath", summary="Undo a death confirmed by mistake"
)
async def undo(parts: Wired, officer: CurrentOfficer, report_id: DeathReportId) -> dict[str, Any]:
    """Two officers of the register, one after the other. Requests are possible again; consents that ended are given anew."""
    decided = await report_death.undo(
        parts.database, parts.keyring, parts.appender, report_id=report_id, by=officer
    )
    return _shown(parts, decided)


def _is_register(parts: Parts, agency: str) -> bool:
    """By the catalogue: a service of this agency gives out death certificates."""
    return any(
        service.agency == agency and CERTIFICATE in service.output
        for service in parts.catalogue.services.values()
    )


def _shown(parts: Parts, row: DeathReported) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": number(row.id),
        "subject_ref": parts.keyring.pseudonym(row.agency_id, row.subject_ref),
        "document_id": row.document_id,
        "version": row.version,
        "sha256": row.sha256,
        "state": row.state,
        "reported_by": row.reported_by,
        "reported_at": row.reported_at.isoformat(),
        "decided_by": row.decided_by or None,
        "undo_asked_by": row.undo_by or None,
    }
