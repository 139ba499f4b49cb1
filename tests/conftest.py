"""Real servers for the whole run: one PostgreSQL, one S3 server; a fresh database for each test that asks."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import uvloop
from minio import Minio

from exchange import client_assertions, sessions
from storage import schema
from storage.database import Database
from tests.tripwire import log_tripwire
from tests.world import World, running_world

__all__ = ["log_tripwire"]

# A shell starts what it puts in the background with SIGINT ignored, and so would be every process that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.fixture(scope="session", params=["seaweedfs", "minio"])
def any_store(
    request: pytest.FixtureRequest, store: StoreServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreServer]:
    """The object-store tests run on both: SeaweedFS always, MinIO where a binary of it is at hand."""
    if request.param == store.kind:
        yield store
        return
    binary = minio_binary()
    if binary is None:
        pytest.skip("the MinIO leg was left out: no binary (make minio)")
    from storage.embedded.objects import EmbeddedStore

    server = EmbeddedStore(tmp_path_factory.mktemp("minio"), "minio", binary=binary)
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


class Databases:
    """Fresh migrated databases. The next one is made, and the last one dropped, while a test works: 0.1 s each."""

    def __init__(self, postgres: PostgresServer, template: str) -> None:
        self._postgres = postgres
        self._template = template
        self._maker = ThreadPoolExecutor(1)
        self._next = self._maker.submit(self._made)

    async def take(self) -> str:
        name = await asyncio.wrap_future(self._next)
        self._next = self._maker.submit(self._made)
        return name

    def drop(self, name: str) -> None:
        self._maker.submit(self._run, f"DROP DATABASE {name} WITH (FORCE)").add_done_callback(Future.result)

    def close(self) -> None:
        self._maker.shutdown()

    def _made(self) -> str:
        name = f"t_{uuid.uuid4().hex[:12]}"
        owner = urlsplit(self._postgres.owner).username
        self._run(f'CREATE DATABASE {name} TEMPLATE {self._template} OWNER "{owner}" STRATEGY wal_log')
        return name

    def _run(self, statement: str) -> None:
        asyncio.run(_execute(self._postgres.superuser, statement))


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer, template: str) -> Iterator[Databases]:
    made = Databases(postgres, template)
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


def what_runs() -> list[str]:
    """Which of the optional legs run, and which are left out."""
    minio, wrk = minio_binary(), shutil.which("wrk")
    browser = (
        os.environ.get("BERKAS_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    return [
        f"object stores: SeaweedFS (embedded){f' and MinIO ({minio})' if minio else '; the MinIO leg is left out (make minio)'}",
        f"browser: {browser or 'none, the tests of the pages in chromium are left out'}",
        f"load: our own client{f' and wrk ({wrk})' if wrk else '; the bench under wrk is left out'}",
    ]


def pytest_report_header() -> list[str]:
    return what_runs()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end once more: with -q there is no header."""
    terminalreporter.section("what ran")
    for line in what_runs():
        terminalreporter.write_line(line)
