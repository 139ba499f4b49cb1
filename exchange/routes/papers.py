"""Officers and agencies' back ends: the request for consent, the ticket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from auth.callers import Caller
from auth.scopes import TICKETS
from exchange.answers import access_text, agency_code, limits_of, parties_meant
from exchange.deps import Wired, clock, today_at
from exchange.errors import ProblemRaised
from exchange.flows import ask_consent, issue_ticket
from exchange.holdings import misnamed
from exchange.machine import officer_or_machine
from exchange.pages import qr_svg
from exchange.schemas import Answers, Parties, Reference, RequestId, Strict

router = APIRouter(prefix="/v1", tags=["Agency"])

Asker = Annotated[Caller, Depends(officer_or_machine("consents.request"))]
TicketTaker = Annotated[Caller, Depends(officer_or_machine(TICKETS))]


class RequestIn(Strict):
    subject_ref: Reference
    service: str = Field(max_length=60)
    application_no: str | None = Field(default=None, max_length=60, pattern=r"^[0-9A-Za-z/_. -]+$")
    documents: list[str] | None = Field(default=None, max_length=50)
    channel: Literal["qr", "sms", "whatsapp", "email"] = "qr"
    valid_until: datetime | None = None
    answers: Answers = Field(default_factory=dict)
    parties: Parties = Field(default_factory=dict)


class TicketIn(Strict):
    consent_id: str = Field(max_length=40)
    documents: list[str] | None = Field(default=None, max_length=50)


@router.post(
    "/consent-requests", status_code=201, operation_id="requestConsent", summary="Ask a citizen for consent"
)
async def request_consent(parts: Wired, caller: Asker, body: RequestIn) -> dict[str, Any]:
    """An officer, or a client with `consents.request`. Covers exactly what the service requires; ``documents`` only chooses among alternatives (BK-2031)."""
    if errors := misnamed(parts.catalogue, body.answers, body.parties):
        raise ProblemRaised("BK-2001", errors=errors)
    now = clock()
    settings = parts.settings
    life_s = settings.request_life_counter_s if body.channel == "qr" else settings.request_life_message_s
    asked = await ask_consent.ask(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        parts.catalogue,
        caller=caller,
        where=ask_consent.Place(parts.site_name, parts.zone, agency_code(caller.agency_id)),
        wanted=ask_consent.Wanted(
            subject_ref=parts.keyring.meant(caller.agency_id, body.subject_ref),
            service=body.service,
            channel=body.channel,
            application_no=body.application_no,
            documents=body.documents,
            answers=body.answers,
            parties=parties_meant(parts, caller, body.parties),
        ),
        limits=limits_of(parts),
        life=timedelta(seconds=life_s),
        valid_until=_until(body.valid_until, now, settings.consent_life_days),
        origin=settings.origin,
        today=today_at(parts.zone),
        now=now,
    )
    request = asked.request
    return {
        "id": request.id,
        "link": asked.link,
        "pairing_code": request.pairing_code,
        "qr": qr_svg(asked.link),
        "expires_at": request.expires_at.isoformat(),
        "state": request.state,
        "items": [{"path": item.path, "type": item.type} for item in asked.items],
    }


@router.get(
    "/consent-requests/{request_id}", operation_id="getConsentRequest", summary="How a request stands"
)
async def consent_request(
    parts: Wired, caller: Asker, request_id: RequestId, request: Request, response: Response
) -> Any:
    """The asking agency only. ``If-None-Match`` answers 304 while nothing changed."""
    found = await ask_consent.state_of(
        parts.database, parts.keyring, parts.appender, caller=caller, request_id=request_id, now=clock()
    )
    etag = f'"{found.state}-{found.consent_id or ""}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-store"
    items = await ask_consent.items_shown(parts.database, found)
    return {
        "id": found.id,
        "state": found.state,
        "service": found.service,
        "expires_at": found.expires_at.isoformat(),
        "items": items,
        "consent_id": found.consent_id if found.state in {"granted", "partial", "withdrawn"} else None,
    }


@router.post(
    "/tickets", status_code=201, operation_id="issueTicket", summary="Turn a live consent into a ticket"
)
async def issue_ticket_(
    parts: Wired, caller: TicketTaker, body: TicketIn, response: Response
) -> dict[str, Any]:
    """An officer, or a client with `tickets.issue`. At most 5 minutes, bound to the session or to the client's key; each document
    once.
    """
    issued = await issue_ticket.issue(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        caller=caller,
        consent_id=body.consent_id,
        documents=body.documents,
        life_s=parts.settings.ticket_life_s,
        limits=limits_of(parts),
        notice=access_text(parts, caller),
        now=clock(),
    )
    response.headers["Cache-Control"] = "no-store"
    return {
        "ticket": issued.token,
        "expires_in": issued.expires_in_s,
        "documents": [
            {
                "document_id": row.document_id,
                "version": row.version,
                "type": row.type,
                "sha256": row.sha256,
                "size": row.size,
                "media_type": row.media_type,
                "rendition": "original",
                "content_url": f"/v1/documents/{row.document_id}/versions/{row.version}/content",
            }
            for row in issued.versions
        ],
    }


def _until(wanted: datetime | None, now: datetime, life_days: int) -> datetime:
    latest = now + timedelta(days=life_days)
    if wanted is None:
        return latest
    if wanted.tzinfo is None or not now < wanted <= latest:
        raise ProblemRaised("BK-2001", errors=[{"pointer": "/valid_until", "code": "out_of_range"}])
    return wanted
