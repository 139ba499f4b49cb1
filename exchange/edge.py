"""What every request passes: a request id, a size limit for plain bodies, safe headers, one log line.

Plain ASGI: a middleware of the framework costs more than the whole of this on the hot path.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from exchange.logs import RequestRecord
from storage.ids import ulid

# JSON and forms are small; only the intake streams, under its own limits.
PLAIN_BODY_LIMIT_BYTES = 65_536
PLAIN_BODY_LIMIT_S = 10.0
HEAD_LIMIT_BYTES = 65_536  # the longest ticket takes 16 KB
_INTAKE = (b"/v1/subjects/", b"/documents")
# A receipt that somebody wants checked, with the form around it; the route knows the file's own limit.
VERIFY_BODY_LIMIT_BYTES = 212_992
_VERIFY = b"/verify"

_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_NOT_KEPT = (b"cache-control", b"no-store, private")  # unless an answer says itself that it is public
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_log = logging.getLogger("berkas.access")


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with a limit for a request's head (what one read brings, and 64 KB), that forgives a body longer than announced: the surplus is thrown away, the request under way is
    answered, and the connection ends. (Without this the surplus is read as a broken next request and its 400 takes the
    place of the answer.)
    """

    surplus = False
    in_head = True
    head_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self.surplus:
            return
        self.head_bytes += len(data)
        super().data_received(data)
        if self.in_head and self.head_bytes > HEAD_LIMIT_BYTES:
            self._refuse_head()

    def on_message_begin(self) -> None:
        self.in_head, self.head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.in_head = False
        super().on_body(body)

    def on_chunk_complete(self) -> None:
        self.in_head, self.head_bytes = True, 0  # what comes now may be the fields behind the last chunk

    def _refuse_head(self) -> None:
        """The parser joins a field piece by piece: one line of 60 MB stopped everybody for four seconds."""
        self.surplus = True
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            super().send_400_response(msg)
            return
        self.surplus = True
        cycle.keep_alive = False


Answer = Callable[[Request, Exception], Awaitable[ASGIApp]]


class Edge:
    """The outermost layer. ``secure`` adds HSTS. ``answer`` makes the answer to an exception that nobody caught: made
    here, it has the request's id and the safe headers like every other.
    """

    def __init__(self, app: ASGIApp, *, secure: bool, answer: Answer) -> None:
        self._app = app
        self._answer = answer
        self._headers = [*_HEADERS, _HSTS] if secure else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        request_id = ulid()
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        started = False

        async def sent(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                headers = message.setdefault("headers", [])
                headers += self._headers
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NOT_KEPT)
                headers.append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            if scope["path"].endswith("\n"):  # a route's pattern ends before a last line feed too
                raise HTTPException(404)
            await self._app(scope, _limited(scope, receive), sent)
        except Exception as error:
            if started:  # a delivery that broke off: only the end of the connection can say so now
                raise
            response = await self._answer(Request(scope), error)
            await response(scope, receive, sent)
        finally:
            route = scope.get("route")
            state: dict[str, Any] = scope["state"]
            members = {
                "request_id": request_id,
                "method": scope["method"],
                "route": getattr(route, "path", "-"),
                "status": status,
                "ms": round((time.perf_counter() - began_s) * 1000, 1),
                "code": state.get("problem_code", ""),
            }
            if _log.isEnabledFor(logging.INFO):
                _log.handle(RequestRecord(members))


def _is_intake(path: bytes) -> bool:
    return path.startswith(_INTAKE[0]) and path.endswith(_INTAKE[1])


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Cut off a plain body that is longer than any JSON we take (413), or slower than any honest client (408)."""
    if scope["method"] in {"GET", "HEAD"} or _is_intake(scope["raw_path"]):
        return receive
    limit_bytes = VERIFY_BODY_LIMIT_BYTES if scope["raw_path"] == _VERIFY else PLAIN_BODY_LIMIT_BYTES
    taken = 0
    until_s = time.monotonic() + PLAIN_BODY_LIMIT_S
    whole = False

    async def limited() -> Message:
        nonlocal taken, whole
        if whole:  # from here on it is asked whether the client is still there
            return await receive()
        try:
            async with asyncio.timeout(until_s - time.monotonic()):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        taken += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if taken > limit_bytes:
            raise HTTPException(413, headers={"Connection": "close"})
        return message

    return limited
