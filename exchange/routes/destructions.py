"""Papers whose time is over: what is due, the list that is proposed, the approval that destroys, the minutes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, Field, model_validator

from exchange.answers import page
from exchange.deps import CurrentOfficer, Parts, Wired, clock, current_officer
from exchange.destruction_pages import minutes_page, notice_of, number, terms_of
from exchange.destructions import Told
from exchange.flows import destroy_papers, propose_destruction
from exchange.flows.propose_destruction import AT_ONCE
from exchange.schemas import DOCUMENT_ID, DestructionId, DocumentId, Strict

router = APIRouter(prefix="/v1/destructions", tags=["Rights"], dependencies=[Depends(current_officer)])


class DestructionIn(Strict):
    """Either ``until``: all that was due at that moment, at most 200 papers; or the documents by name. Neither: all that is due now."""

    until: AwareDatetime | None = None
    document_ids: list[DocumentId] | None = Field(default=None, min_length=1, max_length=AT_ONCE)

    @model_validator(mode="after")
    def _one_of_both(self) -> DestructionIn:
        if self.until is not None and self.document_ids is not None:
            raise ValueError("until or document_ids, not both")
        return self


@router.get("/due", operation_id="listDuePapers", summary="Which papers may be destroyed")
async def list_due(
    parts: Wired,
    officer: CurrentOfficer,
    response: Response,
    cursor: Annotated[str, Query(pattern=f"^({DOCUMENT_ID})?$")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """The data protection officer of the agency that answers for what is stored. Not used for as long as the catalogue says
    (`retention_months`), under no live consent, asked for by nobody, no case pending; or versions that were replaced long ago. What an order
    keeps (`legal_hold`) is shown and cannot be proposed.
    """
    due = await propose_destruction.list_due(
        parts.database,
        parts.keyring,
        parts.appender,
        terms=terms_of(parts),
        keeper=parts.settings.keeper,
        after=cursor,
        limit=limit,
        by=officer,
        now=clock(),
    )
    data = [
        {
            "document_id": paper.document_id,
            "type": paper.type,
            "subject_ref": parts.keyring.pseudonym(officer.agency_id, paper.subject_ref),
            "reason": paper.reason,
            "retention_months": terms_of(parts).of(paper.type, paper.reason),
            "last_used_at": paper.last_used_at.isoformat(),
            "versions": [
                {
                    "version": row.version,
                    "sha256": row.sha256,
                    "media_type": row.media_type,
                    "size": row.size,
                }
                for row in rows
            ],
            "legal_hold": bool(paper.legal_hold),
        }
        for paper, rows in due.papers
    ]
    after = data[-1]["document_id"] if len(data) == limit else None
    if after:
        response.headers["Link"] = f'</v1/destructions/due?limit={limit}&cursor={after}>; rel="next"'
    return {"total": due.total, "data": data, "next_cursor": after}


@router.post("", status_code=201, operation_id="proposeDestruction", summary="Propose what is destroyed")
async def propose(parts: Wired, officer: CurrentOfficer, body: DestructionIn) -> dict[str, Any]:
    """The data protection officer, with a second factor. Nothing is destroyed before another person approves it."""
    told = await propose_destruction.propose(
        parts.database,
        parts.keyring,
        parts.appender,
        terms=terms_of(parts),
        keeper=parts.settings.keeper,
        until=body.until,
        document_ids=list(dict.fromkeys(body.document_ids)) if body.document_ids else None,
        by=officer,
        now=clock(),
    )
    return _shown(parts, told)


@router.get("/{destruction_id}", operation_id="getDestruction", summary="A destruction and its papers")
async def get_destruction(
    parts: Wired, officer: CurrentOfficer, destruction_id: DestructionId
) -> dict[str, Any]:
    """The data protection officer and the administrator of the agency that answers for what is stored."""
    return _shown(parts, await _looked_at(parts, officer, destruction_id))


@router.get(
    "/{destruction_id}/minutes",
    operation_id="printMinutes",
    summary="The minutes, to be printed and signed",
    response_class=HTMLResponse,
)
async def print_minutes(parts: Wired, officer: CurrentOfficer, destruction_id: DestructionId) -> Response:
    """Berita acara pemusnahan; before it is done, the list that waits for approval. No citizen is named."""
    return page(parts, None, minutes_page(parts, await _looked_at(parts, officer, destruction_id)))


@router.post(
    "/{destruction_id}/approval", operation_id="approveDestruction", summary="Destroy what was proposed"
)
async def approve(parts: Wired, officer: CurrentOfficer, destruction_id: DestructionId) -> dict[str, Any]:
    """Another data protection officer, or the agency's administrator, with a second factor. Every paper is judged anew: what is used again,
    has to be kept or is asked about is left out, with the reason. Interrupted, it goes on when it is approved again.
    """
    told = await destroy_papers.approve(
        parts.database,
        parts.keyring,
        parts.appender,
        destruction_id=destruction_id,
        terms=terms_of(parts),
        keeper=parts.settings.keeper,
        notice=notice_of(parts),
        backups=timedelta(days=parts.settings.backup_retention_days),
        by=officer,
        now=clock(),
    )
    return _shown(parts, told)


@router.post("/{destruction_id}/rejection", operation_id="rejectDestruction", summary="Destroy nothing of it")
async def reject(parts: Wired, officer: CurrentOfficer, destruction_id: DestructionId) -> dict[str, Any]:
    """Whoever may approve, and who proposed it, as long as nobody has approved."""
    told = await destroy_papers.reject(
        parts.database,
        parts.keyring,
        parts.appender,
        destruction_id=destruction_id,
        keeper=parts.settings.keeper,
        by=officer,
    )
    return _shown(parts, told)


async def _looked_at(parts: Parts, officer: CurrentOfficer, destruction_id: str) -> Told:
    return await destroy_papers.look(
        parts.database,
        parts.keyring,
        parts.appender,
        destruction_id=destruction_id,
        keeper=parts.settings.keeper,
        by=officer,
    )


def _shown(parts: Parts, told: Told) -> dict[str, Any]:
    row = told.destruction
    return {
        "id": row.id,
        "number": number(row.id),
        "agency": row.agency_id,
        "state": row.state,
        "until": row.until.isoformat(),
        "proposed_by": row.proposed_by,
        "proposed_at": row.proposed_at.isoformat(),
        "decided_by": row.decided_by or None,
        "decided_at": _moment(row.decided_at),
        "finished_at": _moment(row.finished_at),
        "effective_at": _moment(row.effective_at),
        "papers": [
            {
                "document_id": paper.document_id,
                "type": paper.type,
                "subject_ref": parts.keyring.pseudonym(row.agency_id, paper.subject_ref),
                "reason": paper.reason,
                "retention_months": paper.months,
                "last_used_at": paper.last_used_at.isoformat(),
                "versions": json.loads(paper.versions),
                "state": paper.state,
                "left_out_because": paper.why or None,
                "at": _moment(paper.at),
            }
            for paper in told.papers
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
