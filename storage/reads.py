"""GET over kept connections, straight into one buffer (ARCHITECTURE, Decisions: half the CPU of ``aiohttp``'s).

A GET is sent once more, at once, when a kept connection breaks before the first byte of an answer: a store closes idle
connections when it likes (RFC 9112 9.3.1). Other failures that pass are for ``Retries``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import SplitResult

from storage.errors import StoreUnavailable
from storage.read_connection import HEAD_ROOM_BYTES, ReadConnection
from storage.retries import Retries

KEPT_IDLE_S = 15.0
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the store may take, in seconds. The SDK's own defaults are five minutes and five silent retries."""

    connect_s: float = 2.0
    pool_s: float = 5.0  # for a free connection of ours
    read_s: float = 5.0  # between two reads
    write_s: float = 10.0  # to take one part of an upload, at most a segment of 1 MB


class Reads:
    """The connections to one store, at most ``limit``. ``request`` is a whole request head, signed, with its end.

    Raises ``DocumentMissing`` and ``StoreUnavailable``.
    """

    def __init__(
        self, endpoint: SplitResult, limit: int, patience: Patience, retries: Retries | None = None
    ) -> None:
        self._host = endpoint.hostname or ""
        self._port = endpoint.port or _PORTS[endpoint.scheme]
        self._tls = ssl.create_default_context() if endpoint.scheme == "https" else None
        self._patience = patience
        self._retries = retries or Retries(pauses_s=())
        self._free = asyncio.Semaphore(limit)
        self._idle: list[ReadConnection] = []
        self._all: set[ReadConnection] = set()

    def close(self) -> None:
        for connection in list(self._all):
            connection.close()

    async def whole(self, request: bytes, size: int) -> bytearray:
        """An object of ``size`` bytes."""
        body = bytearray(size)
        self._put_back(await self._retries.run(lambda: self._asked(request, size, body)))
        return body

    async def parts(self, request: bytes, size: int, room: int) -> AsyncGenerator[memoryview, None]:
        """The same in parts of ``room`` bytes, the last one shorter, in ONE buffer: a part is good until the next."""
        if room < HEAD_ROOM_BYTES:
            raise ValueError("a part must hold what comes with the head")
        buffer = memoryview(bytearray(min(room, size)))
        left = size - len(buffer)
        connection = await self._retries.run(lambda: self._asked(request, size, buffer))
        try:
            while left:
                yield buffer
                buffer = buffer[:left]
                await connection.fill(buffer)
                left -= len(buffer)
        except OSError as error:
            raise StoreUnavailable(type(error).__name__) from None
        finally:
            self._put_back(connection)
        if size:
            yield buffer

    async def _asked(self, request: bytes, size: int, target: bytearray | memoryview) -> ReadConnection:
        """A connection whose answer has begun to be the object, ``target`` full. It must be put back."""
        await self._wait_for_room()
        connection = None
        try:
            connection, kept = await self._connection()
            try:
                await connection.ask(request, size, target)
            except ConnectionError:
                if connection.heard_bytes or not kept:
                    raise
                # A fresh one: whatever closed this connection may have closed every idle one.
                connection = await self._connect()
                await connection.ask(request, size, target)
        except BaseException as error:
            self._put_back(connection)
            if isinstance(error, OSError):  # only its name: an error's text may hold an address
                heard = connection is not None and connection.heard_bytes > 0
                passing = isinstance(error, ConnectionError) and not heard
                raise StoreUnavailable(type(error).__name__, passing=passing) from None
            raise
        return connection

    async def _wait_for_room(self) -> None:
        if not self._free.locked():
            await self._free.acquire()  # at once
            return
        try:
            async with asyncio.timeout(self._patience.pool_s):
                await self._free.acquire()
        except TimeoutError:
            raise StoreUnavailable("no free connection") from None

    async def _connection(self) -> tuple[ReadConnection, bool]:
        """One to ask on, and whether it was kept from before."""
        loop = asyncio.get_running_loop()
        while self._idle:
            connection = self._idle.pop()
            if loop.time() - connection.idle_since_s < KEPT_IDLE_S:
                return connection, True
            connection.close()
        return await self._connect(), False

    async def _connect(self) -> ReadConnection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._patience.connect_s):
            _, connection = await loop.create_connection(
                lambda: ReadConnection(loop, self._patience.read_s, self._forget),
                self._host,
                self._port,
                ssl=self._tls,
            )
        self._all.add(connection)
        return connection

    def _put_back(self, connection: ReadConnection | None) -> None:
        self._free.release()
        if connection is None:
            return
        if connection.is_reusable():
            connection.idle_since_s = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()

    def _forget(self, connection: ReadConnection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
