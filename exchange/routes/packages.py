"""The holder of a ticket: all its papers in one archive, streamed, with their receipts inside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta

from fastapi import APIRouter, Depends, Response
from starlette.types import Receive, Scope, Send

from exchange.archives import Archive
from exchange.deliveries import RECHECK_PERIOD, file_name
from exchange.deps import Parts, Wired, clock
from exchange.flows import take_package
from exchange.flows.take_package import Paper, Taken
from exchange.holder import Holder, ticket_holder
from exchange.pages.wording import local
from exchange.sending import ALWAYS, sent

router = APIRouter(prefix="/v1", tags=["Ticket holder"], dependencies=[Depends(ticket_holder)])


@router.post(
    "/packages",
    operation_id="takePackage",
    summary="Redeem a ticket for all its documents",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "A ZIP archive, streamed"}},
)
async def package(parts: Wired, holder: Holder) -> Response:
    """The ticket as for one document; a DPoP proof is for this address. All documents of the ticket, each with one entry, or none: if one of
    them may not be read, none is used up. The archive holds the documents as the ticket names them and `receipts/`, one JWS each. A broken
    transfer delivered nothing: within 120 s the archive, or a single document, may be had again, three times at most.
    """
    papers = await take_package.release_all(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        parts.copies,
        ticket=holder.ticket,
        caller=holder.caller,
        proof=holder.proof,
        now=clock(),
    )
    packed = Packed(parts, papers, holder.ticket.jti)
    await packed.take_first()
    return packed


class Packed(Response):
    """Sends the archive, one paper in memory at a time, then puts on record how each delivery ended: all alike."""

    def __init__(self, parts: Parts, papers: Sequence[Paper], ticket_id: str) -> None:
        super().__init__()
        self.raw_headers = [
            (b"content-type", b"application/zip"),
            (b"content-disposition", f'attachment; filename="berkas-{ticket_id}.zip"'.encode()),
            (b"accept-ranges", b"none"),
            *ALWAYS,
        ]
        self._parts = parts
        self._papers = papers
        self._next: Taken | None = None
        self._deliveries = [paper.delivery for paper in papers]
        self._sent = [0] * len(papers)
        self._checked = papers[0].settled.receipt.at

    async def take_first(self) -> None:
        """Before anything is sent: a store that is away altogether is a clear answer."""
        try:
            await self._take(0)
        except BaseException:
            self._end(complete=False)
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        complete = False
        try:
            # However it ends, the store's connection is given back at once.
            async with (
                asyncio.timeout(self._deliveries[0].limit_s),
                contextlib.aclosing(self._archive()) as pieces,
            ):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for piece in pieces:
                    if piece and not await sent(piece, receive, send):
                        return
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            complete = True
        finally:
            self._end(complete=complete)

    async def _archive(self) -> AsyncGenerator[bytes, None]:
        archive = Archive(local(self._checked, self._parts.zone))
        for number in range(len(self._papers)):
            if number:
                # A withdrawal stops the archive before the next paper; a paper that is away breaks it.
                await self._still_granted(clock())
                await self._take(number)
            taken, self._next = self._next, None
            if taken is None:
                return
            place = taken.delivery.place
            name = file_name(place.type, place.document_id, place.version, taken.opened.media_type)
            yield archive.opens(name, taken.opened.size)
            async with contextlib.aclosing(self._content(taken)) as parts:
                async for part in parts:
                    yield archive.write(part)
                    self._sent[number] += len(part)
            yield archive.closes() + archive.whole(f"receipts/{name}.jws", taken.receipt.encode())
        yield archive.ends()

    async def _content(self, taken: Taken) -> AsyncGenerator[bytes, None]:
        opened = taken.opened
        if opened.whole is not None:
            yield opened.whole
        elif opened.parts is not None:
            async with contextlib.aclosing(opened.parts) as parts:
                async for part in parts:
                    await self._still_granted(clock(), RECHECK_PERIOD)
                    yield part

    async def _still_granted(self, now: datetime, after: timedelta = timedelta()) -> None:
        if now - self._checked < after:
            return
        self._checked = now
        consent_id = self._deliveries[0].consent_id
        if not await take_package.still_granted(self._parts.database, consent_id, now):
            raise ConnectionAbortedError("the consent was withdrawn while the archive was sent")

    async def _take(self, number: int) -> None:
        parts = self._parts
        self._next = await take_package.take(
            parts.vault,
            parts.desk,
            parts.copies,
            self._papers[number],
            origin=parts.log_origin,
            now=clock(),
        )
        self._deliveries[number] = self._next.delivery

    def _end(self, *, complete: bool) -> None:
        take_package.ended(self._parts.appender, self._deliveries, self._sent, complete=complete)
