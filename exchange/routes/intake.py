"""Officers and agencies' back ends: one copy of a paper comes in."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.requests import ClientDisconnect

from auth.callers import Caller
from exchange import uploads
from exchange.answers import limits_of
from exchange.deps import Parts, Wired, clock, today_at
from exchange.errors import ProblemRaised
from exchange.flows import take_in
from exchange.holdings import numbered
from exchange.machine import officer_or_machine
from exchange.provenance import unsigned_label
from exchange.requirements.catalogue import DocumentType
from exchange.requirements.numbers import (
    CheckedNumber,
    NumberError,
    old_region,
)
from exchange.schemas import Reference
from storage.errors import UploadBroken

router = APIRouter(prefix="/v1", tags=["Agency"])

Submitter = Annotated[Caller, Depends(officer_or_machine("documents.submit"))]
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")
_DIGESTS = re.compile(r"(?:^|,)\s*sha-256\s*=")
# Said twice, one of them would be believed here and the other one by whoever passed the request on.
_HEADERS = (
    "content-type",
    "content-length",
    "content-digest",
    "content-encoding",
    "berkas-number",
    "berkas-about",
)
_PARAMETERS = ("type", "issued_on", "valid_until", "tax_year", "level", "background", "compared")


@router.post(
    "/subjects/{ref}/documents", status_code=201, operation_id="takeInDocument", summary="Store a paper once"
)
async def take_in_document(
    parts: Wired,
    caller: Submitter,
    ref: Reference,
    request: Request,
    response: Response,
    document_type: Annotated[str, Query(alias="type", max_length=40)],
    issued_on: date | None = None,
    valid_until: date | None = None,
    tax_year: Annotated[int | None, Query(ge=1900, le=2200)] = None,
    level: Annotated[str | None, Query(max_length=10)] = None,
    background: Annotated[Literal["red", "blue"] | None, Query()] = None,
    compared: bool = True,
) -> dict[str, Any]:
    """An officer, or a client with `documents.submit`. Raw body, not encoded; Content-Type, Content-Length and Content-Digest (RFC 9530) required, each header and
    parameter once (BK-3039). Numbers come in headers only:
    Berkas-Number, Berkas-About (plate or NOP). ``warnings`` are rules that the number offends without being refused;
    ``region_now`` is today's code behind a known old one (N4).
    The same bytes again answer 200 with the same version. ``sha256`` is of what is kept, ``received_sha256`` of what was sent: a picture is kept
    without the place where it was taken. ``provenance`` says what the copy is: ``pades_valid``, ``pades_unchecked`` or ``pades_weak`` where it
    is signed (a signature that does not hold is refused), ``pushed`` by the issuer's back end, ``scan`` compared with the original by
    this officer, ``upload`` with ``compared=false`` or from another back end. One entry.
    """
    _read_in_one_way(request)
    kind = parts.catalogue.document_types.get(document_type)
    if kind is None:
        raise ProblemRaised("BK-3008", errors=[{"pointer": "/type", "code": "unknown"}], close=True)
    today = today_at(parts.zone)
    subject_ref = parts.keyring.meant(caller.agency_id, ref)
    number, about = await _numbered(parts, subject_ref, kind, request, today)
    paper = uploads.Paper(
        issued_on=issued_on,
        valid_until=valid_until,
        tax_year=tax_year,
        level=level,
        background=background,
        number=number.normalised if number else None,
        about=about,
        unsigned=unsigned_label(caller, parts.catalogue, document_type, compared=compared),
    )
    _check_dates(paper, today)
    taken = await take_in.take_in(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        parts.gate,
        caller=caller,
        subject_ref=subject_ref,
        document_type=kind,
        shareable=document_type not in parts.catalogue.never_shared,
        paper=paper,
        body=_body(request, parts.settings.upload_idle_limit_s),
        limit_bytes=parts.settings.upload_limit_bytes,
        limits=limits_of(parts),
        now=clock(),
    )
    if not taken.created:
        response.status_code = 200
    version = taken.version
    region = old_region(number.normalised) if number and "N4" in number.warnings else None
    return {
        "document_id": version.document_id,
        "version": version.version,
        "sha256": version.sha256,
        "received_sha256": version.received_sha256,
        "provenance": version.provenance,
        "warnings": list(number.warnings) if number else [],
        **({"region_now": region} if region else {}),
    }


def _read_in_one_way(request: Request) -> None:
    """A request that says a thing twice, or sends the body otherwise than it is, is not guessed at (A46)."""
    headers, asked = request.headers, request.query_params
    twice = [name for name in _HEADERS if len(headers.getlist(name)) > 1]
    twice += [name for name in _PARAMETERS if len(asked.getlist(name)) > 1]
    if len(_DIGESTS.findall(headers.get("content-digest", ""))) > 1:
        twice.append("content-digest")
    errors = [{"pointer": f"/{name}", "code": "repeated"} for name in twice]
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        errors.append({"pointer": "/content-encoding", "code": "not_decoded"})
    if errors:
        raise ProblemRaised("BK-3039", errors=errors, close=True)


async def _numbered(
    parts: Parts, ref: str, kind: DocumentType, request: Request, today: date
) -> tuple[CheckedNumber | None, str | None]:
    """Number and thing of the paper, checked by its type. Whose NIK it is, the flow judges and puts on record."""
    number, about = request.headers.get("berkas-number"), request.headers.get("berkas-about")
    try:
        return await numbered(parts.database, parts.keyring, ref, kind, number, about, today)
    except NumberError as error:
        errors = [{"pointer": f"/{error.field}", "code": error.rule}]
        raise ProblemRaised("BK-3009", errors=errors, close=True) from None


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
    if (wrong := uploads.impossible_date(paper, today)) is not None:
        raise ProblemRaised(
            "BK-3009", errors=[{"pointer": f"/{wrong.field}", "code": wrong.rule}], close=True
        )
