"""``berkas fsck``: rows against objects, both ways, piece by piece.

For each of 256 shards of the object keys, and for what lies outside of them: list the objects, then read the intakes under way, then the versions. In this order, since an
intake's row stands before its object does and goes only after the version's row stands: what is listed and then found in neither is
nobody's, whatever any clock says. What looks wrong is looked at once more before it is believed, with its row read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exchange.quarantine import let_out, put_aside
from storage.database import Database
from storage.documents import DocumentVersion, count_versions, is_object_key, version_row
from storage.errors import StoreUnavailable
from storage.keyring import Keyring
from storage.ledger.log import Appender
from storage.quarantine import in_quarantine
from storage.shelf import GONE, OUTSIDE, SHARDS, Listed, Shelf, on_shard, pending_on, seen
from storage.vault import Vault

# Younger than this an object without a row may be on its way out by the hand of who brought it: no harm, but no news either.
ORPHAN_AGE = timedelta(minutes=10)
# Nobody but us writes into the bucket: more than this under foreign names is another bucket than ours, and nothing there is removed.
OUTSIDE_AT_MOST = 100
READ_AT_ONCE = 4
NAMED_AT_MOST = 1_000  # faults that a report names one by one; all are counted
_CHECKED = frozenset({"ready", "superseded", "quarantined"})


@dataclass(frozen=True, slots=True)
class Found:
    """``act`` is what was done about it: none, put_aside or let_out."""

    document_id: str
    version: int
    state: str
    fault: str | None
    act: str


@dataclass
class Report:
    """Counts, and what was found. ``orphans`` are objects that belong to no row, ``outside`` those of them whose keys Berkas never gave; ``left_over`` those of versions that were erased;
    ``pending`` intakes under way; ``unread`` versions that the store could not give now.
    """

    deep: bool
    versions: int = 0
    objects: int = 0
    object_bytes: int = 0
    read_bytes: int = 0
    faults: int = 0
    put_aside: int = 0
    let_out: int = 0
    orphans: int = 0
    outside: int = 0
    left_over: int = 0
    removed: int = 0
    pending: int = 0
    unread: int = 0
    in_quarantine: int = 0
    found: list[Found] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.faults or self.orphans or self.left_over or self.in_quarantine or self.unread)


@dataclass(frozen=True, slots=True)
class Wish:
    """``repair``: put aside what is damaged, let out what is whole again, remove what belongs to nobody."""

    deep: bool = False
    repair: bool = False


async def count(database: Database) -> int:
    """How many versions a run will look at, for its progress."""
    async with database.reading() as reading:
        return await count_versions(reading, sorted(_CHECKED))


class Check:
    """One run. ``progress`` is called with the number of versions that were looked at since the last call."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        appender: Appender,
        vault: Vault,
        wish: Wish,
        *,
        now: datetime,
        progress: Callable[[int], None] = lambda _done: None,
    ) -> None:
        self.report = Report(deep=wish.deep)
        self._database = database
        self._keyring = keyring
        self._appender = appender
        self._shelf: Shelf = vault.shelf
        self._wish = wish
        self._now = now
        self._progress = progress
        self._room = asyncio.Semaphore(READ_AT_ONCE)

    async def run(self, shards: Sequence[str] = (*SHARDS, OUTSIDE)) -> Report:
        """Raises ``StoreUnavailable`` when the store cannot be listed, and what the database and the ledger raise."""
        async for shard, listed, rows in self._ahead(shards):
            await self._shard(shard, listed, rows)
        async with self._database.reading() as reading:
            self.report.in_quarantine = await in_quarantine(reading)
        return self.report

    async def _ahead(
        self, shards: Sequence[str]
    ) -> AsyncIterator[tuple[str, dict[str, Listed], list[DocumentVersion]]]:
        """Each shard as it stands, the next one being read while one is looked at."""
        coming: asyncio.Task[tuple[dict[str, Listed], list[DocumentVersion]]] | None = None
        try:
            for number, shard in enumerate(shards):
                listed, rows = await (coming or self._read(shard))
                following = shards[number + 1] if number + 1 < len(shards) else None
                coming = asyncio.create_task(self._read(following)) if following else None
                yield shard, listed, rows
        finally:
            if coming is not None:
                coming.cancel()

    async def _read(self, shard: str) -> tuple[dict[str, Listed], list[DocumentVersion]]:
        listed = await self._shelf.listed(shard)
        async with self._database.reading() as reading:
            pending = await pending_on(reading, shard)
            rows = await on_shard(reading, shard)
        known = {row.object_key for row in rows}
        self.report.pending += len(pending - known)
        self.report.objects += len(listed)
        self.report.object_bytes += sum(item.size for item in listed.values())
        for key in pending - known:
            listed.pop(key, None)
        return listed, rows

    async def _shard(self, shard: str, listed: dict[str, Listed], rows: list[DocumentVersion]) -> None:
        known = {row.object_key: row for row in rows}
        nobodys = [item for key, item in listed.items() if key not in known]
        for item in nobodys:
            await self._nobodys(item, ours=shard != OUTSIDE or len(nobodys) <= OUTSIDE_AT_MOST)
        for key, row in known.items():
            if row.state in GONE and key in listed:
                await self._left_over(listed[key])
        checked = [row for row in rows if row.state in _CHECKED]
        deep = [row for row in checked if self._wish.deep or row.state == "quarantined"]
        await asyncio.gather(*(self._examined(row) for row in deep))
        if not self._wish.deep:
            for row in checked:
                if row.state != "quarantined" and seen(row, listed.get(row.object_key)) is not None:
                    await self._examined(row)
        self.report.versions += len(checked)
        self._progress(len(checked))

    async def _nobodys(self, item: Listed, *, ours: bool) -> None:
        if item.modified is not None and self._now - item.modified < ORPHAN_AGE:
            return
        self.report.orphans += 1
        self.report.outside += not is_object_key(item.key)
        if ours:
            await self._remove(item.key)

    async def _left_over(self, item: Listed) -> None:
        self.report.left_over += 1
        await self._remove(item.key)

    async def _remove(self, key: str) -> None:
        if self._wish.repair:
            await self._shelf.remove(key)
            self.report.removed += 1

    async def _examined(self, row: DocumentVersion) -> None:
        async with self._room:
            try:
                fault = await self._fault(row)
                if fault is not None:
                    row, fault = await self._once_more(row, fault)
            except StoreUnavailable:
                self.report.unread += 1
                return
        act = await self._acted(row, fault)
        if fault is not None:
            self.report.faults += 1
        if (fault is not None or act != "none") and len(self.report.found) < NAMED_AT_MOST:
            self.report.found.append(Found(row.document_id, row.version, row.state, fault, act))

    async def _fault(self, row: DocumentVersion) -> str | None:
        if not self._wish.deep and row.state != "quarantined":
            return await self._shelf.look(row)
        examined = await self._shelf.examine(row)
        self.report.read_bytes += examined.read_bytes
        return examined.fault

    async def _once_more(self, row: DocumentVersion, fault: str) -> tuple[DocumentVersion, str | None]:
        """A row that was read before its key was turned, or its paper erased, is no fault."""
        async with self._database.reading() as reading:
            fresh = await version_row(reading, row.document_id, row.version)
        if fresh is None or fresh.state not in _CHECKED:
            return row, None
        self._keyring.forget(row.subject_ref)
        return fresh, await self._fault(fresh) if fresh != row or fault == "key" else fault

    async def _acted(self, row: DocumentVersion, fault: str | None) -> str:
        if not self._wish.repair:
            return "none"
        if row.state == "quarantined" and fault is None:
            if await let_out(self._keyring, self._appender, row):
                self.report.let_out += 1
                return "let_out"
        elif (
            row.state != "quarantined"
            and fault is not None
            and await put_aside(self._keyring, self._appender, row, fault, found_by="fsck", now=self._now)
        ):
            self.report.put_aside += 1
            return "put_aside"
        return "none"
