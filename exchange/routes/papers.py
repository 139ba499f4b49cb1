"""Officers and papers: one copy in, the request for consent, the ticket."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from starlette.requests import ClientDisconnect

from exchange import uploads
from exchange.answers import access_text
from exchange.deps import CurrentOfficer, Parts, Wired, clock, current_officer, today_at
from exchange.errors import ProblemRaised
from exchange.flows import ask_consent, issue_ticket, take_in
from exchange.holdings import is_own_nik, misnamed
from exchange.pages import qr_svg
from exchange.requirements.catalogue import DocumentType
from exchange.requirements.numbers import (
    FAMILY_CARD,
    NUMBERED_BY_THING,
    CheckedNumber,
    NumberError,
    check_about,
    check_number,
    old_region,
)
from exchange.schemas import Answers, Parties, Reference, RequestId, Strict
from storage.errors import UploadBroken

router = APIRouter(prefix="/v1", tags=["Officer"], dependencies=[Depends(current_officer)])
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")


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
    "/subjects/{ref}/documents", status_code=201, operation_id="takeInDocument", summary="Store a paper once"
)
async def take_in_document(
    parts: Wired,
    officer: CurrentOfficer,
    ref: Reference,
    request: Request,
    response: Response,
    document_type: Annotated[str, Query(alias="type", max_length=40)],
    issued_on: date | None = None,
    valid_until: date | None = None,
    tax_year: Annotated[int | None, Query(ge=1900, le=2200)] = None,
    level: Annotated[str | None, Query(max_length=10)] = None,
    background: Annotated[Literal["red", "blue"] | None, Query()] = None,
) -> dict[str, Any]:
    """Raw body; Content-Type, Content-Length and Content-Digest (RFC 9530) required. Numbers come in headers only:
    Berkas-Number, Berkas-About (plate or NOP). ``warnings`` are rules that the number offends without being refused;
    ``region_now`` is today's code behind a known old one (N4).
    The same bytes again answer 200 with the same version. One entry.
    """
    kind = parts.catalogue.document_types.get(document_type)
    if kind is None:
        raise ProblemRaised("BK-3008", errors=[{"pointer": "/type", "code": "unknown"}], close=True)
    today = today_at(parts.zone)
    number, about = await _numbered(parts, ref, kind, request, today)
    paper = uploads.Paper(
        issued_on=issued_on,
        valid_until=valid_until,
        tax_year=tax_year,
        level=level,
        background=background,
        number=number.normalised if number else None,
        about=about,
    )
    _check_dates(paper, today)
    taken = await take_in.take_in(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        officer=officer,
        subject_ref=ref,
        document_type=kind,
        shareable=document_type not in parts.catalogue.never_shared,
        paper=paper,
        body=_body(request, parts.settings.upload_idle_limit_s),
        limit_bytes=parts.settings.upload_limit_bytes,
    )
    if not taken.created:
        response.status_code = 200
    version = taken.version
    region = old_region(number.normalised) if number and "N4" in number.warnings else None
    return {
        "document_id": version.document_id,
        "version": version.version,
        "sha256": version.sha256,
        "provenance": version.provenance,
        "warnings": list(number.warnings) if number else [],
        **({"region_now": region} if region else {}),
    }


@router.post(
    "/consent-requests", status_code=201, operation_id="requestConsent", summary="Ask a citizen for consent"
)
async def request_consent(parts: Wired, officer: CurrentOfficer, body: RequestIn) -> dict[str, Any]:
    """Covers exactly what the service requires; ``documents`` only chooses among alternatives (BK-2031)."""
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
        officer=officer,
        where=ask_consent.Place(parts.site_name, parts.zone, officer.agency_code),
        wanted=ask_consent.Wanted(
            subject_ref=body.subject_ref,
            service=body.service,
            channel=body.channel,
            application_no=body.application_no,
            documents=body.documents,
            answers=body.answers,
            parties=body.parties,
        ),
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
    parts: Wired, officer: CurrentOfficer, request_id: RequestId, request: Request, response: Response
) -> Any:
    """The asking agency only. ``If-None-Match`` answers 304 while nothing changed."""
    found = await ask_consent.state_of(
        parts.database, parts.keyring, parts.appender, officer=officer, request_id=request_id, now=clock()
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
    parts: Wired, officer: CurrentOfficer, body: TicketIn, response: Response
) -> dict[str, Any]:
    """At most 5 minutes, bound to this session; each document once."""
    issued = await issue_ticket.issue(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        officer=officer,
        consent_id=body.consent_id,
        documents=body.documents,
        life_s=parts.settings.ticket_life_s,
        notice=access_text(parts, officer.agency_id, officer.counter),
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


async def _numbered(
    parts: Parts, ref: str, kind: DocumentType, request: Request, today: date
) -> tuple[CheckedNumber | None, str | None]:
    """Number and thing of the paper, checked by its type. Whose NIK it is, the flow judges and puts on record."""
    number, about = request.headers.get("berkas-number"), request.headers.get("berkas-about")
    try:
        checked = None
        if number:
            own = kind.code == FAMILY_CARD and await is_own_nik(parts.database, parts.keyring, ref, number)
            checked = check_number(kind, number, today=today, nik=number if own else None)
        thing = check_about(kind, about) if about else None
        if checked is not None and kind.code in NUMBERED_BY_THING:
            plate_or_nop = check_about(kind, checked.normalised)
            if thing not in {None, plate_or_nop}:
                raise NumberError("differs_from_number", "about")
            thing = plate_or_nop
    except NumberError as error:
        errors = [{"pointer": f"/{error.field}", "code": error.rule}]
        raise ProblemRaised("BK-3009", errors=errors, close=True) from None
    return checked, thing


def _body(request: Request, idle_limit_s: float) -> uploads.Body:
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or "transfer-encoding" in request.headers:
        raise ProblemRaised("BK-3001", close=True)
    announced = _DIGEST.search(request.headers.get("content-digest", ""))
    if announced is None:
        raise ProblemRaised("BK-3002", close=True)
    try:
        digest = base64.b64decode(announced.group(1), validate=True)
    except binascii.Error as error:
        raise ProblemRaised("BK-3002", close=True) from error
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return uploads.Body(media_type, int(length), digest, _chunks(request, int(length), idle_limit_s))


async def _chunks(request: Request, size: int, idle_limit_s: float) -> AsyncIterator[bytes]:
    """Exactly ``size`` bytes, or ``UploadBroken`` after ``idle_limit_s`` without one."""
    got = 0
    stream = request.stream()
    try:
        while got < size:
            async with asyncio.timeout(idle_limit_s):
                chunk = await anext(stream)
            got += len(chunk)
            yield chunk
    except (TimeoutError, ClientDisconnect, StopAsyncIteration) as error:
        raise UploadBroken(f"{size - got} bytes are missing") from error


def _check_dates(paper: uploads.Paper, today: date) -> None:
    if paper.issued_on is not None and paper.issued_on > today:
        raise ProblemRaised("BK-3009", errors=[{"pointer": "/issued_on", "code": "future"}], close=True)
    if paper.issued_on and paper.valid_until and paper.valid_until < paper.issued_on:
        raise ProblemRaised(
            "BK-3009", errors=[{"pointer": "/valid_until", "code": "before_issue"}], close=True
        )


def _until(wanted: datetime | None, now: datetime, life_days: int) -> datetime:
    latest = now + timedelta(days=life_days)
    if wanted is None:
        return latest
    if wanted.tzinfo is None or not now < wanted <= latest:
        raise ProblemRaised("BK-2001", errors=[{"pointer": "/valid_until", "code": "out_of_range"}])
    return wanted
