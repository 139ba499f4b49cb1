"""The witness over HTTP: one call. Bare ASGI, since there is one: a framework would be most of what an inspectorate has to trust."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from storage.ledger.add_checkpoint import LIMIT_BYTES, OK, PATH, Answer
from storage.witness.desk import Desk
from storage.witness.home import HomeRefused
from storage.witness.memory import MemoryLost

BODY_LIMIT_S = 10.0
_log = logging.getLogger("berkas.witness")

_Message = MutableMapping[str, Any]


class Door:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        if (
            scope["type"] != "http"
        ):  # ASGI 3: who does not know a kind of scope (lifespan, websocket) raises, and the server goes on
            raise NotImplementedError(scope["type"])
        answer = await self._answer(scope, receive)
        headers = [
            (
                b"content-type",
                answer.media_type.encode()
                if answer.media_type != "text/plain"
                else b"text/plain; charset=utf-8",
            ),
            (b"content-length", str(len(answer.body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: _Message, receive: Callable[[], Awaitable[_Message]]) -> Answer:
        if scope["path"] != PATH:
            return Answer(404, b"POST /add-checkpoint\n")
        if scope["method"] != "POST":
            return Answer(405, b"POST /add-checkpoint\n")
        try:
            async with asyncio.timeout(BODY_LIMIT_S):
                body = await _body(receive)
        except TimeoutError:
            return Answer(408, b"too slow\n")
        if body is None:
            return Answer(413, b"too large\n")
        try:
            answer = self._desk.answer(body)
        except (MemoryLost, HomeRefused) as error:
            _log.error("nothing was signed: %s", error)
            return Answer(503, b"this witness cannot use its folder, so it does not sign\n")
        if answer.status == OK:
            _log.info("cosigned")
        else:
            _log.warning("refused", extra={"status": answer.status})
        return answer


async def _body(receive: Callable[[], Awaitable[_Message]]) -> bytes | None:
    """None for one that is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LIMIT_BYTES:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)
