"""What a backup is: a folder with a dump, what follows from it, and the sealed objects.

    database.dump    pg_dump, custom format: every row of one moment, wrapped keys among them
    objects.jsonl    one line an object: {"key", "size", "sha256"} of the sealed bytes, by key
    objects/         the objects under their keys, unless they are listed only
    backup.json      what it is, sealed by the root key; written last: without it the backup is not finished

Everything but the objects' bytes follows from the dump, so all of it can be computed again without a server. There is no key in it that
opens anything without the root key, which is named (id and version) and never copied.

A digest alone proves that no bit turned by itself: whoever can write into the folder computes another one. So the statement's digest is wrapped
by the root key as a key of the site would be, bound to what it is for: who does not hold the root key cannot make one for other content.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from storage.backup_seal import BackupSeal
from storage.documents import is_object_key
from storage.dumps import Dumps, Row
from storage.errors import RootKeyRefused, SealBroken, StorageError

FORMAT = "berkas-backup/2"
BEFORE = "berkas-backup/1"  # without a seal
COPIED, LISTED = "copied", "listed"
CHUNK_BYTES = 1_048_576
# Versions whose bytes are not ours to keep any more, and those of which no whole copy is known.
_WITHOUT_BYTES = frozenset({"erased", "voided", "quarantined"})


class BackupRefused(StorageError):
    """The folder is no backup, or not one that this act is for; the message says why."""


@dataclass(frozen=True, slots=True)
class Item:
    """One object: ``size`` in bytes and ``sha256`` in hex are those of the sealed bytes."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Described:
    """What a dump holds. ``keys`` are the root keys (id, version) that its keys are wrapped under."""

    revision: str
    origin: str
    entries: int
    checkpoint: str
    keys: list[tuple[str, int]]
    erased: int
    quarantined: int
    items: list[Item]

    def facts(self) -> dict[str, Any]:
        said = asdict(self)
        items = said.pop("items")
        said["keys"] = [list(key) for key in self.keys]
        return said | {
            "objects": len(items),
            "object_bytes": sum(item.size for item in self.items),
            "objects_sha256": hashlib.sha256("".join(lines(self.items)).encode()).hexdigest(),
        }


@dataclass(frozen=True, slots=True)
class Folder:
    """The places inside of a backup."""

    path: Path

    @property
    def dump(self) -> Path:
        return self.path / "database.dump"

    @property
    def listing(self) -> Path:
        return self.path / "objects.jsonl"

    @property
    def statement(self) -> Path:
        return self.path / "backup.json"

    def object(self, key: str) -> Path:
        return self.path / "objects" / key


async def described(dumps: Dumps, dump: Path) -> Described:
    """Raises ``DumpFailed``, and ``BackupRefused`` when it is not a dump of Berkas."""
    revision = [row["version_num"] or "" async for row in dumps.rows(dump, "alembic_version")]
    heads = [row async for row in dumps.rows(dump, "log_head")]
    if len(revision) != 1 or len(heads) != 1:
        raise BackupRefused("the dump is not one of a database of Berkas")
    newest: Row = {"size": "0", "note": ""}
    async with aclosing(dumps.rows(dump, "log_checkpoint")) as rows:
        async for row in rows:
            newest = max(newest, row, key=lambda one: int(one["size"] or 0))
    keys = set()
    for table in ("site_key", "citizen_key"):
        async with aclosing(dumps.rows(dump, table)) as rows:
            async for row in rows:
                keys.add((row["root_key_id"] or "", int(row["root_key_version"] or 0)))
    counts, items = dict.fromkeys(_WITHOUT_BYTES, 0), []
    async with aclosing(dumps.rows(dump, "document_version")) as rows:
        async for row in rows:
            if (state := row["state"] or "") in counts:
                counts[state] += 1
            else:
                items.append(_item(row))
    return Described(
        revision=revision[0],
        origin=heads[0]["origin"] or "",
        entries=int(heads[0]["size"] or 0),
        checkpoint=newest["note"] or "",
        keys=sorted(keys),
        erased=counts["erased"] + counts["voided"],
        quarantined=counts["quarantined"],
        items=sorted(items, key=lambda item: item.key),
    )


