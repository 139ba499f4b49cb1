"""``berkas log reopen`` as an operator runs it: the backup of a night, acts after it, the disk dies, the log goes on under a new name."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from minio import Minio

from storage.database import Database
from storage.keyring import Keyring, create_root_key, provider_for
from storage.ledger.checkpoint import vkey_of
from storage.ledger.history import opened
from tests.commands import berkas
from tests.conftest import PostgresServer, StoreServer
from tests.databases import Databases
from tests.rules.house import ROOT


@dataclass
class Site:
    """The command line against one database."""

    url: str
    environment: dict[str, str]

    def runs(self, *words: str, code: int = 0) -> str:
        environment = self.environment | {"BERKAS_DATABASE_URL": self.url}
        done = berkas(*words, env=environment, cwd=ROOT)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def asked(self, statement: str) -> str:
        return asyncio.run(_value(self.url, statement))

    def checkpoint(self, path: Path) -> Path:
        path.write_text(self.asked("SELECT note FROM log_checkpoint ORDER BY size DESC LIMIT 1"))
        return path


async def _value(url: str, statement: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval(statement))
    finally:
        await connection.close()


@pytest.fixture
def environment(store: StoreServer, tmp_path: Path) -> dict[str, str]:
    bucket = f"t-{time.time_ns()}"
    s3 = Minio(urlsplit(store.endpoint).netloc, store.access_key, store.secret_key, secure=False)
    s3.make_bucket(bucket)
    create_root_key(tmp_path / "root.key")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "BERKAS_MODE": "production",
        "BERKAS_PUBLIC_ORIGIN": "https://berkas.example.go.id",
        "BERKAS_S3_ENDPOINT": store.endpoint,
        "BERKAS_S3_ACCESS_KEY": store.access_key,
        "BERKAS_S3_SECRET_KEY": store.secret_key,
        "BERKAS_S3_BUCKET": bucket,
        "BERKAS_ROOT_KEY": f"file:{tmp_path / 'root.key'}",
        "BERKAS_SITE": "6472",
    }


@pytest.fixture
def site(
    database_url: str, environment: dict[str, str], postgres: PostgresServer, databases: Databases
) -> Iterator[tuple[Site, Site]]:
    """(as it was when the disk died, as the backup gives it back)."""
    live = Site(database_url, environment)
    live.runs("site", "add", "6472", "MPP Kota Samarinda")
    live.runs("agency", "add", "DPMPTSP", "6472", "DPMPTSP Kota Samarinda")
    name = database_url.rpartition("/")[2]
    for _ in range(50):
        if live.asked("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == "1":
            break
        time.sleep(0.05)
    asyncio.run(_value(postgres.superuser, f"CREATE DATABASE {name}_b TEMPLATE {name}"))
    live.runs("agency", "add", "POLRI", "6472", "Polresta Samarinda")
    owner = {"BERKAS_MIGRATION_DATABASE_URL": postgres.at(postgres.owner, f"{name}_b")}
    yield live, Site(postgres.at(postgres.app, f"{name}_b"), environment | owner)
    databases.drop(f"{name}_b")


async def _first_entry(restored: Site) -> tuple[int, dict[str, object]]:
    database = Database(restored.url)
    try:
        keyring = Keyring(database, provider_for(restored.environment["BERKAS_ROOT_KEY"], ""))
        await keyring.open_existing()
        async with database.transaction() as transaction:
            size = await transaction.raw.fetchval("SELECT restored_size FROM log_reopening")
            row = await transaction.raw.fetchrow("SELECT * FROM audit_event WHERE idx = $1", size)
        return size, json.loads(opened(keyring.site_trail(), row)[1])
    finally:
        await database.close()


def test_the_log_goes_on_under_a_new_name(site: tuple[Site, Site], tmp_path: Path) -> None:
    """A55, DESIGN section 2: the first entry under the new name says what was the last checkpoint and what is lost."""
    live, restored = site
    newest = live.checkpoint(tmp_path / "newest")
    lost_to = int(newest.read_text().split("\n")[1])
    assert "nothing is lost" in live.runs("log", "reopen", "--checkpoint", str(newest), code=1)
    told = restored.runs("log", "reopen", "--checkpoint", str(newest))
    assert "berkas.example.go.id/akses ends at" in told
    size, entry = asyncio.run(_first_entry(restored))
    said = {
        "act": "reopened",
        "origin": "berkas.example.go.id/akses/2",
        "previous": "berkas.example.go.id/akses",
        "last_checkpoint": newest.read_text(),
        "lost": {"from": size, "to": lost_to - 1},
    }
    assert {name: entry[name] for name in said} == said
    assert "reopened already" in restored.runs("log", "reopen", "--checkpoint", str(newest), code=1)
    restored.runs("agency", "add", "POLRI", "6472", "Polresta Samarinda")
    assert restored.checkpoint(tmp_path / "after").read_text().startswith("berkas.example.go.id/akses/2\n")
    keys = [word for word in told.split() if word.startswith("berkas.example.go.id/akses/2+")]
    old = vkey_of("berkas.example.go.id/akses", base64.b64decode(keys[0].split("+", 2)[2])[1:])
    for checkpoint in (newest, tmp_path / "after"):
        verified = restored.runs(
            "log", "verify", "--vkey", old, "--vkey", keys[0], "--checkpoint", str(checkpoint)
        )
        assert f"entries {size} to {lost_to - 1} are lost" in verified
        assert "the log is whole" in verified


def test_a_checkpoint_that_is_none_is_refused(site: tuple[Site, Site], tmp_path: Path) -> None:
    """Nothing changed: the log keeps its name."""
    _, restored = site
    (tmp_path / "torn").write_text("berkas.example.go.id/akses\n99\n")
    assert "not one of this log" in restored.runs(
        "log", "reopen", "--checkpoint", str(tmp_path / "torn"), code=1
    )
    assert restored.asked("SELECT origin FROM log_head") == "berkas.example.go.id/akses"
