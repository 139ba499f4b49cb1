"""Everybody: is this receipt genuine? One of four words, and no person. And the schema of the records.

Nobody signs in, no cookie is set, nothing is written, GET is as harmless as POST. Every answer takes the same time, so that none
says by its time whether a record exists; and a process gives so many of them a minute and no more, so that a public
door never takes the time of the counters (a single address is the front proxy's business, like at every public door).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile
from fastapi.responses import HTMLResponse

from exchange.answers import page, site_of
from exchange.deps import Parts, Translated, clock
from exchange.flows import verify_record
from exchange.pages.verify_views import VerifyAsk
from exchange.receipt_pages import answer_page
from exchange.receipts import FILE_LIMIT_BYTES
from exchange.revisions import SCHEMA_PATH, schema_text

router = APIRouter(tags=["Verification"])

ANSWERED_AFTER_S = 0.25
_TURN = "verify"


@router.get(
    "/verify", operation_id="openVerification", summary="Check a receipt", response_class=HTMLResponse
)
async def ask(parts: Translated) -> Response:
    """Anyone. The form; nothing is looked up."""
    return page(parts, None, parts.pages.verify_ask(VerifyAsk(site_of(parts))))


@router.get(
    "/verify/{code}",
    operation_id="verifyCode",
    summary="What a receipt's code says",
    response_class=HTMLResponse,
)
async def by_code(parts: Translated, code: str) -> Response:
    """Anyone who holds a receipt: its QR leads here. Genuine, withdrawn or unknown, with agency, service and day of the decision."""
    return page(parts, None, await _by_code(parts, code))


@router.post(
    "/verify", operation_id="verifyRecord", summary="Check a file or a code", response_class=HTMLResponse
)
async def check(
    parts: Translated,
    file: Annotated[
        UploadFile | None, File(description="The receipt (PDF) or the record (JWS), at most 200 KB")
    ] = None,
    code: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Anyone. Genuine, changed, withdrawn or unknown. The file is compared and forgotten; where there is one, the code is not read."""
    sent = await file.read(FILE_LIMIT_BYTES + 1) if file else b""
    if len(sent) > FILE_LIMIT_BYTES:
        return page(parts, None, parts.pages.verify_ask(VerifyAsk(site_of(parts), "too_large")), 413)
    if sent:
        return page(parts, None, await _by_file(parts, sent))
    if code.strip():
        return page(parts, None, await _by_code(parts, code))
    return page(parts, None, parts.pages.verify_ask(VerifyAsk(site_of(parts), "nothing")), 422)


@router.get(SCHEMA_PATH, operation_id="getConsentSchema", summary="JSON Schema of a consent record")
async def schema() -> Response:
    """Anyone. JSON Schema 2020-12 of the payload of a consent record."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(schema_text(), headers=headers, media_type="application/schema+json")


async def _by_code(parts: Parts, code: str) -> str:
    async with _in_turn(parts):
        verified = await verify_record.verify_code(parts.database, parts.keyring, code=code, now=clock())
        return answer_page(parts, verified, by_code=True)


async def _by_file(parts: Parts, file: bytes) -> str:
    async with _in_turn(parts):
        verified = await verify_record.verify_file(
            parts.database, parts.keyring, parts.desk, file=file, now=clock()
        )
        return answer_page(parts, verified, by_code=False)


@contextlib.asynccontextmanager
async def _in_turn(parts: Parts) -> AsyncIterator[None]:
    """Raises ``TooManyRefusals`` when this minute's answers were given."""
    began_s = time.monotonic()
    parts.verifications.check(_TURN)
    parts.verifications.note(_TURN)
    yield
    await asyncio.sleep(max(0.0, began_s + ANSWERED_AFTER_S - time.monotonic()))