def _item(row: Row) -> Item:
    """The key becomes the name of a file. Raises ``BackupRefused``."""
    key = row["object_key"] or ""
    if not is_object_key(key):
        raise BackupRefused(
            f"{row['id']} names an object under a key that Berkas never gave: the database was changed by somebody else "
            "(berkas fsck --repair puts it aside)"
        )
    return Item(key, int(row["cipher_size"] or 0), row["cipher_sha256"] or "")


async def keys_fault(dumps: Dumps, dump: Path, root: BackupSeal) -> str | None:
    """A sentence when the keys in the dump do not open at hand. Raises ``DumpFailed`` and ``RootKeyAway``."""
    foreign = await root.foreign_key(dumps, dump)
    if foreign is None:
        return None
    return f"its keys are wrapped by the root key {foreign[0]} version {foreign[1]}, which is not the one at hand"


def lines(items: list[Item]) -> Iterator[str]:
    return (json.dumps(asdict(item)) + "\n" for item in items)


async def state(folder: Folder, facts: dict[str, Any], root: BackupSeal) -> None:
    """Write ``backup.json`` with a digest over itself, sealed by the root key. Raises ``RootKeyAway``."""
    digest = _digest_of(facts)
    said = facts | {"sha256": digest, "seal": await root.sealed(bytes.fromhex(digest))}
    written(folder.statement, (json.dumps(said, indent=2) + "\n").encode())


async def seal_fault(folder: Folder, root: BackupSeal) -> str | None:
    """A sentence when ``backup.json`` is not what a holder of the root key sealed. Raises ``BackupRefused`` and ``RootKeyAway``."""
    facts, seal = _statement(folder)
    if seal is None:
        return "backup.json is not sealed by a root key: nobody can tell who wrote it (one of an earlier release: --unsealed)"
    try:
        digest = await root.digest(seal)
    except RootKeyRefused:
        return "backup.json is sealed by another root key than the one at hand"
    except SealBroken:
        return "the seal of backup.json does not open"
    return None if digest.hex() == _digest_of(facts) else "backup.json is not what was sealed"


def read_statement(folder: Folder) -> dict[str, Any]:
    """Raises ``BackupRefused``."""
    return _statement(folder)[0]


def strangers(folder: Folder, items: list[Item]) -> list[Path]:
    """What lies in the folder and is no part of the backup; folders that are links are not entered."""
    own = {folder.dump, folder.listing, folder.statement, *(folder.object(item.key) for item in items)}
    holds = {parent for path in own for parent in path.parents}
    found, waiting = [], [folder.path]
    while waiting:
        for path in waiting.pop().iterdir():
            if path in holds and path.is_dir() and not path.is_symlink():
                waiting.append(path)
            elif path not in own:
                found.append(path)
    return sorted(found)


def _statement(folder: Folder) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What it says, and its seal. Raises ``BackupRefused``."""
    try:
        said = json.loads(folder.statement.read_bytes())
        digest, seal = said.pop("sha256"), said.pop("seal", None)
    except FileNotFoundError:
        raise BackupRefused(f"{folder.path} holds no finished backup") from None
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise BackupRefused("backup.json cannot be read") from None
    if digest != _digest_of(said) or said.get("format") not in {FORMAT, BEFORE}:
        raise BackupRefused("backup.json was changed, or is of another release")
    return dict(said), seal


def written(path: Path, content: bytes) -> None:
    """A file has its name only when it is whole and on the disk; only the owner may read it."""
    beside = path.with_name(path.name + ".part")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


async def digest_of(path: Path) -> tuple[int, str]:
    """(size, SHA-256 in hex) of a file. Raises ``OSError``."""

    def read() -> tuple[int, str]:
        size, digest = 0, hashlib.sha256()
        for chunk in chunks(path):
            size += len(chunk)
            digest.update(chunk)
        return size, digest.hexdigest()

    return await asyncio.to_thread(read)


def chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _digest_of(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
