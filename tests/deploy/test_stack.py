"""The set of processes that ``deploy/`` describes, as it is deployed: nginx on our file, TLS, two replicas, a worker."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from exchange.cli.sandbox.facts import read_facts
from tests.conftest import minio_binary
from tests.deploy.nginx import TEMPORARY, nginx_here
from tests.deploy.stack import Stack, running
from tests.files import noted
from tests.flows.replicas import as_officer
from tests.rules.house import ROOT
from tests.tripwire import leaks
from tests.world import CANARIES, JPEG, OfficerAt, World

SLOW_CLIENTS = 20  # of each kind; nginx takes 50 connections of one address
HEADER_LIMIT_S = BODY_LIMIT_S = 10
WHOLE = "DPMPTSP.PBG"
PAPER = noted(JPEG, os.urandom(6_000_000))

pytestmark = pytest.mark.skipif(
    nginx_here() is None, reason="the stack was left out: no nginx here (apt-get install nginx)"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BERKAS_")]:
            patch.delenv(name)
        if minio := minio_binary():
            patch.setenv("PATH", f"{minio.parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("BERKAS_DATA_DIR", str(folder / "data"))
        patch.setenv("BERKAS_UPLOAD_LIMIT_BYTES", "20000000")
        patch.setenv(
            "BERKAS_ORIGINAL_SERVICES", WHOLE
        )  # compared byte by byte; the story is of another service
        with running(folder) as stack:
            yield stack
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 10
    for log in folder.glob("*.log"):
        found = sorted(
            {kind for line in log.read_text(errors="replace").splitlines() for kind in leaks(line)}
        )
        assert found == [], log.name


class Behind(World):
    """What officers and citizens do, through nginx; messages are read from the sandbox's inbox."""

    def __init__(self, stack: Stack) -> None:
        self._trust = stack.trust()
        self.origin, self.clients = stack.origin, []
        self.client = self.browser()
        self._facts: dict[str, Any] = read_facts(stack.folder / "data")

    def browser(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=self.origin, timeout=30, verify=self._trust)
        self.clients.append(client)
        return client

    async def officer(self, agency: str = "DPMPTSP", name: str = "") -> OfficerAt:
        person = next(row for row in self._facts["officers"] if row["agency"].startswith(f"{agency}@"))
        client = self.browser()
        given = {"username": person["username"], "password": person["password"]}
        answer = await client.post("/v1/session", json=given)
        assert answer.status_code == 201, answer.text
        CANARIES.update({answer.json()["csrf"], *client.cookies.values()})
        return OfficerAt(client, person["username"], person["agency"], answer.json()["csrf"])

    async def inbox(self, kind: str | None = None) -> list[dict[str, Any]]:
        """As soon as the worker has sent what waits."""
        address = re.sub(r"^https?://[^/]+", "", self._facts["inbox_url"])
        until_s, seen = time.monotonic() + 10, -1
        while time.monotonic() < until_s:
            messages: list[dict[str, Any]] = (await self.client.get(address)).json()["messages"]
            found = [message for message in messages if kind is None or message["kind"] == kind]
            if found and len(found) == seen:
                return found
            seen = len(found)
            await asyncio.sleep(0.5)
        raise AssertionError("no message came")


@asynccontextmanager
async def behind(stack: Stack) -> AsyncIterator[Behind]:
    world = Behind(stack)
    try:
        yield world
    finally:
        await world.close()


def _slow(stack: Stack, kind: str) -> socket.socket:
    """A client that has begun a request and says no more: in its headers, or in a body that it announced."""
    host, port = urlsplit(stack.origin).netloc.split(":")
    plain = socket.create_connection((host, int(port)), timeout=5)
    connection = stack.trust().wrap_socket(plain, server_hostname=host)
    begun = {
        "header": b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        "body": b"POST /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
    }
    connection.sendall(begun[kind])
    return connection


def _ended(connection: socket.socket, until_s: float) -> bool:
    connection.settimeout(max(0.1, until_s - time.monotonic()))
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except (OSError, ssl.SSLError):
        return True
    return True


def test_the_story_while_slow_clients_hold_on(stack: Stack) -> None:
    """Slowloris, in headers and in bodies, all the while: the story goes through nginx as if nobody was there, no replica sees a slow header, and
    each slow client is cut off by its deadline."""
    with ExitStack() as connections:
        slow = {
            kind: [connections.enter_context(_slow(stack, kind)) for _ in range(SLOW_CLIENTS)]
            for kind in ("header", "body")
        }
        began_s = time.monotonic()
        time.sleep(0.5)
        seen = sum(len(_connections(stack, name)) for name in ("replica-1", "replica-2"))
        assert seen <= SLOW_CLIENTS + 8, "slow headers reached the application"
        told = subprocess.run(
            [sys.executable, "-m", "exchange.cli", "demo"], capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SSL_CERT_FILE": str(stack.authority)}, cwd=stack.folder,
        )  # fmt: skip
        assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-2000:]
        assert "The story held" in told.stdout
        until_s = max(began_s + 2 * HEADER_LIMIT_S, time.monotonic() + 1)
        assert all(_ended(connection, until_s) for kind in slow for connection in slow[kind])


