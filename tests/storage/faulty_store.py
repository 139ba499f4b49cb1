"""A scripted S3 proxy in front of a real store: the faults F18 to F22, on the request they are armed for.

    async with FaultyStore(store.endpoint) as proxy:
        proxy.arm(Fault.FLIP, method="GET", times=1)
        blobs = Blobs(proxy.endpoint, ...)

Requests are forwarded byte for byte, the Host header too: it is signed, and the store checks it as the client sent it,
so a client signs for the proxy's own endpoint and nothing has to be signed again.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_PIECE_BYTES = 65_536


class Fault(enum.Enum):
    """What happens to one request. Faults that need an answer let the store do its work first."""

    DROP = "the connection closes before any byte of an answer"
    HANG = "the head is read, then nothing happens: a body is not taken, an answer does not come"
    STATUS = "`status`, `headers` and `body` are the answer; the store hears nothing"
    EARLY_STATUS = "the same, without reading the request's body"
    RAW = "`body` in place of an HTTP answer; the store hears nothing"
    EMPTY = "200 with an empty body; the store hears nothing"
    TRUNCATE = "the full Content-Length, the first `keep` bytes (half by default), then the end"
    SHORT = "the same bytes with a Content-Length that fits them"
    LONG = "`body` is appended, Content-Length fits"
    FLIP = "one bit of byte `keep` (the middle by default) is flipped"
    SWAP = "`body` is the body: another object's bytes, or an older version's"
    SLOW = "`bytes_per_s` instead of full speed"
    ACK_LOST = "the store does what it was asked, its answer is lost"


@dataclass
class Armed:
    """``times`` is counted down; ``key`` is a part of the path."""

    fault: Fault
    method: str = "GET"
    times: int = 1
    key: str = ""
    status: int = 503
    headers: str = ""  # more lines, each with its end
    body: bytes = b""
    keep: int | None = None
    bytes_per_s: int = 50


@dataclass
class Message:
    """A head as it came, and how its body is framed."""

    head: bytes
    words: list[str] = field(init=False)
    length: int = field(init=False)
    chunked: bool = field(init=False)

    def __post_init__(self) -> None:
        self.words = self.head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", self.head)
        self.length = int(found[1]) if found else 0
        self.chunked = re.search(rb"(?i)\r\ntransfer-encoding: *chunked", self.head) is not None

    def with_length(self, length: int) -> bytes:
        return re.sub(rb"(?i)(\r\ncontent-length: *)\d+", rb"\g<1>%d" % length, self.head)


class FaultyStore:
    """``seen`` is every request as (method, path without query), in order: retries show."""

    def __init__(self, upstream_endpoint: str) -> None:
        parts = urlsplit(upstream_endpoint)
        self._host, self._port = parts.hostname, parts.port
        self._armed: list[Armed] = []
        self._server: asyncio.Server | None = None
        self._own_port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.seen: list[tuple[str, str]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._own_port}"

    def arm(self, fault: Fault, **how: object) -> None:
        """The next ``times`` requests of ``method`` whose path holds ``key`` meet the fault (see ``Armed``)."""
        self._armed.append(Armed(fault, **how))  # type: ignore[arg-type]

    def disarm(self) -> None:
        self._armed.clear()

    @contextlib.asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Connections are refused, those that stand are reset; afterwards the same port listens again."""
        await self._close()
        try:
            yield
        finally:
            await self._listen()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._own_port)
        self._own_port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [to_client]
        try:
            store, to_store = await asyncio.open_connection(self._host, self._port)
            writers.append(to_store)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._request(client, to_client, store, to_store):
                    pass
        except asyncio.CancelledError:
            pass  # the proxy closes; asyncio logs a connection task that ends as cancelled
        finally:
            self._tasks.discard(task)
            for writer in writers:
                writer.transport.abort()

    async def _request(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        store: asyncio.StreamReader,
        to_store: asyncio.StreamWriter,
    ) -> bool:
        """Serve one request; False when the connection is at its end."""
        request = Message(await client.readuntil(b"\r\n\r\n"))
        method, path = request.words[0], request.words[1].partition("?")[0]
        self.seen.append((method, path))
        armed = self._match(method, path)
        fault = armed.fault if armed else None
        if fault is Fault.HANG:
            await asyncio.Event().wait()
        if armed and fault in {Fault.STATUS, Fault.EMPTY, Fault.EARLY_STATUS, Fault.RAW}:
            if fault is not Fault.EARLY_STATUS:
                await _copy(client, None, request)
            status = 200 if fault is Fault.EMPTY else armed.status
            head = f"HTTP/1.1 {status} Scripted\r\n{armed.headers}Content-Length: {len(armed.body)}\r\n\r\n"
            answer_bytes = armed.body if fault is Fault.RAW else head.encode() + armed.body
            return await _sent(to_client, answer_bytes, again=fault is not Fault.EARLY_STATUS)
        if fault is Fault.DROP:
            return False
        to_store.write(request.head)
        await _copy(client, to_store, request)
        answer = Message(await store.readuntil(b"\r\n\r\n"))
        if method == "HEAD" or answer.words[1] in {"204", "304"}:
            return fault is not Fault.ACK_LOST and await _sent(to_client, answer.head)
        if armed is None:
            to_client.write(answer.head)
            await _copy(store, to_client, answer)
            return True
        return await self._spoilt(armed, answer, await store.readexactly(answer.length), to_client)

    async def _spoilt(
        self, armed: Armed, answer: Message, body: bytes, to_client: asyncio.StreamWriter
    ) -> bool:
        middle = len(body) // 2 if armed.keep is None else armed.keep
        match armed.fault:
            case Fault.TRUNCATE:
                return await _sent(to_client, answer.head + body[:middle], again=False)
            case Fault.SHORT:
                body = body[:middle]
            case Fault.LONG:
                body += armed.body
            case Fault.SWAP:
                body = armed.body
            case Fault.FLIP:
                body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
            case Fault.SLOW:
                to_client.write(answer.head)
                for start in range(0, len(body), piece := max(1, armed.bytes_per_s // 10)):
                    await _sent(to_client, body[start : start + piece])
                    await asyncio.sleep(0.1)
                return True
            case _:  # ACK_LOST
                return False
        return await _sent(to_client, answer.with_length(len(body)) + body)

    def _match(self, method: str, path: str) -> Armed | None:
        for armed in self._armed:
            if armed.times > 0 and armed.method == method and armed.key in path:
                armed.times -= 1
                return armed
        return None


async def _sent(writer: asyncio.StreamWriter, data: bytes, *, again: bool = True) -> bool:
    """Send; when nothing comes ``again``, end the connection in order, so that the bytes arrive first."""
    writer.write(data)
    await writer.drain()
    if not again:
        writer.close()
        await writer.wait_closed()
    return again


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None, message: Message) -> None:
    """The body of ``message``, as it is framed; to nowhere without a writer."""
    left = message.length
    while left or message.chunked:
        if message.chunked:
            size = await reader.readuntil(b"\r\n")
            part = size + await reader.readexactly(int(size.split(b";")[0], 16) + 2)
        else:
            part = await reader.readexactly(min(left, _PIECE_BYTES))
            left -= len(part)
        if writer is not None:
            writer.write(part)
            await writer.drain()
        if message.chunked and size.strip() == b"0":
            return
    if writer is not None:
        await writer.drain()
