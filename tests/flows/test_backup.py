"""Backups of a live site, given back into an empty place (the recovery promises: every document opens, the log verifies)."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from minio import Minio

from storage.errors import KeyMissing
from storage.keyring import create_root_key
from tests.commands import berkas
from tests.conftest import PostgresServer, StoreServer, _remove_bucket
from tests.files import noted, pdf
from tests.flows.test_administration import signed_in
from tests.flows.test_erasure import erased
from tests.flows.test_rights import Given, phone_of
from tests.rules.house import ROOT
from tests.tampering import Bucket, change, fsck, rows, without_rule
from tests.world import JPEG, OTHER_NIK, PDF, World, running_world

LARGE = pdf(os.urandom(900_000))


@dataclass
class Place:
    """A database and a bucket, as the command line is told of them."""

    url: str
    owner_url: str
    store: StoreServer
    bucket: str
    root_key: Path
    more: dict[str, str] = field(default_factory=dict)

    async def runs(self, *words: str, code: int = 0) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
        environment = kept | {
            "PYTHONPATH": str(ROOT),
            "BERKAS_DATABASE_URL": self.url,
            "BERKAS_MIGRATION_DATABASE_URL": self.owner_url,
            "BERKAS_S3_ENDPOINT": self.store.endpoint,
            "BERKAS_S3_ACCESS_KEY": self.store.access_key,
            "BERKAS_S3_SECRET_KEY": self.store.secret_key,
            "BERKAS_S3_BUCKET": self.bucket,
            "BERKAS_ROOT_KEY": f"file:{self.root_key}",
            "BERKAS_DATA_DIR": str(self.root_key.parent),
            **self.more,
        }
        done = await asyncio.to_thread(berkas, *words, env=environment, cwd=ROOT)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    async def tables(self) -> int:
        connection = await asyncpg.connect(self.owner_url)
        try:
            return int(
                await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            )
        finally:
            await connection.close()

    def objects(self) -> list[str]:
        s3 = self.s3()
        if not s3.bucket_exists(self.bucket):
            return []
        return [str(found.object_name) for found in s3.list_objects(self.bucket, recursive=True)]

    def s3(self) -> Minio:
        address = self.store.endpoint.rpartition("/")[2]
        return Minio(address, self.store.access_key, self.store.secret_key, secure=False)


@dataclass
class Held:
    """A site with papers: one consented, a large one of somebody else, one that was erased."""

    given: Given
    place: Place
    erased: str

    async def checkpoint(self, path: Path) -> Path:
        """Of the head as it is now, as the publisher signs it within a second."""
        for _ in range(100):
            async with self.given.world.parts.database.transaction() as transaction:
                note = await transaction.raw.fetchval(
                    "SELECT note FROM log_checkpoint WHERE size = (SELECT size FROM log_head)"
                )
            if note is not None:
                await asyncio.to_thread(path.write_text, note)
                return path
            await asyncio.sleep(0.1)
        raise AssertionError("no checkpoint")


@pytest.fixture
async def held(
    world: World,
    database_url: str,
    postgres: PostgresServer,
    store: StoreServer,
    bucket_name: str,
    tmp_path: Path,
) -> Held:
    officer = await world.officer()
    dpo = await signed_in(world, "pelindung", "dpo")
    consent, ticket = await world.consented(officer)
    given = Given(world, officer, dpo, consent, ticket, await phone_of(world))
    photo = await world.stores(
        officer, await world.enrols(officer), "PASFOTO", noted(JPEG, b"photo"), background="red"
    )
    assert photo.status_code == 201, photo.text
    assert (await erased(given, f"document:{photo.json()['document_id']}")).status_code == 200
    other = await world.enrols(officer, OTHER_NIK)
    assert (await world.stores(officer, other, "KTP", LARGE)).status_code == 201
    name = database_url.rpartition("/")[2]
    place = Place(database_url, postgres.at(postgres.owner, name), store, bucket_name, tmp_path / "root.key")
    return Held(given, place, photo.json()["document_id"])


@pytest.fixture
async def backup(held: Held, tmp_path: Path) -> Path:
    assert "the backup is whole" in await held.place.runs("backup", "create", str(tmp_path / "backup"))
    return tmp_path / "backup"


@pytest.fixture
async def empty(held: Held, postgres: PostgresServer) -> AsyncIterator[Place]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    superuser = await asyncpg.connect(postgres.superuser)
    owner = postgres.owner.partition("//")[2].partition(":")[0]
    await superuser.execute(f'CREATE DATABASE {name} OWNER "{owner}"')
    bucket = f"t-{uuid.uuid4().hex[:12]}"
    urls = (postgres.at(postgres.app, name), postgres.at(postgres.owner, name))
    yield Place(*urls, held.place.store, bucket, held.place.root_key)
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.close()
    await asyncio.to_thread(_remove_bucket, held.place.store, bucket)


async def test_a_site_comes_back_in_an_empty_place(
    held: Held, backup: Path, empty: Place, tmp_path: Path
) -> None:
    """G15: papers open at the restored site's counter, what was erased stays closed, the log is whole, a second restore finds the place
    taken. No key of the site stands in the backup, and nobody else on the machine can read it.
    """
    key = held.place.root_key.read_bytes()
    assert _open_to_others(backup) == []
    assert all(key not in path.read_bytes() for path in _files(backup))
    said = json.loads((backup / "backup.json").read_text())
    assert (said["objects"], said["erased"], said["objects_are"], len(said["keys"])) == (2, 1, "copied", 1)
    assert "the backup is whole" in await held.place.runs("backup", "verify", str(backup))
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_text(said["checkpoint"])
    told = await empty.runs("backup", "restore", str(backup), "--checkpoint", str(checkpoint))
    assert "the log is whole" in told
    async with _served_at(empty, tmp_path) as again:
        officer = await again.signs_in("petugas.dpmptsp")
        ticket = await officer.post("/v1/tickets", json={"consent_id": held.given.consent})
        fetched = await again.fetches(officer, ticket.json())
        assert (fetched.status_code, fetched.content) == (200, JPEG)
        assert (await fsck(again, deep=True)).clean
        with pytest.raises(KeyMissing):
            await again.parts.vault.find(held.erased, 1)
    before = await empty.tables()
    assert "the database is not empty" in await empty.runs("backup", "restore", str(backup), code=1)
    assert await empty.tables() == before


async def test_below_a_published_checkpoint_the_log_is_opened_anew(
    held: Held, backup: Path, empty: Place, tmp_path: Path
) -> None:
    """DESIGN section 2: what came after the backup is lost, and the log says so under a new name."""
    await held.given.world.stores(
        held.given.officer, await held.given.world.enrols(held.given.officer), "KK", PDF
    )
    checkpoint = await held.checkpoint(tmp_path / "checkpoint")
    entries = json.loads((backup / "backup.json").read_text())["entries"]
    told = await empty.runs("backup", "restore", str(backup), "--checkpoint", str(checkpoint))
    lost_to = int(checkpoint.read_text().split("\n")[1]) - 1
    assert f"lost: entries {entries} to {lost_to}" in told
    assert "/akses/2 goes on" in told
    assert "the log is whole" in told


@pytest.mark.parametrize("name", ["database.dump", "objects.jsonl", "backup.json", "object", "object gone"])
async def test_a_bit_that_turned_is_found_and_not_restored(
    held: Held, backup: Path, empty: Place, name: str
) -> None:
    """A58: in every file of the backup; the place stays empty."""
    object_file = _files(backup / "objects")[0]
    path = object_file if name.startswith("object ") or name == "object" else backup / name
    if name == "object gone":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    code = 1 if name == "backup.json" else 3
    told = await held.place.runs("backup", "verify", str(backup), code=code)
    word = {
        "database.dump": "database.dump was changed",
        "objects.jsonl": "objects.jsonl does not follow",
        "backup.json": "backup.json",
        "object": f"DAMAGED        {object_file.parent.name}/{object_file.name}",
        "object gone": f"MISSING        {object_file.parent.name}/{object_file.name}",
    }
    assert word[name] in told
    await empty.runs("backup", "restore", str(backup), code=1)
    assert (await empty.tables(), empty.objects()) == (0, [])


async def test_what_was_interrupted_is_gone_on_with(held: Held, backup: Path, empty: Place) -> None:
    """Both ways: a finished backup is not written over; a begun one copies what is not there; a begun restore goes on, and an object of
    somebody else in the bucket ends it.
    """
    assert "holds a finished backup" in await held.place.runs("backup", "create", str(backup), code=1)
    dump = (backup / "database.dump").read_bytes()
    (backup / "backup.json").unlink()
    one, two = _files(backup / "objects")
    one.unlink()
    there = two.stat().st_mtime_ns
    told = await held.place.runs("backup", "create", str(backup), "--json")
    assert json.loads(told.splitlines()[-1])["copied"] == 1
    assert ((backup / "database.dump").read_bytes(), two.stat().st_mtime_ns) == (dump, there)
    s3 = empty.s3()
    s3.make_bucket(empty.bucket)
    s3.fput_object(empty.bucket, f"{two.parent.name}/{two.name}", str(two))
    s3.put_object(empty.bucket, "another", io.BytesIO(b"x"), 1)
    assert "1 objects are not of this backup" in await empty.runs("backup", "restore", str(backup), code=1)
    assert (await empty.tables(), len(empty.objects())) == (0, 2)
    s3.remove_object(empty.bucket, "another")
    assert "the log is whole" in await empty.runs("backup", "restore", str(backup))
    assert sorted(empty.objects()) == sorted(f"{path.parent.name}/{path.name}" for path in (one, two))


async def test_objects_may_be_listed_only(held: Held, empty: Place, tmp_path: Path) -> None:
    """The bucket is copied by means of the operator's own; restoring without that copy is refused."""
    folder = tmp_path / "listed"
    await held.place.runs("backup", "create", str(folder), "--list-only")
    assert not (folder / "objects").exists()
    listed = [json.loads(line) for line in (folder / "objects.jsonl").read_text().splitlines()]
    assert "the backup is whole" in await held.place.runs("backup", "verify", str(folder))
    assert "2 of 2 are not there" in await empty.runs("backup", "restore", str(folder), code=1)
    s3, source = empty.s3(), held.place.s3()
    for item in listed:
        content = source.get_object(held.place.bucket, item["key"]).read()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (item["size"], item["sha256"])
        s3.put_object(empty.bucket, item["key"], io.BytesIO(content), len(content))
    assert "the log is whole" in await empty.runs("backup", "restore", str(folder))


