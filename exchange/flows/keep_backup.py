"""``berkas backup create`` and ``verify``: first the database, then the objects, so that every paper that the dump knows is copied.

What was begun is gone on with: a dump that is whole is not made again, an object that is there in its size is not copied again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from exchange.backups import (
    BEFORE,
    COPIED,
    FORMAT,
    LISTED,
    BackupRefused,
    Described,
    Folder,
    Item,
    described,
    digest_of,
    keys_fault,
    lines,
    read_statement,
    seal_fault,
    state,
    strangers,
    written,
)
from storage.backup_seal import BackupSeal
from storage.database import Database
from storage.dumps import DumpFailed, Dumps
from storage.errors import DocumentMissing, WrongLength
from storage.shelf import Shelf, kept_no_more

AT_ONCE = 8
_CHUNK_OF_ITEMS = 512
_NAMED = 5


@dataclass
class Report:
    """``missing`` and ``damaged`` name objects; ``problems`` are sentences about everything else. ``sealed`` is True where the root key is at
    hand and sealed this statement.
    """

    objects: int = 0
    object_bytes: int = 0
    copied: int = 0
    gone_since: int = 0
    sealed: bool = False
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return not (self.missing or self.damaged or self.problems)

    def note(self, key: str, fault: str | None) -> None:
        if fault is not None:
            (self.missing if fault == "missing" else self.damaged).append(key)


@dataclass(frozen=True, slots=True)
class Plan:
    """``with_objects`` False: they are listed, and copied by the operator's own means."""

    folder: Folder
    with_objects: bool
    now: datetime


async def dumped(dumps: Dumps, url: str, plan: Plan) -> Described:
    """The dump, unless an interrupted run has made it. Raises ``BackupRefused`` for a finished backup and a folder of something else,
    and ``DumpFailed``.
    """
    folder = plan.folder
    if folder.statement.exists():
        raise BackupRefused(f"{folder.path} holds a finished backup; name another folder")
    if folder.path.exists() and not folder.dump.exists() and _strangers(folder.path):
        raise BackupRefused(f"{folder.path} holds something else; name an empty folder")
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not folder.dump.exists():
        beside = folder.path / "database.part"
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        await dumps.dump(url, beside)
        beside.replace(folder.dump)
    found = await described(dumps, folder.dump)
    written(folder.listing, "".join(lines(found.items)).encode())
    return found


async def finish(
    found: Described,
    database: Database,
    shelf: Shelf,
    root: BackupSeal,
    plan: Plan,
    progress: Callable[[int], None] = lambda _done: None,
) -> Report:
    """Copy the objects, then say what the backup is; one that lacks an object is not finished. What was erased or put aside since the
    dump was made is no lack. Raises ``StoreUnavailable``.
    """
    report = Report(objects=len(found.items), object_bytes=sum(item.size for item in found.items))

    async def one(item: Item) -> None:
        target = plan.folder.object(item.key)
        if plan.with_objects and not _there(target, item.size):
            fault = await _copied(shelf, item, target)
            report.note(item.key, fault)
            report.copied += fault is None
        progress(1)

    await _each(found.items, one)
    async with database.reading() as reading:
        gone = await kept_no_more(reading, [*report.missing, *report.damaged])
    report.missing = [key for key in report.missing if key not in gone]
    report.damaged = [key for key in report.damaged if key not in gone]
    report.gone_since = len(gone)
    if report.whole:
        size, digest = await digest_of(plan.folder.dump)
        report.facts = {
            "format": FORMAT,
            "created_at": plan.now.isoformat(timespec="seconds"),
            "objects_are": COPIED if plan.with_objects else LISTED,
            "dump": {"size": size, "sha256": digest},
            "gone_since": sorted(gone),
            **found.facts(),
        }
        await state(plan.folder, report.facts, root)
    return report


async def verified(
    dumps: Dumps,
    folder: Folder,
    root: BackupSeal | None,
    *,
    unsealed: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> Report:
    """Everything computed again from the dump, every object read; seal and keys where the root key is at hand. ``unsealed``: a backup of
    before there was a seal is taken as it is. Raises ``BackupRefused`` when there is nothing to look at, and ``RootKeyAway``.
    """
    said = read_statement(folder)
    report = Report(facts=said)
    if root is not None and not (unsealed and said["format"] == BEFORE):
        fault = await seal_fault(folder, root)
        report.sealed = fault is None
        report.problems += [fault] if fault else []
    try:
        size, digest = await digest_of(folder.dump)
    except OSError:
        raise BackupRefused("database.dump cannot be read") from None
    if said["dump"] != {"size": size, "sha256": digest}:
        report.problems.append("database.dump was changed")
    if report.problems:  # by whoever wrote it: nothing of it is worth reading
        return report
    try:
        found = await described(dumps, folder.dump)
    except DumpFailed as error:
        raise BackupRefused(str(error)) from None
    if root is not None and (fault := await keys_fault(dumps, folder.dump, root)):
        report.problems.append(fault)
    report.objects, report.object_bytes = len(found.items), sum(item.size for item in found.items)
    facts = found.facts()
    report.problems += [f"backup.json: {name} does not follow from the dump" for name in facts if facts[name] != said.get(name)]  # fmt: skip
    if await _digest_or_none(folder.listing) != facts["objects_sha256"]:
        report.problems.append("objects.jsonl does not follow from the dump")
    if foreign := strangers(folder, found.items):
        named = ", ".join(ascii(str(path.relative_to(folder.path))) for path in foreign[:_NAMED])
        report.problems.append(f"{len(foreign)} files are no part of the backup: {named}")

    async def one(item: Item) -> None:
        report.note(item.key, await _fault(folder.object(item.key), item))
        progress(1)

    if said["objects_are"] == COPIED:
        gone = set(said["gone_since"])
        await _each([item for item in found.items if item.key not in gone], one)
    return report


async def _fault(path: Path, item: Item) -> str | None:
    try:
        found = await digest_of(path)
    except OSError:
        return "missing"
    return None if found == (item.size, item.sha256) else "damaged"


async def _digest_or_none(path: Path) -> str | None:
    try:
        return (await digest_of(path))[1]
    except OSError:
        return None


async def _copied(shelf: Shelf, item: Item, target: Path) -> str | None:
    """The fault, or None when the file stands and is what the row says."""
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    beside = target.with_name(target.name + ".part")
    digest = hashlib.sha256()
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            async with aclosing(shelf.ciphertext(item.key, item.size)) as parts:
                async for part in parts:
                    digest.update(part)
                    await asyncio.to_thread(file.write, part)
            await asyncio.to_thread(_kept, file.fileno())
    except DocumentMissing:
        beside.unlink(missing_ok=True)
        return "missing"
    except WrongLength:
        beside.unlink(missing_ok=True)
        return "damaged"
    if digest.hexdigest() != item.sha256:
        beside.unlink(missing_ok=True)
        return "damaged"
    beside.replace(target)
    return None


def _kept(descriptor: int) -> None:
    os.fsync(descriptor)


def _there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _strangers(path: Path) -> bool:
    return any(entry.name != "database.part" for entry in path.iterdir())


async def _each(items: Sequence[Item], act: Callable[[Item], Any]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def in_room(item: Item) -> None:
        async with room:
            await act(item)

    for start in range(0, len(items), _CHUNK_OF_ITEMS):
        async with asyncio.TaskGroup() as group:
            for item in items[start : start + _CHUNK_OF_ITEMS]:
                group.create_task(in_room(item))
