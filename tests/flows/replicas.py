"""Several application processes over the database and the bucket of one world, and callers that choose one of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from tests.rules.house import ROOT
from tests.tripwire import TRIPWIRE
from tests.world import OfficerAt, World

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
# A crowd of callers is one client with many connections: opening one each would be most of the work.
_MANY = httpx.Limits(max_connections=200, max_keepalive_connections=200)


@dataclass(frozen=True, slots=True)
class Replica:
    """An application in a process of its own."""

    origin: str
    client: httpx.AsyncClient

    async def get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def post(
        self, path: str, headers: dict[str, str], *, form: object = None, body: object = None
    ) -> httpx.Response:
        return await self.client.request(
            "POST", path, headers=headers, data=form if isinstance(form, dict) else None, json=body
        )


def as_officer(officer: OfficerAt) -> dict[str, str]:
    """The headers with which an officer's session is used anywhere."""
    cookies = "; ".join(f"{name}={value}" for name, value in officer.client.cookies.items())
    return {"Cookie": cookies, "X-CSRF-Token": officer.csrf}


@contextlib.asynccontextmanager
async def two_replicas(world: World, folder: Path, *, planted: str = "") -> AsyncIterator[list[Replica]]:
    """Two processes that serve what ``world`` serves; ``planted`` names a bug of ``tests.flows.planted`` to start them with."""
    async with contextlib.AsyncExitStack() as stack:
        starting = [stack.enter_async_context(_process(world, folder / f"{n}", planted)) for n in range(2)]
        ports = [await one for one in starting]
        yield [await stack.enter_async_context(_ready(port)) for port in ports]


@contextlib.asynccontextmanager
async def _process(world: World, folder: Path, planted: str) -> AsyncIterator[int]:
    await asyncio.to_thread(folder.mkdir, parents=True)
    port, log = _free_port(), folder / "serve.log"
    started = ["tests.flows.planted", planted] if planted else ["exchange.cli", "serve"]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *started, env=environment_of(world, port), cwd=ROOT, stdout=output, stderr=output,
        )  # fmt: skip
        TRIPWIRE.watch(log)
        try:
            yield port
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
            except TimeoutError:
                process.kill()
                await process.wait()


@contextlib.asynccontextmanager
async def _ready(port: int) -> AsyncIterator[Replica]:
    origin = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=origin, timeout=20, verify=False, limits=_MANY) as client:
        async with asyncio.timeout(READY_WITHIN_S):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get("/health/ready")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        yield Replica(origin, client)


def environment_of(world: World, port: int) -> dict[str, str]:
    """The settings of ``world``, its public origin too: a ticket of one replica opens at the other."""
    settings = world.parts.settings
    changed = settings.model_copy(
        update={"listen": f"127.0.0.1:{port}", "public_origin": settings.origin}
    ).model_dump(exclude_none=True)
    ours = {
        f"BERKAS_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in changed.items()
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
    return {**kept, **ours, "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