async def test_a_damaged_object_is_no_part_of_a_backup(held: Held, tmp_path: Path) -> None:
    """It is named, and the backup is not finished; put aside by fsck it is no lack any more."""
    async with (
        held.given.world.parts.database.transaction() as transaction
    ):  # the object of an erased paper may still lie there
        key = await transaction.raw.fetchval("SELECT object_key FROM document_version WHERE state = 'ready'")
    s3 = held.place.s3()
    size = s3.stat_object(held.place.bucket, key).size
    s3.put_object(held.place.bucket, key, io.BytesIO(bytes(size or 0)), size or 0)
    told = await held.place.runs("backup", "create", str(tmp_path / "backup"), code=3)
    assert f"DAMAGED        {key}" in told
    assert "no finished backup" in await held.place.runs("backup", "verify", str(tmp_path / "backup"), code=1)
    await held.place.runs("fsck", "--deep", "--repair", code=3)
    assert "whole" in await held.place.runs("backup", "create", str(tmp_path / "backup"))


async def test_what_is_no_part_of_it_and_what_nobody_sealed(
    held: Held, backup: Path, empty: Place, tmp_path: Path
) -> None:
    """A58, attacks 4.8: somebody who writes into the folder, and computes every digest again. Wrong versions: a file that is no part of the
    backup is not seen; a digest without a key stands for its author, so that a backup without its newest papers is whole.
    """
    verify, restore = ("backup", "verify", str(backup)), ("backup", "restore", str(backup))
    link = backup / "objects" / "link"
    foreign = [backup / "note.txt", backup / "objects" / "page.html"]
    link.symlink_to(tmp_path)
    for path in foreign:
        path.touch()
    told = await held.place.runs(*verify, code=3)
    assert "3 files are no part of the backup: 'note.txt', 'objects/link', 'objects/page.html'" in told
    await empty.runs(*restore, code=1)
    for path in (*foreign, link):
        path.unlink()
    assert "seal           of the root key at hand" in await held.place.runs(*verify)

    path, lost = backup / "backup.json", _files(backup / "objects")[0]
    genuine, content = path.read_text(), lost.read_bytes()
    lost.unlink()
    _rewritten(path, gone_since=[f"{lost.parent.name}/{lost.name}"])
    assert "backup.json is not what was sealed" in await held.place.runs(*verify, code=3)
    assert "backup.json is not what was sealed" in await empty.runs(*restore, code=1)
    _rewritten(path, format="berkas-backup/1", seal=None)
    for words in (verify, restore):
        told = await (held.place if words == verify else empty).runs(*words, code=3 if words == verify else 1)
        assert "backup.json is not sealed by a root key" in told
    _rewritten(path, format="berkas-backup/2", seal={"root_key": ["x", 1], "sealed": "00"})
    assert "sealed by another root key" in await held.place.runs(*verify, "--unsealed", code=3)
    assert (await empty.tables(), empty.objects()) == (0, [])
    # One of before there was a seal, by the word of the operator; and where no root key is at hand it is said.
    path.write_text(genuine)
    lost.write_bytes(content)
    _rewritten(path, format="berkas-backup/1", seal=None)
    assert "seal           not checked" in await held.place.runs(*verify, "--unsealed")
    keyless = replace(held.place, more={"BERKAS_ROOT_KEY": ""})
    assert "seal           not checked" in await keyless.runs(*verify)
    assert "the log is whole" in await empty.runs(*restore, "--unsealed")


