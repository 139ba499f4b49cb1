"""Running it: the whole sandbox with one command, or the application alone, or its jobs alone, against servers that exist."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from urllib.request import urlopen

import typer
import uvicorn
import uvloop
from fastapi import FastAPI

from exchange import logs
from exchange.cli import memory, setup
from exchange.cli.sandbox.facts import banner
from exchange.cli.sandbox.seed import ensure
from exchange.cli.stopping import sigterm_is_ctrl_c
from exchange.edge import Protocol
from exchange.loops import start_loops
from exchange.settings import Settings, SettingsRefused
from exchange.wiring import wired
from storage.embedded.services import Services

GRACEFUL_STOP_S = 3  # with the servers' own stop (6 s) below the 10 s that Ctrl-C may take
READY_WITHIN_S = 30


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(serve)
    app.command()(worker)


def up() -> None:
    """Embedded PostgreSQL and S3, migrations, sandbox data, the application. Ctrl-C stops all."""
    settings = setup.load_settings()
    if settings.mode == "production":
        raise SettingsRefused("`up` is for the sandbox; in production use `migrate` and `serve`")
    logs.configure()
    settings = on_free_port(settings)
    began_s = time.monotonic()
    serving = False
    try:
        with setup.servers(settings) as (ready, services):
            setup.migrate(ready)
            asyncio.run(ensure(ready, say=typer.echo))
            setup.note_running(ready)
            announced = threading.Thread(target=_announce, args=(ready, services, began_s), daemon=True)
            announced.start()
            serving = True
            _serve(ready)
    except KeyboardInterrupt:
        if not serving:
            typer.echo("Berkas stopped before it was ready; the next start goes on from here.")
            raise
    typer.echo("Berkas stopped.")


def serve() -> None:
    """The application against the database and the object store that BERKAS_* names."""
    settings = setup.load_settings()
    logs.configure()
    if settings.database_url is None:
        raise SettingsRefused("BERKAS_DATABASE_URL is not set (`berkas up` starts everything)")
    if settings.witness_policy is None:
        typer.echo("no witnesses (BERKAS_WITNESS_POLICY): nobody outside vouches for the log", err=True)
    asyncio.run(_opened_once(settings))
    with contextlib.suppress(
        KeyboardInterrupt
    ):  # asked to stop, and stopped: what a supervisor calls a success
        _serve(settings)


def worker() -> None:
    """The jobs beside the requests (messages, reminders, sweeps), for replicas with BERKAS_WORKER=apart. It has no port."""
    settings = setup.load_settings()
    logs.configure()
    if settings.database_url is None:
        raise SettingsRefused("BERKAS_DATABASE_URL is not set (`berkas up` starts everything)")
    with contextlib.suppress(KeyboardInterrupt), sigterm_is_ctrl_c():
        uvloop.run(_working(settings))


async def _working(settings: Settings) -> None:
    async with wired(settings) as parts:
        start_loops(parts, shared=True)
        typer.echo("the worker works")
        await asyncio.Event().wait()


async def _opened_once(settings: Settings) -> None:
    """What would refuse the start says so here, in a sentence; the web server would only say that it failed."""
    async with wired(settings):
        pass


def server_config(settings: Settings, app: FastAPI) -> uvicorn.Config:
    """How the application is served, here and in the tests."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Protocol,
        access_log=False,  # it would print the codes of citizens' links
        log_config=None,
        server_header=False,
        proxy_headers=False,  # nothing here believes a forwarded header (A52)
        timeout_graceful_shutdown=GRACEFUL_STOP_S,
        timeout_keep_alive=30,
    )


def _serve(settings: Settings) -> None:
    from exchange.app import create_app  # routes and their models: a fifth of every other command's start

    server = uvicorn.Server(server_config(settings, create_app(settings)))
    memory.settle()
    with sigterm_is_ctrl_c():
        uvloop.run(server.serve())


def on_free_port(settings: Settings) -> Settings:
    """In the sandbox a busy port moves to a free one; the banner says which."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            probe.bind((settings.host, 0))
            listen = f"{settings.host}:{probe.getsockname()[1]}"
            return settings.model_copy(update={"listen": listen})
    return settings


def _announce(settings: Settings, services: Services | None, began_s: float) -> None:
    until_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until_s:
        try:
            with urlopen(f"http://{settings.listen}/health/live", timeout=1):
                typer.echo(banner(settings, services, time.monotonic() - began_s))
                return
        except OSError:
            time.sleep(0.1)
    typer.echo(
        f"Berkas does not answer at {settings.listen} after {READY_WITHIN_S} s: see what is written above",
        err=True,
    )
