"""One connection to the store, one GET at a time, its body read straight into the caller's buffer.

It understands one answer: HTTP/1.1, ``200``, exactly the expected ``Content-Length`` (RFC 9112 6.3) and no coding.
Everything else is an error, and the connection is not used again. The bytes are untrusted either way: the seal decides.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from storage.errors import StorageError
from storage.s3_answers import CODE_END, framed, meaning

# A store slower than this is down for a reader who waits: 50 bytes a second would hold a connection for hours.
SLOWEST_BYTES_PER_S = 65_536
HEAD_ROOM_BYTES = 8_192
LOOKS = 4  # within the time between two reads
_HEAD_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([1-9][0-9]{2})[ \r]")
_FRAMING = re.compile(
    rb"(?i)\r\n(content-length|transfer-encoding|content-encoding|connection):([^\r\n]*)(?=\r\n)"
)


class ReadConnection(asyncio.BufferedProtocol):
    """One request at a time: ``ask``, then ``fill`` until the object is whole."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, read_s: float, on_lost: Callable[[ReadConnection], None]
    ) -> None:
        self._loop = loop
        self._read_s = read_s
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._head = memoryview(bytearray(HEAD_ROOM_BYTES))
        self._head_bytes = 0
        self._status = 0  # until the head is there
        self._error_bytes = 0  # where the answer ends that is not the object
        self._target = self._head[:0]
        self._filled = 0
        self._left = 0  # of the object, what is in the target included until it is full
        self._last = False  # nothing more may be asked here
        self._waited_s = self._began_s = self._heard_s = 0.0
        self.heard_bytes = 0
        self.idle_since_s = 0.0

    async def ask(self, request: bytes, size: int, target: bytearray | memoryview) -> None:
        """Send ``request``; return when ``target`` is full with the beginning of an object of ``size`` bytes."""
        self._head_bytes = self._status = self.heard_bytes = 0
        self._left, self._waited_s = size, 0.0
        self._target, self._filled = memoryview(target), 0
        self._open_transport().write(request)
        await self._full()

    async def fill(self, target: memoryview) -> None:
        """The next bytes of the object."""
        self._target, self._filled = target, 0
        self._open_transport().resume_reading()
        await self._full()

    def is_reusable(self) -> bool:
        """Is the answer whole, with nothing behind it?"""
        return self._status == HTTPStatus.OK and not self._left and not self._last

    def close(self) -> None:
        self._last = True
        if self._transport is not None:
            self._transport.abort()

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise ConnectionResetError
        return self._transport

    async def _full(self) -> None:
        """Raises ``TimeoutError``, ``ConnectionError`` and what another answer means. Only the time that the store takes counts."""
        self._waiter = self._loop.create_future()
        self._began_s = self._heard_s = self._loop.time()
        self._watch = self._loop.call_later(self._read_s / LOOKS, self._look)
        try:
            await self._waiter
        finally:
            self._watch.cancel()
            self._waited_s += self._loop.time() - self._began_s

    def _look(self) -> None:
        """One timer a request: to move one at each read would cost more than reading."""
        now_s = self._loop.time()
        waited_s = self._waited_s + now_s - self._began_s
        if (
            now_s - self._heard_s > self._read_s
            or waited_s > self._read_s + self.heard_bytes / SLOWEST_BYTES_PER_S
        ):
            self._end(TimeoutError())
        else:
            self._watch = self._loop.call_later(self._read_s / LOOKS, self._look)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, and says so to nobody

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._on_lost(self)
        self._end(ConnectionResetError() if self._status in {0, HTTPStatus.OK} else self._another_answer())

    def get_buffer(self, _hint: int) -> memoryview:
        if self._status == HTTPStatus.OK and self._left:
            return self._target[self._filled :]
        return self._head[self._head_bytes :] or self._head

    def buffer_updated(self, count: int) -> None:
        if self._waiter is None or self._waiter.done():  # nobody asked for this
            self.close()
            return
        self.heard_bytes += count
        self._heard_s = self._loop.time()
        if self._status == HTTPStatus.OK:
            self._filled += count
        else:
            self._head_bytes += count
            self._read_head()
        if self._status == HTTPStatus.OK and self._filled == len(self._target):
            self._left -= self._filled
            if self._left:
                self._open_transport().pause_reading()
            self._end(None)

    def _read_head(self) -> None:
        said = bytes(self._head[: self._head_bytes])
        if not self._status and (end := said.find(_HEAD_END) + len(_HEAD_END)) >= len(_HEAD_END):
            self._understand(said[:end], said[end:])
        if self._status == HTTPStatus.OK:
            return
        if self._status and (len(said) >= self._error_bytes or CODE_END in said):
            self._end(self._another_answer())
        elif len(said) == HEAD_ROOM_BYTES:
            self._end(self._another_answer() if self._status else ConnectionAbortedError())

    def _understand(self, head: bytes, begun: bytes) -> None:
        """The head is whole; ``begun`` is what came with it of the body."""
        status = _STATUS.match(head)
        fields = [(name.lower(), value.strip(b" \t")) for name, value in _FRAMING.findall(head)]
        self._last = any(name == b"connection" and b"close" in value.lower() for name, value in fields)
        framing = [field for field in fields if field[0] != b"connection"]
        if status is None:
            self._end(ConnectionAbortedError())
        elif int(status[1]) != HTTPStatus.OK:
            self._status = int(status[1])
            length = dict(framing).get(b"content-length", b"")
            self._error_bytes = len(head) + int(length) if length.isdigit() else HEAD_ROOM_BYTES
        elif framing != [(b"content-length", b"%d" % self._left)]:
            self._end(framed(framing))
        else:
            self._status = HTTPStatus.OK
            self._last = self._last or len(begun) > self._left
            begun = begun[: len(self._target)]
            self._target[: len(begun)] = begun
            self._filled = len(begun)

    def _another_answer(self) -> StorageError:
        return meaning(self._status, bytes(self._head[: self._head_bytes]))

    def _end(self, error: BaseException | None) -> None:
        """Answer whoever waits: the target is full, or it never will be."""
        if self._waiter is None or self._waiter.done():
            return
        if error is None:
            self._waiter.set_result(None)
        else:
            self._waiter.set_exception(error)