async def test_another_root_key_gives_nothing_back(
    held: Held, backup: Path, empty: Place, tmp_path: Path
) -> None:
    """Wrong version: everything is given back, then nothing opens, and the place is full for the right key. None at hand: none is made."""
    other = tmp_path / "other.key"
    create_root_key(other)
    restore = ("backup", "restore", str(backup))
    told = await replace(empty, more={"BERKAS_ROOT_KEY": f"file:{other}"}).runs(*restore, code=1)
    assert "sealed by another root key" in told
    _rewritten(backup / "backup.json", format="berkas-backup/1", seal=None)
    told = await replace(empty, more={"BERKAS_ROOT_KEY": f"file:{other}"}).runs(
        *restore, "--unsealed", code=1
    )
    assert "its keys are wrapped by the root key" in told
    nowhere = {"BERKAS_ROOT_KEY": "", "BERKAS_DATA_DIR": str(tmp_path / "fresh")}
    assert "no root key is at hand" in await replace(empty, more=nowhere).runs(*restore, code=1)
    assert (await empty.tables(), empty.objects(), (tmp_path / "fresh").exists()) == (0, [], False)


async def test_no_file_outside_of_the_backup(held: Held, tmp_path: Path) -> None:
    """Attacks 4.8: a row whose object key is a path, with an object that fits it. Wrong version: the key is the name of a file as it is."""
    world, place = held.given.world, held.place
    outside = tmp_path / "outside" / "evil"
    mine = next(row for row in await rows(world) if row["state"] == "ready")
    await without_rule(place.owner_url)
    Bucket(world).put(str(outside), Bucket(world).get(mine["object_key"]))
    await change(world, "UPDATE document_version SET object_key = $2 WHERE id = $1", mine["id"], str(outside))
    told = await place.runs("backup", "create", str(tmp_path / "backup"), code=1)
    assert f"{mine['id']} names an object under a key that Berkas never gave" in told
    assert not outside.parent.exists()
    await place.runs("fsck", "--repair", code=3)
    assert "the backup is whole" in await place.runs("backup", "create", str(tmp_path / "second"))


def _rewritten(path: Path, **changed: Any) -> None:
    """As somebody does who knows the format: every digest fits again. None takes a member away."""
    said = json.loads(path.read_text())
    seal = changed.pop("seal", said.pop("seal", None))
    said.pop("seal", None)
    said.pop("sha256")
    said |= changed
    said["sha256"] = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(said | ({"seal": seal} if seal else {})))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _open_to_others(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]


def _served_at(place: Place, tmp_path: Path) -> AbstractAsyncContextManager[World]:
    folder = tmp_path / "again"
    folder.mkdir()
    shutil.copy(place.root_key, folder)
    return running_world(folder, database_url=place.url, store=place.store, s3_bucket=place.bucket)
