"""A real https server on loopback, in the place of an agency's own: where it publishes its keys."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.storage.self_signed import make_certificate

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class KeyServer:
    """Answers every path with ``body``, or as ``answer`` does; ``asked`` are the Host and the path of each request."""

    port: int
    certificate: Path
    body: bytes = b'{"keys": []}'
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/jwk-set+json"})
    answer: Answer | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"https://localhost:{self.port}/jwks.json"

    def publishes(self, *keys: Mapping[str, Any]) -> None:
        self.body = json.dumps({"keys": list(keys)}).encode()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.headers["Host"], request.path_qs))
        if self.answer is not None:
            return await self.answer(request)
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@contextlib.asynccontextmanager
async def key_server(folder: Path, host: str = "localhost") -> AsyncIterator[KeyServer]:
    """With a certificate for ``host`` that signs itself."""
    certificate, key = make_certificate(folder, host)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = KeyServer(0, certificate)
    # Called with the name that the client sent in the clear (SNI, RFC 6066 3).
    context.sni_callback = lambda _socket, name, _context: server.names.append(name)
    app = web.Application()
    app.router.add_get("/{path:.*}", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await asyncio.wait_for(runner.cleanup(), 5)
