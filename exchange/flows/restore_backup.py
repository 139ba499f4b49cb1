"""``berkas backup restore``: objects, then the database, into an empty place. The caller has verified the backup.

The database comes last and whole or not at all: a restore that was interrupted has given back nothing but objects of this very backup, and
is run again. What the place already holds, and is not of this backup, is never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from exchange.backups import COPIED, BackupRefused, Described, Folder, Item, chunks
from storage.database import Database
from storage.dumps import Dumps, tables_of
from storage.errors import DocumentMissing, WrongLength
from storage.shelf import Shelf

AT_ONCE = 8
_CHUNK_OF_ITEMS = 512


async def refuse_what_is_not_empty(
    database: Database, shelf: Shelf, found: Described, said: dict[str, Any]
) -> None:
    """Raises ``BackupRefused``: a database with tables; a bucket with an object that is not this backup's."""
    async with database.transaction() as transaction:
        if tables := await tables_of(transaction):
            raise BackupRefused(f"the database is not empty: it has {tables} tables")
    known = {item.key: item.size for item in found.items}
    held = await shelf.everything()
    if said["objects_are"] == COPIED:
        strange = [key for key, size in held.items() if known.get(key) != size]
        if strange:
            raise BackupRefused(f"the bucket is not empty: {len(strange)} objects are not of this backup")
    else:
        gone = set(said["gone_since"])
        lacking = [key for key in known if held.get(key) != known[key] and key not in gone]
        if lacking:
            raise BackupRefused(
                f"this backup lists its objects: copy the bucket back first, {len(lacking)} of {len(known)} are not there"
            )


async def give_back_objects(
    shelf: Shelf, folder: Folder, found: Described, said: dict[str, Any], progress: Callable[[int], None]
) -> list[str]:
    """Each object read back from the store after it was written, also one that was there. Returns the keys of those that the store
    gives otherwise. Raises ``StoreUnavailable``.
    """
    wrong: list[str] = []
    gone = set(said["gone_since"])
    room = asyncio.Semaphore(AT_ONCE)

    async def one(item: Item) -> None:
        async with room:
            if not await _is_there(shelf, item):
                if said["objects_are"] == COPIED:
                    await shelf.give_back(item.key, _read(folder, item), item.size)
                if not await _is_there(shelf, item):
                    wrong.append(item.key)
            progress(1)

    items = [item for item in found.items if item.key not in gone]
    for start in range(0, len(items), _CHUNK_OF_ITEMS):
        async with asyncio.TaskGroup() as group:
            for item in items[start : start + _CHUNK_OF_ITEMS]:
                group.create_task(one(item))
    return wrong


async def give_back_database(dumps: Dumps, owner_url: str, folder: Folder) -> None:
    """All of it or nothing. Raises ``DumpFailed``."""
    await dumps.restore(owner_url, folder.dump)


async def _is_there(shelf: Shelf, item: Item) -> bool:
    try:
        return await shelf.digest(item.key, item.size) == item.sha256
    except (DocumentMissing, WrongLength):
        return False


async def _read(folder: Folder, item: Item) -> AsyncIterator[bytes]:
    parts = chunks(folder.object(item.key))
    while (part := await asyncio.to_thread(next, parts, b"")) != b"":
        yield part
