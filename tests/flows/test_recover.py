"""The day on which nothing is left but a dump, a copy of the bucket and the root key (``deploy/recover.py``).

The script runs in a process of its own that refuses to import anything but ``cryptography``.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fpdf import FPDF
from PIL import Image

from storage.embedded.postgres_binaries import find_binaries
from storage.sealing import SEGMENT_BYTES
from tests.conftest import PostgresServer, StoreServer
from tests.rules.house import ROOT
from tests.storage.test_sealing import opened_by_tink
from tests.world import OfficerAt, World, running_world


def scan(seed: int, side: int) -> bytes:
    """A JPEG of noise, the same in every run; 900 pixels make about 1.3 MB."""
    noise = hashlib.shake_256(bytes([seed])).digest(side * side * 3)
    kept = io.BytesIO()
    Image.frombytes("RGB", (side, side), noise).save(kept, "JPEG", quality=97)
    return kept.getvalue()


def paper(image: bytes) -> bytes:
    """A PDF of one page with the scan on it."""
    page = FPDF()
    page.add_page()
    page.image(io.BytesIO(image), 10, 10, 100)
    return bytes(page.output())


LARGE, SMALL, AGAIN = paper(scan(1, 900)), scan(2, 60), scan(3, 60)
# Runs the script as it stands; whatever is neither cryptography nor Python itself cannot be imported.
GUARDED = """
import runpy, sys
class Guard:
    def find_spec(self, name, path=None, target=None):
        known = name.partition(".")[0] in sys.stdlib_module_names | {"cryptography", "cffi", "_cffi_backend", "_cffi"}
        if not known:
            raise ImportError(f"{name} is not allowed here")
sys.meta_path.insert(0, Guard())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Rescue:
    """A dump, a copy of the bucket and the key of a world, in one folder."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.dump, self.objects, self.root_key = folder / "db.sql", folder / "bucket", folder / "root.key"

    async def made(self, postgres: PostgresServer) -> Rescue:
        settings = self.world.parts.settings
        assert settings.database_url
        name = urlsplit(settings.database_url.get_secret_value()).path.lstrip("/")
        pg_dump = find_binaries(None, self.folder).folder / "pg_dump"
        await _ran(str(pg_dump), "--file", str(self.dump), postgres.at(postgres.owner, name))
        secret = settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else ""
        access = settings.s3_access_key.get_secret_value() if settings.s3_access_key else ""
        environment = {
            **os.environ, "BERKAS_S3_ENDPOINT": settings.s3_endpoint or "", "BERKAS_S3_BUCKET": settings.s3_bucket,
            "BERKAS_S3_ACCESS_KEY": access, "BERKAS_S3_SECRET_KEY": secret,
        }  # fmt: skip
        await _ran(
            sys.executable, str(ROOT / "deploy" / "copy_bucket.py"), str(self.objects), env=environment
        )
        return self

    async def runs(self, *arguments: str, code: int = 0) -> str:
        script = str(ROOT / "deploy" / "recover.py")
        command = [sys.executable, "-P", "-c", GUARDED, script, "--dump", str(self.dump), *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=self.folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    async def opens(self, document: str, *more: str, code: int = 0) -> str:
        out = ("--objects", str(self.objects), "--out", str(self.folder / "out"), "--document", document)
        return await self.runs("--root-key", str(self.root_key), *out, *more, code=code)

    @property
    def out(self) -> bytes:
        return (self.folder / "out").read_bytes()


async def _ran(*command: str, env: dict[str, str] | None = None) -> None:
    done = await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
async def world(
    database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[World]:
    """With room for a paper of more than one segment."""
    limit = {"upload_limit_bytes": 8_000_000}
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, **limit
    ) as running:
        yield running


@pytest.fixture
async def held(world: World) -> tuple[OfficerAt, dict[str, str]]:
    """An officer, and (type -> document id) of two papers; the photograph came twice."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    papers = {}
    for kind, content in (("KTP", SMALL), ("KK", LARGE), ("KTP", AGAIN)):
        stored = await world.stores(officer, subject, kind, content)
        assert stored.status_code == 201, stored.text
        papers[kind] = stored.json()["document_id"]
    return officer, papers


