"""The holder of a ticket: the bytes of one document version, with the receipt. The hot path.

A document is never rendered by our origin: it is an attachment, sniffed by nobody, sandboxed, kept by no cache (A49).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from exchange.deliveries import outcome_of
from exchange.deps import Parts, Wired, clock, parts_of
from exchange.flows.fetch import Released, fetch, still_granted
from exchange.holder import Holder, ticket_holder
from exchange.schemas import DOCUMENT_ID, DocumentId

router = APIRouter(prefix="/v1", tags=["Ticket holder"], dependencies=[Depends(ticket_holder)])

# A long delivery asks again whether the consent still lives: a withdrawal stops it within this time.
RECHECK_PERIOD = timedelta(seconds=5)
MAX_VERSION = 2**31 - 1
_ADDRESS = re.compile(
    rf"/v1/documents/(?P<document_id>{DOCUMENT_ID})/versions/(?P<version>[1-9][0-9]{{0,9}})/content"
)
_ALWAYS = (
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"cache-control", b"no-store, private"),
    (b"accept-ranges", b"none"),
)
_SUFFIXES = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


@router.get(
    "/documents/{document_id}/versions/{version}/content",
    operation_id="getDocumentContent",
    summary="Redeem a ticket for one document",
    response_class=Response,
)
async def content(
    parts: Wired, holder: Holder, document_id: DocumentId, version: Annotated[int, Path(ge=1, le=MAX_VERSION)]
) -> Response:
    """Bearer ticket and the session cookie it is bound to, or DPoP ticket and a proof by the key it is bound to; once for each
    document. One release entry before the first
    byte, one outcome entry after the last.
    """
    released = await fetch(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        parts.desk,
        ticket=holder.ticket,
        caller=holder.caller,
        proof=holder.proof,
        document_id=document_id,
        version=version,
        origin=parts.log_origin,
        now=clock(),
    )
    return Delivered(parts, released)


class ShortWay:
    """A well-formed request for content goes straight to ``content``: the framework's routing, validation and dependencies
    were 15 % of a fetch (ARCHITECTURE, Decisions). Any other request goes the long way and is answered there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _ADDRESS.fullmatch(scope["path"]) if scope.get("method") == "GET" else None
        if address is None or int(address["version"]) > MAX_VERSION:
            await self._app(scope, receive, send)
            return
        scope["route"] = router.routes[0]
        request = Request(scope)
        holder = await ticket_holder(request)
        response = await content(parts_of(request), holder, address["document_id"], int(address["version"]))
        await response(scope, receive, send)


class Delivered(Response):
    """Sends the document, then puts on record how the delivery ended, whatever happened to the connection."""

    def __init__(self, parts: Parts, released: Released) -> None:
        super().__init__()
        self.raw_headers = _headers(released)
        self._parts = parts
        self._released = released

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        opened, delivery = self._released.opened, self._released.delivery
        sent_bytes = 0
        complete = False
        try:
            # A reader that is too slow is cut off.
            async with asyncio.timeout(delivery.limit_s):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if opened.whole is not None:
                    if not await _sent(opened.whole, receive, send):
                        return
                    sent_bytes = opened.size
                else:
                    # However this ends, the store's connection is given back at once.
                    async with contextlib.aclosing(self._parts_of_it()) as parts:
                        async for part in parts:
                            if not await _sent(part, receive, send):
                                return
                            sent_bytes += len(part)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            complete = sent_bytes == opened.size
        finally:
            self._parts.appender.leave(outcome_of(delivery, sent_bytes=sent_bytes, complete=complete))

    async def _parts_of_it(self) -> AsyncGenerator[bytes, None]:
        opened = self._released.opened
        if opened.parts is None:
            return
        checked = clock()
        async with contextlib.aclosing(opened.parts) as parts:
            async for part in parts:
                now = clock()
                if now - checked > RECHECK_PERIOD:
                    checked = now
                    if not await still_granted(self._parts.database, self._released.delivery.consent_id, now):
                        raise ConnectionAbortedError("the consent was withdrawn while the delivery ran")
                yield part


async def _sent(part: bytes, receive: Receive, send: Send) -> bool:
    """Has ``part`` left our buffer, with the client still there?"""
    await send({"type": "http.response.body", "body": part, "more_body": True})
    # An empty part waits until the one before has left.
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    return not _hung_up(receive)


def _hung_up(receive: Receive) -> bool:
    """Has the client gone? Looks without waiting: what the server has to say it says in the first step."""
    look = receive().__await__()
    try:
        next(look)
    except StopIteration as told:
        return told.value["type"] == "http.disconnect" or _hung_up(receive)
    look.close()
    return False


def _headers(released: Released) -> list[tuple[bytes, bytes]]:
    opened, place = released.opened, released.delivery.place
    digest = base64.b64encode(bytes.fromhex(opened.sha256)).decode()
    name = f"{place.type}-{place.document_id}-{place.version}.{_SUFFIXES.get(opened.media_type, 'bin')}"
    return [
        (b"content-type", opened.media_type.encode()),
        (b"content-length", b"%d" % opened.size),
        (b"content-digest", f"sha-256=:{digest}:".encode()),
        (b"etag", f'"{opened.sha256}"'.encode()),
        (b"berkas-receipt", released.receipt.encode()),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        *_ALWAYS,
    ]
