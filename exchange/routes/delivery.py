"""The holder of a ticket: the bytes of one document version, with the receipt. The hot path."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from exchange.deliveries import RECHECK_PERIOD, file_name, outcome_of
from exchange.deps import Parts, Wired, clock, parts_of
from exchange.flows.fetch import Opened, Released, fetch, still_granted
from exchange.holder import Holder, ticket_holder
from exchange.ranges import Part, part_of, single_range
from exchange.schemas import DOCUMENT_ID, DocumentId
from exchange.sending import ALWAYS, sent

router = APIRouter(prefix="/v1", tags=["Ticket holder"], dependencies=[Depends(ticket_holder)])

MAX_VERSION = 2**31 - 1
_ADDRESS = re.compile(
    rf"/v1/documents/(?P<document_id>{DOCUMENT_ID})/versions/(?P<version>[1-9][0-9]{{0,9}})/content"
)


@router.get(
    "/documents/{document_id}/versions/{version}/content",
    operation_id="getDocumentContent",
    summary="Redeem a ticket for one document",
    response_class=Response,
)
async def content(
    parts: Wired,
    holder: Holder,
    request: Request,
    document_id: DocumentId,
    version: Annotated[int, Path(ge=1, le=MAX_VERSION)],
) -> Response:
    """Bearer ticket and the session cookie it is bound to, or DPoP ticket and a proof by the key it is bound to; once for each
    document. One release entry before the first
    byte, one outcome entry after the last. What the ticket calls stamped or redacted is drawn now; `Content-Digest` and `ETag` are of what
    is served. A delivery that broke off may be repeated, also from a byte on (`Range`, one; `If-Range`).
    """
    asked = single_range(request.headers.get("range", ""))
    released = await fetch(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        parts.desk,
        parts.copies,
        ticket=holder.ticket,
        caller=holder.caller,
        proof=holder.proof,
        document_id=document_id,
        version=version,
        origin=parts.log_origin,
        now=clock(),
        range=asked,
    )
    opened = released.opened
    part = part_of(opened.size, f'"{opened.sha256}"', asked, request.headers.get("if-range"))
    return Delivered(parts, released, part)


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
        response = await content(
            parts_of(request), holder, request, address["document_id"], int(address["version"])
        )
        await response(scope, receive, send)


class Delivered(Response):
    """Sends the document, or one part of it, then puts on record how the delivery ended, whatever happened to the connection."""

    def __init__(self, parts: Parts, released: Released, part: Part) -> None:
        super().__init__(status_code=200 if part.whole else 206)
        self.raw_headers = _headers(released, part)
        self._parts = parts
        self._released = released
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        opened, delivery, part = self._released.opened, self._released.delivery, self._part
        sent_bytes = 0
        complete = False
        try:
            # A reader that is too slow is cut off.
            async with asyncio.timeout(delivery.limit_s):
                await send(
                    {
                        "type": "http.response.start",
                        "status": self.status_code,
                        "headers": self.raw_headers,
                    }
                )
                if opened.whole is not None:
                    if not await sent(_cut(opened.whole, part), receive, send):
                        return
                    sent_bytes = part.length
                else:
                    # However this ends, the store's connection is given back at once.
                    async with contextlib.aclosing(self._parts_of_it()) as segments:
                        async for segment in segments:
                            if not await sent(segment, receive, send):
                                return
                            sent_bytes += len(segment)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            complete = sent_bytes == part.length
        finally:
            ended = outcome_of(delivery, sent_bytes=sent_bytes, complete=complete, to_the_end=part.to_the_end)
            self._parts.appender.leave(ended)

    async def _parts_of_it(self) -> AsyncGenerator[bytes, None]:
        """Every segment up to the end of the part is authenticated, those before it too."""
        opened, part = self._released.opened, self._part
        if opened.parts is None:
            return
        checked, at = clock(), 0
        async with contextlib.aclosing(opened.parts) as segments:
            async for segment in segments:
                now = clock()
                if now - checked > RECHECK_PERIOD:
                    checked = now
                    if not await still_granted(self._parts.database, self._released.delivery.consent_id, now):
                        raise ConnectionAbortedError("the consent was withdrawn while the delivery ran")
                if wanted := segment[max(0, part.start - at) : max(0, part.end - at)]:
                    yield wanted
                at += len(segment)
                if at >= part.end:
                    return


def _cut(whole: bytes, part: Part) -> bytes:
    return whole if part.whole else whole[part.start : part.end]


def _headers(released: Released, part: Part) -> list[tuple[bytes, bytes]]:
    opened, place = released.opened, released.delivery.place
    name = file_name(place.type, place.document_id, place.version, opened.media_type)
    return [
        (b"content-type", opened.media_type.encode()),
        (b"content-length", b"%d" % part.length),
        *_digests(opened, part),
        (b"etag", f'"{opened.sha256}"'.encode()),
        (b"berkas-receipt", released.receipt.encode()),
        (b"link", f'</v1/receipts/{released.number}/bundle>; rel="describedby"'.encode()),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"accept-ranges", b"bytes"),
        *ALWAYS,
    ]


def _digests(opened: Opened, part: Part) -> list[tuple[bytes, bytes]]:
    """Of what is sent (RFC 9530 2); with a part also of the whole (3), and of the part itself where it is at hand."""
    whole = _digest(bytes.fromhex(opened.sha256))
    if part.whole:
        return [(b"content-digest", whole)]
    place = f"bytes {part.start}-{part.end - 1}/{part.size}".encode()
    told = [(b"content-range", place), (b"repr-digest", whole)]
    if opened.whole is not None:
        told.append((b"content-digest", _digest(hashlib.sha256(_cut(opened.whole, part)).digest())))
    return told


def _digest(sha256: bytes) -> bytes:
    return b"sha-256=:" + base64.b64encode(sha256) + b":"