def _connections(stack: Stack, name: str) -> list[Any]:
    process = psutil.Process(stack.children[name].pid)
    return [
        one
        for one in process.net_connections("tcp")
        if one.status == psutil.CONN_ESTABLISHED and one.laddr.port in _ports(stack)
    ]


def _ports(stack: Stack) -> set[int]:
    return {int(origin.rpartition(":")[2]) for origin in stack.replicas}


async def test_a_withdrawal_at_one_replica_is_seen_at_the_other(stack: Stack) -> None:
    """M05: two replicas behind one address share everything. Tickets of both, used at both, and none after the withdrawal at either."""
    one, two = stack.replicas
    async with behind(stack) as world, httpx.AsyncClient(timeout=30) as past:
        officer = await world.officer()
        consent, ticket = await world.consented(officer, "6472091708909977", service=WHOLE)
        headers = as_officer(officer)
        spare = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
        for origin, used, status in ((two, ticket, 200), (one, ticket, 409)):
            assert (await _fetched(past, origin, used, headers)).status_code == status
        done = await past.post(f"{one}/v1/consents/{consent}/withdrawal", json={}, headers=headers)
        assert done.status_code == 200, done.text
        refused = await _fetched(past, two, spare, headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "BK-4005")
        again = await past.post(f"{two}/v1/tickets", json={"consent_id": consent}, headers=headers)
        assert again.json()["code"] == "BK-4005"


async def _fetched(
    client: httpx.AsyncClient, origin: str, ticket: dict[str, Any], headers: dict[str, str]
) -> httpx.Response:
    url = origin + ticket["documents"][0]["content_url"]
    for _ in range(40):
        answer = await client.get(url, headers={"Authorization": f"Bearer {ticket['ticket']}", **headers})
        if (
            answer.status_code != 409 or answer.json()["code"] != "BK-4008"
        ):  # its outcome is written beside the answer
            break
        await asyncio.sleep(0.1)
    return answer


async def test_a_paper_passes_nginx_and_never_its_disk(stack: Stack) -> None:
    """6 MB in and out. A temporary file is unlinked at once, but its folder keeps the time at which it was made."""
    before = _touched(stack)
    async with behind(stack) as world:
        officer = await world.officer()
        _, ticket = await world.consented(officer, "6472091708909978", content=PAPER, service=WHOLE)
        fetched = await world.fetches(officer, ticket)
        assert fetched.content == PAPER
        too_large = await officer.post("/v1/subjects/x/documents", content=bytes(21_000_000))
        assert too_large.status_code == 413
    assert _touched(stack) == before


def _touched(stack: Stack) -> dict[str, int]:
    return {name: (stack.folder / name).stat().st_mtime_ns for name in TEMPORARY}


def test_no_address_stands_in_a_log_of_nginx(stack: Stack) -> None:
    """D10: /p/ and /w/ hold the codes of links."""
    with httpx.Client(base_url=stack.origin, verify=stack.trust()) as client:
        assert client.get("/p/" + "a" * 40).status_code == 410
        assert client.get("/p/" + "a" * 40_000).status_code == 414  # nginx itself: it takes 32 KB a line
    told = "".join(path.read_text() for path in stack.folder.glob("*.log"))
    assert "a" * 40 not in told
    assert "/p/" not in (stack.folder / "berkas.log").read_text()


async def test_the_worker_alone_sends(stack: Stack) -> None:
    """BERKAS_WORKER=apart: with it stopped nothing leaves, and nothing is lost."""
    worker = psutil.Process(stack.children["worker"].pid)
    async with behind(stack) as world:
        officer = await world.officer()
        worker.suspend()
        try:
            before = len(await _notices(world))
            subject = await world.enrols(officer, "6472091708909979", phone="+6281200009979")
            added = await officer.post(
                f"/v1/subjects/{subject}/contacts", json={"channel": "whatsapp", "value": "+6281200009980"}
            )
            assert added.status_code == 201, added.text
            await asyncio.sleep(2)
            assert len(await _notices(world)) == before
        finally:
            worker.resume()
        until_s = time.monotonic() + 15
        while len(await _notices(world)) == before:
            assert time.monotonic() < until_s
            await asyncio.sleep(0.2)


async def _notices(world: Behind) -> list[dict[str, Any]]:
    address = re.sub(r"^https?://[^/]+", "", world._facts["inbox_url"])
    messages: list[dict[str, Any]] = (await world.client.get(address)).json()["messages"]
    return messages
