"""A real HTTP server on loopback in the place of an operator's gateway for SMS and WhatsApp (deploy/gateway.md)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.storage.self_signed import make_certificate

TOKEN = "rahasia-gerbang-percobaan"


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class GatewayServer:
    """``answers``: the next ones, one after the other (status, headers); afterwards 202. ``slow_s`` before each.
    ``endless``: a body that goes on for as long as somebody reads it.
    """

    url: str = ""
    ca_file: Path | None = None
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    body: bytes = b""
    endless: bool = False
    slow_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.path, dict(request.headers), await request.json()))
        status, headers = self.answers.pop(0) if self.answers else (202, {})
        await asyncio.sleep(self.slow_s)
        if not self.endless:
            return web.Response(status=status, headers=headers, body=self.body)
        answer = web.StreamResponse(status=status, headers=headers)
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b"x" * 65_536)
        return answer


@contextlib.asynccontextmanager
async def gateway_server(folder: Path | None = None) -> AsyncIterator[GatewayServer]:
    """Over TLS where there is a ``folder`` for its certificate."""
    server = GatewayServer()
    context = None
    if folder is not None:
        server.ca_file, key = make_certificate(folder, "localhost")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(server.ca_file, key)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    scheme = "http" if context is None else "https"
    server.url = f"{scheme}://localhost:{runner.addresses[0][1]}/kirim"
    try:
        yield server
    finally:
        await asyncio.wait_for(runner.cleanup(), 5)
