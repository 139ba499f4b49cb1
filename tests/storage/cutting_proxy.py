"""A TCP proxy that cuts a PostgreSQL connection exactly before or after COMMIT reaches the server, or when it is next used."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

_COMMIT = b"COMMIT"


class CuttingProxy:
    """``url`` leads through the proxy. ``cut`` is None, ``before`` or ``after``; it works once."""

    def __init__(self, upstream_url: str) -> None:
        self._parts = urlsplit(upstream_url)
        self.cut: str | None = None
        self.cuts = 0
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()

    def forget(self) -> None:
        """What a lost firewall state or a dead host does: no connection that stands now is told, each ends when it is used."""
        self._forgotten = set(self._writers)

    @contextlib.asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """The database is gone: connections are refused, those that stand are reset; afterwards the port listens again."""
        assert self._server is not None
        self._port = self._server.sockets[0].getsockname()[1]
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        try:
            yield
        finally:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def __aenter__(self) -> CuttingProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{port}"))

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers |= {to_client, to_server}
        silenced = asyncio.Event()
        back = asyncio.create_task(_pump(server, to_client, silenced))
        with contextlib.suppress(OSError):
            while chunk := await client.read(65536):
                if to_client in self._forgotten:
                    break
                if self.cut and _COMMIT in chunk:
                    how, self.cut = self.cut, None
                    self.cuts += 1
                    if how == "after":
                        silenced.set()
                        to_server.write(chunk)
                        await to_server.drain()
                        await asyncio.sleep(0.2)  # the server commits; its answer is thrown away
                    break
                to_server.write(chunk)
                await to_server.drain()
        back.cancel()
        for writer in (to_client, to_server):
            writer.transport.abort()
            self._writers.discard(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silenced: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            if not silenced.is_set():
                writer.write(chunk)
                await writer.drain()
        if not silenced.is_set():
            writer.close()  # the server has ended the connection, and asyncpg waits for that