async def test_a_paper_comes_back_without_the_project(
    world: World, held: tuple[OfficerAt, dict[str, str]], postgres: PostgresServer, tmp_path: Path
) -> None:
    """D3, D4: the dump, the bucket and the root key are enough, small and large, newest and older version."""
    _, papers = held
    rescue = await Rescue(world, tmp_path).made(postgres)
    listed = await rescue.runs("--list")
    assert listed.count("\n") == 3
    assert papers["KK"] in listed
    assert "superseded" in listed
    assert len(LARGE) > SEGMENT_BYTES
    (tmp_path / "out").touch(0o644)
    assert hashlib.sha256(LARGE).hexdigest() in await rescue.opens(papers["KK"])
    assert rescue.out == LARGE
    await rescue.opens(papers["KTP"])
    assert rescue.out == AGAIN
    await rescue.opens(papers["KTP"], "--version", "1")
    assert rescue.out == SMALL
    everything = ("--objects", str(rescue.objects), "--root-key", str(rescue.root_key), "--out")
    await rescue.runs(*everything, str(tmp_path / "all"), "--all")
    kept = sorted(path.read_bytes() for path in (tmp_path / "all").iterdir())
    assert kept == sorted([SMALL, AGAIN, LARGE])
    # Opened papers are for whoever runs it. Wrong version: what the machine's umask leaves, 0644 in 0755.
    written = (tmp_path / "out", tmp_path / "all", *(tmp_path / "all").iterdir())
    assert [path.name for path in written if path.stat().st_mode & 0o077] == []


async def test_the_guard_of_this_test_holds(tmp_path: Path) -> None:
    """Otherwise the script could import Berkas unseen."""
    script = tmp_path / "wrong.py"
    for module in ("storage.sealing", "tink", "sqlalchemy"):
        script.write_text(f"import {module}")
        command = [sys.executable, "-P", "-c", GUARDED, str(script)]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "is not allowed here" in done.stderr


async def test_what_is_wrong_is_said_and_nothing_is_written(
    world: World, held: tuple[OfficerAt, dict[str, str]], postgres: PostgresServer, tmp_path: Path
) -> None:
    """Another root key, a swapped object, a flipped bit, an object that is gone, an erased key, a paper that is not there."""
    _, papers = held
    rescue = await Rescue(world, tmp_path).made(postgres)
    assert "no such paper" in await rescue.opens("d_nowhere", code=1)
    other = tmp_path / "other.key"
    other.write_bytes(os.urandom(32))
    assert "does not open under this key" in await rescue.opens(
        papers["KK"], "--root-key", str(other), code=1
    )
    rows = await _rows(world)
    first, second = (rescue.objects / rows[kind, 1]["object_key"] for kind in ("KTP", "KK"))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    assert "does not authenticate" in await rescue.opens(papers["KTP"], "--version", "1", code=1)
    first.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert "does not authenticate" in await rescue.opens(papers["KTP"], "--version", "1", code=1)
    first.write_bytes(kept[: len(kept) // 2])
    assert "does not authenticate" in await rescue.opens(papers["KTP"], "--version", "1", code=1)
    first.unlink()
    assert "cannot be read" in await rescue.opens(papers["KTP"], "--version", "1", code=1)
    assert not (tmp_path / "out").exists()
    text = rescue.dump.read_text()
    rescue.dump.write_text(text.replace("\\\\x" + bytes(rows["KK", 1]["wrapped_key"]).hex(), "\\\\x"))
    assert "erased" in await rescue.opens(papers["KK"], code=1)


async def test_the_unwrapped_key_of_another_holder_is_enough(
    world: World, held: tuple[OfficerAt, dict[str, str]], postgres: PostgresServer, tmp_path: Path
) -> None:
    """Where OpenBao or an HSM holds the root key, it unwraps the citizen's key and the script does the rest."""
    _, papers = held
    rescue = await Rescue(world, tmp_path).made(postgres)
    subject = (await _rows(world))["KTP", 1]["subject_ref"]
    shown = await rescue.runs("--show-key", subject)
    assert f"berkas-kek|{subject}" in shown
    _, key = await world.parts.keyring.document_key(subject)
    assert key.hex() not in shown
    (tmp_path / "kek").write_bytes(key)
    out = ("--objects", str(rescue.objects), "--out", str(tmp_path / "out"), "--document", papers["KK"])
    await rescue.runs("--document-key", str(tmp_path / "kek"), *out)
    assert rescue.out == LARGE


async def test_tink_opens_the_same_object(
    world: World,
    held: tuple[OfficerAt, dict[str, str]],
    postgres: PostgresServer,
    tmp_path: Path,
    store: StoreServer,
) -> None:
    """The object of the copy, under its data key, with the library that others wrote."""
    _, papers = held
    rescue = await Rescue(world, tmp_path).made(postgres)
    row = (await _rows(world))["KK", 1]
    place = await world.parts.vault.find(papers["KK"], 1)
    assert place is not None
    sealed = (rescue.objects / row["object_key"]).read_bytes()
    associated = f"berkas-doc|{world.parts.settings.site}|{papers['KK']}|1".encode()
    assert io.BytesIO(opened_by_tink(sealed, place.data_key, associated)).read() == LARGE


async def _rows(world: World) -> dict[tuple[str, int], dict[str, Any]]:
    async with world.parts.database.transaction() as transaction:
        rows = await transaction.raw.fetch("SELECT * FROM document_version")
    return {(row["type"], row["version"]): dict(row) for row in rows}
