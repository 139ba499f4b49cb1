"""A production start against real servers: it serves, it hides what is the sandbox's, and it refuses in a sentence."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from minio import Minio

from storage.keyring import create_root_key
from tests.commands import berkas
from tests.conftest import PostgresServer, StoreServer
from tests.rules.house import ROOT
from tests.tripwire import Tripwire


@pytest.fixture
def environment(database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path) -> dict[str, str]:
    s3 = Minio(urlsplit(store.endpoint).netloc, store.access_key, store.secret_key, secure=False)
    s3.make_bucket(bucket_name)
    key = tmp_path / "root.key"
    create_root_key(key)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "BERKAS_MODE": "production",
        "BERKAS_LISTEN": f"127.0.0.1:{port}",
        "BERKAS_PUBLIC_ORIGIN": "https://berkas.example.go.id",
        "BERKAS_DATABASE_URL": database_url,
        "BERKAS_S3_ENDPOINT": store.endpoint,
        "BERKAS_S3_ACCESS_KEY": store.access_key,
        "BERKAS_S3_SECRET_KEY": store.secret_key,
        "BERKAS_S3_BUCKET": bucket_name,
        "BERKAS_ROOT_KEY": f"file:{key}",
        "BERKAS_SITE": "6472",
    }


def _berkas(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return berkas(*words, env=environment, cwd=ROOT)


@contextmanager
def _served(environment: dict[str, str], log: Path) -> Iterator[str]:
    origin = f"http://{environment['BERKAS_LISTEN']}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "exchange.cli", "serve"], env=environment, stdout=file, stderr=file
        )
    try:
        until_s = time.monotonic() + 40
        while True:
            assert process.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{origin}/health/live", timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until_s, log.read_text()
                time.sleep(0.1)
        yield origin
    finally:
        process.terminate()
        assert process.wait(20) in {0, -15}


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_it_serves(environment: dict[str, str], tmp_path: Path, log_tripwire: Tripwire) -> None:
    """A54: ready; no inbox, no description of the API; HSTS; agencies are added while it runs."""
    log = tmp_path / "serve.log"
    log_tripwire.watch(log)
    assert _berkas(environment, "site", "add", "6472", "MPP Kota Samarinda").returncode == 0
    with _served(environment, log) as origin:
        with urllib.request.urlopen(f"{origin}/health/ready", timeout=5) as answer:
            assert json.load(answer)["status"] == "ok"
            assert "max-age" in answer.headers["strict-transport-security"]
        assert [_status(f"{origin}{path}") for path in ("/sandbox/inbox", "/openapi.json", "/docs")] == [
            404
        ] * 3
        assert (
            _berkas(environment, "agency", "add", "DPMPTSP", "6472", "DPMPTSP Kota Samarinda").returncode == 0
        )
        assert "DPMPTSP@6472" in _berkas(environment, "agency", "list").stdout
        told = _berkas(environment, "doctor")
        assert told.returncode == 0, told.stdout + told.stderr
    assert "Traceback" not in log.read_text()


def test_the_doctor_says_why_messages_were_given_up(
    environment: dict[str, str], database_url: str, postgres: PostgresServer
) -> None:
    row = "INSERT INTO outbox SELECT $1, 'site', 'email', 'notice', '', 'dead', $2, 1, now(), 'recipient_550'"
    for message_id, age in (("m_1", "now()"), ("m_2", "now()"), ("m_old", "now() - interval '8 days'")):
        statement = row.replace("$1", f"'{message_id}'").replace("$2", age)
        _as_superuser(postgres, database_url, statement)
    told = _berkas(environment, "doctor")
    assert told.returncode == 3
    assert "FAIL messages: 0 waiting, 2 given up in seven days (2 recipient_550)" in told.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"BERKAS_ROOT_KEY": "file:/nowhere/root.key"}, "root key"),
        ({"BERKAS_S3_SECRET_KEY": "minioadmin"}, "BERKAS_S3_SECRET_KEY"),
        ({"BERKAS_PUBLIC_ORIGIN": "http://berkas.example.go.id"}, "https"),
        (
            {"BERKAS_DATABASE_URL": "postgresql://app:0123456789abcdef@127.0.0.1:9/none"},
            "the database does not answer",
        ),
    ],
)
def test_it_refuses_in_a_sentence(environment: dict[str, str], change: dict[str, str], words: str) -> None:
    """F35: no trace, no value, exit code 1."""
    told = _berkas(environment | change, "serve")
    assert told.returncode == 1, told.stderr
    last = told.stderr.strip().splitlines()[-1]
    assert last.startswith("berkas: ")
    assert words in last
    assert "Traceback" not in told.stderr
    assert not any(secret in told.stderr for secret in ("0123456789abcdef", "minioadmin"))


def test_it_refuses_another_schema(
    environment: dict[str, str], database_url: str, postgres: PostgresServer
) -> None:
    """Without the newest revision the triggers that keep the log append-only may be missing."""
    _as_superuser(postgres, database_url, "UPDATE alembic_version SET version_num = '0001'")
    told = _berkas(environment, "serve")
    assert told.returncode == 1
    assert "run `berkas migrate`" in told.stderr


def test_it_refuses_a_database_that_may_lose_what_it_acknowledged(
    environment: dict[str, str], database_url: str, postgres: PostgresServer
) -> None:
    """DESIGN section 2: a withdrawal that was acknowledged and lost with the power is a fork of the log."""
    database = urlsplit(database_url).path[1:]
    _as_superuser(postgres, database_url, f"ALTER DATABASE {database} SET synchronous_commit = off")
    told = _berkas(environment, "serve")
    assert told.returncode == 1
    assert "synchronous_commit" in told.stderr


def _as_superuser(postgres: PostgresServer, database_url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(postgres.at(postgres.superuser, urlsplit(database_url).path[1:]))
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())
