"""Domain verbs over real HTTP against a real server: what officers and citizens do, as tests say it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import hashlib
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute

from exchange import wiring
from exchange.app import create_app
from exchange.cli.run import server_config
from exchange.deps import Parts
from exchange.flows import look_after, run_officers, run_site
from exchange.requirements.catalogue import load_catalogue
from exchange.settings import Settings
from storage.inspection import GATE_TASKS
from storage.keyring import create_root_key
from storage.workers import LimitedWorkers
from tests.files import jpeg, pdf

# http on loopback: reading the machine's certificates took 20 ms a client.
_PLAIN = False

PASSWORD = "sandi yang panjang sekali"
# Cheap to verify, since a hash names its own cost: 50 ms for each of a thousand sign-ins would be most of their time.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
SITE = "6472"
NIK = "6472091708909901"
OTHER_NIK = "6472095708929902"
NAME = "Warga Contoh"
PHONE = "+6281200009901"
JPEG = jpeg()
PDF = pdf(b"x" * 5000)
SERVICE = "DPMPTSP.NIB"
EVERY_SERVICE = " ".join(load_catalogue().services)
ANSWERS = {"legal_entity": False, "represented": False}
# What no log may hold: grows with every session that a test opens.
CANARIES = {PASSWORD, PHONE, PHONE.removeprefix("+")}
AGENCIES = {
    "DPMPTSP": "DPMPTSP Kota Samarinda",
    "POLRI": "Polresta Samarinda",
    "IMIGRASI": "Kantor Imigrasi Samarinda",
}


@dataclass
class OfficerAt:
    """A signed-in officer: cookie and CSRF token included in every call."""

    client: httpx.AsyncClient
    username: str
    agency: str
    csrf: str = ""

    async def post(self, path: str, **arguments: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf, **arguments.pop("headers", {})}
        return await self.client.post(path, headers=headers, **arguments)

    async def get(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.client.get(path, **arguments)

    async def put(self, path: str, **arguments: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf, **arguments.pop("headers", {})}
        return await self.client.put(path, headers=headers, **arguments)

    async def delete(self, path: str, **arguments: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf, **arguments.pop("headers", {})}
        return await self.client.delete(path, headers=headers, **arguments)


@dataclass
class World:
    origin: str
    app: FastAPI
    client: httpx.AsyncClient
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.state.parts
        return parts

    def browser(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=self.origin, timeout=20, verify=_PLAIN)
        self.clients.append(client)
        return client

    async def officer(self, agency: str = "DPMPTSP", name: str = "petugas") -> OfficerAt:
        """An officer of ``agency``, enrolled when new, signed in."""
        username = f"{name}.{agency.lower()}"
        with contextlib.suppress(Exception):
            await run_officers.add_officer(
                self.parts.keyring,
                self.parts.appender,
                username=username,
                name="Petugas Contoh",
                agency_id=f"{agency}@{SITE}",
                counter="Loket 3",
                role="officer",
                password_hash=PASSWORD_HASH,
            )
        return await self.signs_in(username, agency)

    async def signs_in(self, username: str, agency: str = "DPMPTSP") -> OfficerAt:
        client = self.browser()
        answer = await client.post("/v1/session", json={"username": username, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        CANARIES.update({answer.json()["csrf"], *client.cookies.values()})
        return OfficerAt(client, username, f"{agency}@{SITE}", answer.json()["csrf"])

    async def enrols(self, officer: OfficerAt, nik: str = NIK, phone: str | None = PHONE) -> str:
        contacts = [{"channel": "whatsapp", "value": phone}] if phone else []
        answer = await officer.post("/v1/subjects", json={"nik": nik, "name": NAME, "contacts": contacts})
        assert answer.status_code in {200, 201}, answer.text
        return str(answer.json()["subject_ref"])

    async def stores(
        self, officer: OfficerAt, subject: str, kind: str = "KTP", content: bytes = JPEG, **query: str
    ) -> httpx.Response:
        kinds = {b"%PDF": "application/pdf", b"\x89PNG": "image/png"}
        media_type = kinds.get(content[:4], "image/jpeg")
        return await officer.post(
            f"/v1/subjects/{subject}/documents",
            params={"type": kind, **query},
            content=content,
            headers={"Content-Type": media_type, "Content-Digest": content_digest(content)},
        )

    async def asks(
        self, officer: OfficerAt, subject: str, service: str = SERVICE, **more: Any
    ) -> dict[str, Any]:
        body = {"subject_ref": subject, "service": service, "channel": "qr", "answers": ANSWERS, **more}
        answer = await officer.post("/v1/consent-requests", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def inbox(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What was sent, as soon as the outbox is empty."""
        for _ in range(100):
            async with self.parts.database.transaction() as transaction:
                waiting = await transaction.raw.fetchval(
                    "SELECT count(*) FROM outbox WHERE state = 'waiting'"
                )
            if not waiting:
                break
            await asyncio.sleep(0.02)
        messages = await look_after.sent(self.parts.database, self.parts.keyring)
        return [message for message in messages if kind is None or message["kind"] == kind]

    async def proves(self, browser: httpx.AsyncClient, link: str) -> httpx.Response:
        """Ask for a code, read it from the inbox, type it; returns the page behind the factor."""
        path = path_of(link)
        page = await browser.get(path)
        sent = await browser.post(path, data={"step": "send", "csrf": csrf_of(page)}, follow_redirects=True)
        assert sent.status_code == 200, sent.text
        code = (await self.inbox("otp"))[-1]["code"]
        return await browser.post(
            path, data={"step": "code", "csrf": csrf_of(sent), "code": code}, follow_redirects=True
        )

    async def allows(
        self, link: str, keys: list[str] | None = None, browser: httpx.AsyncClient | None = None
    ) -> httpx.Response:
        """Grant the ticked items; None ticks everything, [] refuses all."""
        browser = browser or self.browser()
        page = await self.proves(browser, link)
        ticks = re.findall(r'name="document" value="([^"]+)"', page.text) if keys is None else keys
        decision = "grant" if ticks else "refuse"
        return await browser.post(
            path_of(link),
            data={"step": "decide", "csrf": csrf_of(page), "decision": decision, "document": ticks},
        )

    async def consented(
        self, officer: OfficerAt, nik: str = NIK, content: bytes = JPEG, service: str = SERVICE
    ) -> tuple[str, dict[str, Any]]:
        """(consent id, ticket answer) of a citizen whose KTP is on file and granted."""
        subject = await self.enrols(officer, nik)
        stored = await self.stores(officer, subject, content=content)
        assert stored.status_code in {200, 201}, stored.text
        asked = await self.asks(officer, subject, service)
        done = await self.allows(asked["link"])
        assert done.status_code == 200, done.text
        state = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()
        consent = state["consent_id"]
        ticket = await officer.post("/v1/tickets", json={"consent_id": consent})
        assert ticket.status_code == 201, ticket.text
        return consent, dict(ticket.json())

    async def fetches(self, officer: OfficerAt, ticket: dict[str, Any], number: int = 0) -> httpx.Response:
        document = ticket["documents"][number]
        return await officer.get(
            document["content_url"], headers={"Authorization": f"Bearer {ticket['ticket']}"}
        )

    async def outcomes(self) -> None:
        """Wait until every delivery has ended on record."""
        for _ in range(200):
            async with self.parts.database.transaction() as transaction:
                if not await transaction.raw.fetchval("SELECT count(*) FROM ticket_use WHERE open"):
                    return
            await asyncio.sleep(0.05)
        raise AssertionError("no outcome")

    async def size(self) -> int:
        """How many entries the log has."""
        async with self.parts.database.reading() as reading:
            return int(await reading.raw.fetchval("SELECT count(*) FROM audit_event"))

    async def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """The entries of the log from index ``since`` on, opened, oldest first."""
        from storage.ledger.history import opened

        async with self.parts.database.transaction() as transaction:
            rows = await transaction.raw.fetch(
                "SELECT * FROM audit_event WHERE idx >= $1 ORDER BY idx", since
            )
        import json

        return [
            json.loads(opened(await self.parts.keyring.trail(row["subject_ref"]), row)[1]) for row in rows
        ]

    async def close(self) -> None:
        for client in self.clients:
            await client.aclose()


