"""Papers that stopped being good: filed under the wrong person, or overtaken by what happened in a life."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import Field, model_validator

from exchange.answers import limits_of
from exchange.deps import CurrentOfficer, Parts, Wired, clock, current_officer
from exchange.flows import mark_stale, void_paper
from exchange.flows.void_paper import Voided
from exchange.paper_notices import stale_text, void_letters
from exchange.rights_pages import number
from exchange.schemas import DocumentId, Reference, Strict, VoidId

router = APIRouter(prefix="/v1", tags=["Agency"], dependencies=[Depends(current_officer)])


class VoidIn(Strict):
    """``belongs_to``: whose paper it is, where that is known; only with `wrong_person`."""

    reason: Literal["wrong_person", "wrong_paper"]
    belongs_to: Reference | None = None

    @model_validator(mode="after")
    def _an_owner_of_another(self) -> VoidIn:
        if self.belongs_to and self.reason != "wrong_person":
            raise ValueError("an owner belongs to wrong_person")
        return self


class LifeEventIn(Strict):
    """``event`` is a value of `changes_on` (listDocumentTypes). ``documents``: only these papers, where it is about one vehicle or one
    parcel of several.
    """

    event: str = Field(max_length=40, pattern=r"^[a-z_]+$")
    happened_on: date
    documents: list[DocumentId] | None = Field(default=None, min_length=1, max_length=50)


@router.post(
    "/documents/{document_id}/versions/{version}/void", status_code=201, operation_id="reportVoid", summary="A paper was filed wrongly"
)  # fmt: skip
async def report(
    parts: Wired,
    officer: CurrentOfficer,
    document_id: DocumentId,
    version: Annotated[int, Path(ge=1, le=1_000_000)],
    body: VoidIn,
) -> dict[str, Any]:
    """An officer of the agency that took it in. From then on this version is served to nobody (BK-2119), until another officer has
    decided.
    """
    owner = parts.keyring.meant(officer.agency_id, body.belongs_to) if body.belongs_to else ""
    reported = await void_paper.report(
        parts.database,
        parts.keyring,
        parts.appender,
        document_id=document_id,
        version=version,
        wrong=void_paper.Wrong(body.reason, owner),
        by=officer,
    )
    return _shown(parts, reported)


@router.get("/voids", operation_id="listVoids", summary="Papers reported as filed wrongly")
async def list_voids(parts: Wired, officer: CurrentOfficer) -> dict[str, Any]:
    """Officers: the newest hundred of the own agency."""
    rows = await void_paper.listed(parts.database, parts.keyring, parts.appender, by=officer)
    return {"data": [_shown(parts, row) for row in rows]}


@router.post("/voids/{void_id}/confirmation", operation_id="confirmVoid", summary="Void a paper")
async def confirm(parts: Wired, officer: CurrentOfficer, void_id: VoidId) -> dict[str, Any]:
    """Another officer of the same agency. What opens the version is destroyed at once; each recipient under whose consent it was
    released has 72 hours (listWithdrawals, kind `voided`); the citizen is told, and its owner. What has to be kept by law is refused (BK-3043).
    A paper of another person that somebody read is a personal data breach: the data officer opens one (openBreach).
    """
    decided = await void_paper.confirm(
        parts.database,
        parts.keyring,
        parts.appender,
        void_id=void_id,
        by=officer,
        letters=void_letters(parts),
        now=clock(),
    )
    return _shown(parts, decided)


@router.post("/voids/{void_id}/rejection", operation_id="rejectVoid", summary="The paper is where it belongs")
async def reject(parts: Wired, officer: CurrentOfficer, void_id: VoidId) -> dict[str, Any]:
    """Any officer of the same agency, who reported it too. The version is what it was, or superseded when a newer one came in."""
    decided = await void_paper.reject(
        parts.database, parts.keyring, parts.appender, void_id=void_id, by=officer
    )
    return _shown(parts, decided)


@router.post(
    "/subjects/{ref}/life-events", operation_id="recordLifeEvent", summary="Something happened that makes papers stale"
)  # fmt: skip
async def life_event(
    parts: Wired, officer: CurrentOfficer, ref: Reference, body: LifeEventIn
) -> dict[str, Any]:
    """An officer of an agency with a service that makes a new copy of a paper which changes on this event. Copies made before that day
    are stale: readiness says so, with the event as reason. Papers whose mere existence says something are flagged and not named here.
    """
    flagged = await mark_stale.mark(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.catalogue,
        subject_ref=parts.keyring.meant(officer.agency_id, ref),
        happened=mark_stale.Happened(
            body.event, body.happened_on, frozenset(body.documents) if body.documents else None
        ),
        by=officer,
        by_code=officer.agency_code,
        notice=stale_text(parts, officer),
        limits=limits_of(parts),
        zone=parts.zone,
        now=clock(),
    )
    return {
        "event": body.event,
        "happened_on": body.happened_on.isoformat(),
        "stale": [
            {"document_id": row.document_id, "version": row.version, "type": row.type}
            for row in flagged
            if row.type not in parts.catalogue.existence_sensitive
        ],
    }


def _shown(parts: Parts, row: Voided) -> dict[str, Any]:
    def meant(reference: str) -> str:
        return parts.keyring.pseudonym(row.agency_id, reference)

    return {
        "id": row.id,
        "number": number(row.id),
        "document_id": row.document_id,
        "version": row.version,
        "type": row.document_type,
        "subject_ref": meant(row.subject_ref),
        "belongs_to": meant(row.belongs_to) if row.belongs_to else None,
        "reason": row.reason,
        "state": row.state,
        "reported_by": row.reported_by,
        "reported_at": row.reported_at.isoformat(),
        "decided_by": row.decided_by or None,
        "decided_at": row.decided_at.isoformat() if row.decided_at else None,
    }
