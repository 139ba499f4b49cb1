"""Officers and agencies' back ends: the request for consent, the ticket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from auth.callers import Caller
from auth.scopes import TICKETS
from exchange.answers import access_text, agency_code, contact_rules_of, limits_of, majority_of, parties_meant
from exchange.deps import Parts, Wired, clock, today_at
from exchange.errors import ProblemRaised
from exchange.flows import ask_consent, follow_request, issue_ticket, rely_on_law
from exchange.holdings import misnamed
from exchange.machine import officer_or_machine
from exchange.notice_pages import legal_text
from exchange.pages import qr_svg
from exchange.provenance import told
from exchange.representation import Proposed
from exchange.requirements.renditions import rendition_in, told_rendition
from exchange.schemas import Answers, DocumentId, Parties, Reference, RequestId, Strict

router = APIRouter(prefix="/v1", tags=["Agency"])

Asker = Annotated[Caller, Depends(officer_or_machine("consents.request"))]
TicketTaker = Annotated[Caller, Depends(officer_or_machine(TICKETS))]


class DeciderIn(Strict):
    """Another decides. ``evidence``: papers on file that show why they may, by document id."""

    subject_ref: Reference
    relation: Literal["parent", "guardian", "curator", "power_of_attorney"]
    evidence: list[DocumentId] = Field(min_length=1, max_length=5)


class RequestIn(Strict):
    subject_ref: Reference
    service: str = Field(max_length=60)
    application_no: str | None = Field(default=None, max_length=60, pattern=r"^[0-9A-Za-z/_. -]+$")
    documents: list[str] | None = Field(default=None, max_length=50)
    channel: Literal["qr", "sms", "whatsapp", "email", "assisted"] = "qr"
    valid_until: datetime | None = None
    answers: Answers = Field(default_factory=dict)
    parties: Parties = Field(default_factory=dict)
    lawful_basis: Literal["consent", "legal_obligation", "public_task", "vital_interest"] = "consent"
    decided_by: DeciderIn | None = None


class TicketIn(Strict):
    consent_id: str = Field(max_length=40)
    documents: list[str] | None = Field(default=None, max_length=50)


@router.post(
    "/consent-requests", status_code=201, operation_id="requestConsent", summary="Ask a citizen for consent"
)
async def request_consent(parts: Wired, caller: Asker, body: RequestIn) -> dict[str, Any]:
    """An officer, or a client with `consents.request`. Covers exactly what the service requires; ``documents`` only chooses among alternatives (BK-2031).
    Below 17 a parent or guardian decides (``decided_by``; BK-2071): the link goes to them, and the consent ends by itself at 18.
    `mode` `assisted` (with `mode_reason`) has no link: the citizen has no contact or passkey that may serve as a factor yet.
    The channel `assisted` is for a citizen without a phone: no link, a slip to be read and signed, two officers (`recordAssisted`).
    """
    if errors := misnamed(parts.catalogue, body.answers, body.parties):
        raise ProblemRaised("BK-2001", errors=errors)
    if body.lawful_basis != "consent":
        return await _by_law(parts, caller, body)
    now = clock()
    settings = parts.settings
    at_counter = body.channel in ask_consent.SILENT
    life_s = settings.request_life_counter_s if at_counter else settings.request_life_message_s
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
            decided_by=_proposed(parts, caller, body.decided_by),
        ),
        limits=limits_of(parts),
        majority=majority_of(parts),
        rules=contact_rules_of(parts),
        life=timedelta(seconds=life_s),
        valid_until=_until(body.valid_until, now, settings.consent_life_days),
        origin=settings.origin,
        today=today_at(parts.zone),
        now=now,
        unassisted=settings.unassisted,
    )
    return _shown(asked)


async def _by_law(parts: Parts, caller: Caller, body: RequestIn) -> dict[str, Any]:
    """Nobody is asked: the citizen is told what is opened and which law says so."""
    now, settings = clock(), parts.settings
    relied = await rely_on_law.rely(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        parts.catalogue,
        caller=caller,
        wanted=rely_on_law.Reliance(
            subject_ref=parts.keyring.meant(caller.agency_id, body.subject_ref),
            service=body.service,
            lawful_basis=body.lawful_basis,
            application_no=body.application_no,
            documents=body.documents,
            answers=body.answers,
            parties=parties_meant(parts, caller, body.parties),
        ),
        controller=(settings.site, parts.site_name),
        limits=limits_of(parts),
        notice=legal_text(parts, caller.agency_id, body.service),
        life=timedelta(seconds=settings.request_life_message_s),
        link_life=timedelta(days=settings.trail_link_days),
        valid_until=_until(body.valid_until, now, settings.consent_life_days),
        origin=settings.origin,
        today=today_at(parts.zone),
        now=now,
    )
    return _shown(relied)


def _shown(made: ask_consent.Asked | rely_on_law.Relied) -> dict[str, Any]:
    request = made.request
    return {
        "id": request.id,
        "mode_reason": made.why,
        "link": made.link,
        "pairing_code": request.pairing_code,
        "qr": qr_svg(made.link) if made.link else None,
        "expires_at": request.expires_at.isoformat(),
        "state": request.state,
        "mode": request.mode,
        "lawful_basis": request.lawful_basis,
        "consent_id": request.consent_id,
        "items": [{"path": item.path, "type": item.type} for item in made.items],
        "valid_until": request.valid_until.isoformat(),
        "decided_by": {"relation": request.relation},
    }


@router.get(
    "/consent-requests/{request_id}", operation_id="getConsentRequest", summary="How a request stands"
)
async def consent_request(
    parts: Wired, caller: Asker, request_id: RequestId, request: Request, response: Response
) -> Any:
    """The asking agency only. ``If-None-Match`` answers 304 while nothing changed."""
    found = await follow_request.state_of(
        parts.database, parts.keyring, parts.appender, caller=caller, request_id=request_id, now=clock()
    )
    waiting = await follow_request.recorded(parts.database, found)
    etag = f'"{found.state}-{found.consent_id or ""}{waiting.get("recording", "")}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-store"
    items = await follow_request.items_shown(parts.database, found)
    return {
        "id": found.id,
        "state": found.state,
        "mode": found.mode,
        **({"awaiting": "confirmation", "recorded": waiting} if waiting else {}),
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
        rendition=rendition_in(parts.catalogue),
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
                "rendition": told_rendition(rendition),
                **told(row.provenance, row.taken_by),
                "content_url": f"/v1/documents/{row.document_id}/versions/{row.version}/content",
            }
            for row, rendition in zip(issued.versions, issued.renditions, strict=True)
        ],
    }


def _proposed(parts: Parts, caller: Caller, decider: DeciderIn | None) -> Proposed | None:
    if decider is None:
        return None
    meant = parts.keyring.meant(caller.agency_id, decider.subject_ref)
    return Proposed(meant, decider.relation, tuple(dict.fromkeys(decider.evidence)))


def _until(wanted: datetime | None, now: datetime, life_days: int) -> datetime:
    latest = now + timedelta(days=life_days)
    if wanted is None:
        return latest
    if wanted.tzinfo is None or not now < wanted <= latest:
        raise ProblemRaised("BK-2001", errors=[{"pointer": "/valid_until", "code": "out_of_range"}])
    return wanted