def content_digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert found, page.text[:500]
    return found.group(1)


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


class _SharedWorkers(LimitedWorkers):
    """One pool for the worlds of a run, ended with the process: a fresh interpreter for each would be most of a test's time."""

    async def stop(self) -> None:
        """Not yet: the next world goes on with it."""


@functools.cache
def gate_workers() -> LimitedWorkers:
    return _SharedWorkers(GATE_TASKS, processes=2)


def _workers(tasks: Mapping[str, str], **more: Any) -> LimitedWorkers:
    if tasks is not GATE_TASKS:
        return LimitedWorkers(tasks, **more)
    shared = gate_workers()
    # A queue belongs to the loop in which somebody first had to wait for it, and not every test runs in the session's.
    shared._places._loop = None  # type: ignore[attr-defined]
    return shared


_ROUTES: dict[tuple[object, ...], list[BaseRoute]] = {}


def _share_routes(app: FastAPI, settings: Settings) -> None:
    """What FastAPI works out about a route at its first request it works out once, and not for each of a thousand worlds."""
    kind = (settings.mode, bool(settings.oidc_issuer), bool(settings.inapas_issuer))
    app.router.routes = list(_ROUTES.setdefault(kind, app.router.routes))


@contextlib.asynccontextmanager
async def running_world(
    folder: Path, *, database_url: str, store: Any, **changes: Any
) -> AsyncIterator[World]:
    """A served application on a free port of loopback, with agencies; everything else is up to the test."""
    root_key = folder / "root.key"
    create_root_key(root_key)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(
        **{
            "listen": f"127.0.0.1:{port}",
            "data_dir": folder,
            "database_url": SecretStr(database_url),
            "s3_endpoint": store.endpoint,
            "s3_access_key": SecretStr(store.access_key),
            "s3_secret_key": SecretStr(store.secret_key),
            "root_key": f"file:{root_key}",
            "upload_limit_bytes": 1_000_000,
            "upload_idle_limit_s": 1.0,
            "original_services": EVERY_SERVICE,  # most tests compare bytes; copies have tests of their own
            **changes,
        }
    )
    app = create_app(settings)
    _share_routes(app, settings)
    config = server_config(settings, app)
    server = uvicorn.Server(config)
    # Without the loop around them, which looks for a signal ten times a second: a test's server ends at once.
    config.load()
    server.lifespan = config.lifespan_class(config)
    with mock.patch.object(wiring, "LimitedWorkers", side_effect=_workers):
        await server.startup()
    await server.on_tick(0)  # the headers that every answer gets
    if server.should_exit:
        raise RuntimeError("the server did not start")
    world = World(
        settings.origin, app, httpx.AsyncClient(base_url=settings.origin, timeout=20, verify=_PLAIN)
    )
    world.clients.append(world.client)
    parts = world.parts
    await run_site.add_site(parts.database, site_id=SITE, name="MPP Kota Samarinda", zone="Asia/Makassar")
    known = {row.id for row in await run_site.list_agencies(parts.database)}  # of a site that was restored
    for code, name in AGENCIES.items():
        if f"{code}@{SITE}" in known:
            continue
        services = [row.code for row in parts.catalogue.services.values() if row.agency == code]
        await run_site.add_agency(
            parts.database,
            parts.keyring,
            parts.appender,
            code=code,
            site_id=SITE,
            name=name,
            services=services,
        )
    try:
        yield world
    finally:
        await world.close()
        await _stop(server)


async def _stop(server: uvicorn.Server) -> None:
    """``Server.shutdown`` without its pause of a tenth of a second, which every test would wait for."""
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    async with asyncio.timeout(10):
        while server.server_state.tasks:  # noqa: ASYNC110 - uvicorn's own way to wait
            await asyncio.sleep(0.01)
    await server.lifespan.shutdown()
