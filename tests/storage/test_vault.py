"""The only door to bytes opens against an allowed Receipt for exactly this version, and against nothing else."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from minio import Minio

from storage.blobs import Blobs
from storage.citizen_keys import insert_first_keys
from storage.database import Database
from storage.documents import VERSIONS, DocumentVersion, version_id
from storage.errors import KeyMissing, SealBroken
from storage.keyring import Keyring, create_root_key, provider_for
from storage.ledger.receipt import Receipt
from storage.subjects import insert_subject
from storage.vault import NewPlace, Stored, Vault
from tests.conftest import StoreServer

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BODY = os.urandom(70_000)
SUBJECT, DOCUMENT = "sbj_01JD0000000000000000000001", "d_01JD0000000000000000000001"


def receipt(*, allowed: bool = True, document_id: str | None = DOCUMENT, version: int | None = 1) -> Receipt:
    return Receipt(0, b"", allowed, NOW, document_id, version)


@pytest.fixture
async def blobs(store: StoreServer, bucket_name: str) -> AsyncIterator[Blobs]:
    s3 = Minio(urlsplit(store.endpoint).netloc, store.access_key, store.secret_key, secure=False)
    s3.make_bucket(bucket_name)
    blobs = Blobs(store.endpoint, store.access_key, store.secret_key, bucket_name)
    await blobs.open()
    yield blobs
    await blobs.close()


@pytest.fixture
async def keyring(database: Database, tmp_path: Path) -> Keyring:
    create_root_key(tmp_path / "root.key")
    keyring = Keyring(database, provider_for(f"file:{tmp_path}/root.key"))
    await keyring.open(NOW)
    keys, _ = await keyring.fresh_citizen(SUBJECT, NOW)
    async with database.transaction() as transaction:
        await insert_subject(transaction, subject_ref=SUBJECT, nik_index=b"n", identity=b"i", now=NOW)
        await insert_first_keys(transaction, keys)
    return keyring


@pytest.fixture
async def vault(database: Database, blobs: Blobs, keyring: Keyring) -> Vault:
    vault = Vault(database, blobs, keyring, site="6472")
    place = await vault.new_place(SUBJECT, DOCUMENT, 1)

    async def chunks() -> AsyncIterator[bytes]:
        yield BODY[:50_000]
        yield BODY[50_000:]

    await _row(database, place, await vault.put(place, chunks(), len(BODY)))
    return vault


async def _row(database: Database, place: NewPlace, stored: Stored) -> None:
    row = DocumentVersion(
        id=version_id(DOCUMENT, 1), document_id=DOCUMENT, version=1, subject_ref=SUBJECT, type="KTP", state="ready",
        object_key=place.object_key, wrapped_key=place.wrapped_key, sha256=stored.sha256, received_sha256=stored.sha256,
        cipher_sha256=stored.cipher_sha256, size=stored.size, cipher_size=stored.cipher_size, media_type="image/jpeg",
        provenance="scan", issued_on=None, valid_until=None, tax_year=None, level=None, background=None, number=None,
        about=None, stale_event=None, taken_by="off_1", taken_at=NOW,
    )  # fmt: skip
    async with database.transaction() as transaction:
        await transaction.raw.execute(VERSIONS.upsert(1), *VERSIONS.arrays([row]))


async def test_an_allowed_receipt_opens(vault: Vault) -> None:
    place = await vault.find(DOCUMENT, 1)
    assert place is not None
    opened = await vault.prepare(place).open(receipt())
    assert opened.whole == BODY


@pytest.mark.parametrize(
    "wrong",
    [
        receipt(allowed=False),
        receipt(document_id="d_01JD0000000000000000000002"),
        receipt(version=2),
        receipt(document_id=None, version=None),
    ],
    ids=["refused", "another document", "another version", "no release at all"],
)
async def test_no_other_receipt_does(vault: Vault, wrong: Receipt) -> None:
    """A bug in a flow, never a verdict: RuntimeError, and the read under way is cancelled."""
    place = await vault.find(DOCUMENT, 1)
    assert place is not None
    read = vault.prepare(place)
    with pytest.raises(RuntimeError):
        await read.open(wrong)


async def test_a_destroyed_key_opens_nothing(vault: Vault, database: Database, keyring: Keyring) -> None:
    """Deleting a wrapped key is erasure (D4): once the 60 s of the caches are over nobody opens it."""
    async with database.transaction() as transaction:
        await transaction.raw.execute("UPDATE citizen_key SET document_key = NULL")
    keyring._cache.clear()
    with pytest.raises(KeyMissing):
        await vault.find(DOCUMENT, 1)


async def test_what_may_not_be_used_any_more_is_let_go(
    vault: Vault, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys stay in memory for 60 s. Wrong version: an entry that is too old is skipped, and kept for ever."""
    await vault.find(DOCUMENT, 1)
    assert vault._places
    assert keyring._cache
    vault.forget_old()
    keyring.forget_old()
    assert vault._places
    assert keyring._cache
    monkeypatch.setattr("storage.keyring.time.monotonic", lambda: 1e12)
    vault.forget_old()
    keyring.forget_old()
    assert not vault._places
    assert not keyring._cache


async def test_an_object_moved_to_another_version_does_not_open(vault: Vault, database: Database) -> None:
    """The associated data binds object, document, version and citizen: rows and objects cannot be swapped."""
    async with database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE document_version SET id = $1, version = 2", version_id(DOCUMENT, 2)
        )
    with pytest.raises(SealBroken):
        await vault.find(DOCUMENT, 2)
