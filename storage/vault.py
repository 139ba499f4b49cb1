"""The vault: the only door to document bytes.

In: a streamed body is hashed, sealed and put in constant memory, then read back once and compared. Out: a read may
be prepared before the verdict, so that the store works while the ledger commits, but it opens only against an
allowed Receipt for exactly this document version (no byte leaves before its entry exists).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace

from storage.blobs import Blobs, new_object_key
from storage.database import Database
from storage.documents import DocumentVersion, is_object_key, version_row
from storage.errors import DocumentMissing, KeyMissing, SealBroken, StoreUnavailable
from storage.keyring import Keyring
from storage.ledger.receipt import Receipt
from storage.sealing import (
    SEGMENT_BYTES,
    Opener,
    Sealer,
    dek_ad,
    document_ad,
    new_data_key,
    open_whole,
    sealed_size,
    unwrap,
    wrap,
)
from storage.shelf import Shelf

# Up to here a document is fetched, opened and sent as one response; above, segment by segment (D7).
WHOLE_LIMIT_BYTES = 1_048_576
PLACES_CACHED = 20_000
# A document key that turns between two reads is met once, twice with bad luck; a third time the row is broken.
UNWRAP_ATTEMPTS = 3
DISCARD_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class NewPlace:
    """Where a version will rest: a fresh object key and a fresh data key, wrapped for the citizen."""

    document_id: str
    version: int
    object_key: str
    wrapped_key: bytes
    data_key: bytes = field(repr=False)
    key_id: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Digests are SHA-256 in hex; sizes are bytes."""

    sha256: str
    size: int
    cipher_sha256: str
    cipher_size: int


@dataclass(frozen=True, slots=True)
class Opened:
    """An authenticated document. ``whole`` for small ones, else ``parts`` gives one segment after the other, each
    authenticated before it is given.
    """

    media_type: str
    sha256: str
    size: int
    whole: bytes | None
    parts: AsyncGenerator[bytes, None] | None


@dataclass(frozen=True, slots=True)
class Place:
    """What never changes about a stored version, with its data key, which lives as long as the document key ``key_id`` that opened
    it (60 s at most). But ``subjects``, whom it names: who uses them has a batch compare them with the row.
    """

    document_id: str
    version: int
    subject_ref: str
    type: str
    object_key: str
    data_key: bytes = field(repr=False)
    key_id: str
    media_type: str
    sha256: str
    size: int
    cipher_size: int
    subjects: str
    provenance: str
    taken_by: str


class Vault:
    """``site`` is part of what every sealed object is bound to."""

    def __init__(self, database: Database, blobs: Blobs, keyring: Keyring, *, site: str) -> None:
        self._database = database
        self._blobs = blobs
        self._keyring = keyring
        self._site = site
        self.shelf = Shelf(blobs, self.data_key, site=site)
        self._places: dict[tuple[str, int], Place] = {}

    async def new_place(self, subject_ref: str, document_id: str, version: int) -> NewPlace:
        key_id, key = await self._keyring.document_key(subject_ref)
        data_key = new_data_key()
        wrapped = wrap(key, data_key, dek_ad(document_id, version, key_id))
        return NewPlace(document_id, version, new_object_key(), wrapped, data_key, key_id)

    async def wrapped_anew(self, place: NewPlace, subject_ref: str) -> NewPlace:
        """The place under the citizen's document key of now: it turned while the paper came in. Raises ``KeyMissing``."""
        self._keyring.forget(subject_ref)
        key_id, key = await self._keyring.document_key(subject_ref)
        wrapped = wrap(key, place.data_key, dek_ad(place.document_id, place.version, key_id))
        return replace(place, wrapped_key=wrapped, key_id=key_id)

    async def put(self, place: NewPlace, body: AsyncIterator[bytes], size: int) -> Stored:
        """Seal and store ``size`` bytes of ``body``, then read the object back once.

        Raises ``StoreUnavailable`` (also when the read-back differs) and whatever ``body`` raises; the caller
        discards the place then.
        """
        plain, cipher = hashlib.sha256(), hashlib.sha256()
        sealer = Sealer(place.data_key, document_ad(self._site, place.document_id, place.version))

        async def sealed() -> AsyncIterator[bytes]:
            async for chunk in body:
                plain.update(chunk)
                for part in sealer.feed(chunk):
                    cipher.update(part)
                    yield part
            for part in sealer.finish():
                cipher.update(part)
                yield part

        cipher_size = sealed_size(size)
        try:
            await self._blobs.put(place.object_key, sealed(), cipher_size)
            # No ETag is trusted: it is MD5 where it is anything, and a store may keep other bytes than it was sent.
            if await self._blobs.digest(place.object_key, cipher_size) != cipher.hexdigest():
                raise StoreUnavailable("the object read back differs from the one written")
        except DocumentMissing:  # nodes come back one after the other; no paper is missing, none was kept yet
            raise StoreUnavailable("the object is not where it was written") from None
        return Stored(plain.hexdigest(), size, cipher.hexdigest(), cipher_size)

    async def discard(self, object_key: str) -> None:
        """Delete an object that never became a version; an object that is not there is fine.

        Somebody waits to be told that their paper was not kept: MinIO without a quorum answers no DELETE at all, and then the
        sweep does it.
        """
        try:
            async with asyncio.timeout(DISCARD_LIMIT_S):
                with contextlib.suppress(DocumentMissing):
                    await self._blobs.delete(object_key)
        except TimeoutError:
            raise StoreUnavailable("too slow to delete an object") from None

    async def probe(self) -> None:
        """Raises ``StoreUnavailable`` when the object store cannot be used."""
        await self._blobs.probe()

    def prepare(self, place: Place) -> SealedRead:
        """Start to get the object; nothing is handed out."""
        return SealedRead(self, place)

    async def find(self, document_id: str, version: int) -> Place | None:
        """Where a version rests; None when there is none. Raises ``KeyMissing`` when it was erased, ``SealBroken`` when its key
        is another version's, another citizen's or an old one.
        """
        known = self._places.get((document_id, version))
        if known is not None and self._keyring.holds(known.subject_ref, known.key_id):
            return known
        found = await self._opened_row(document_id, version)
        if found is None:
            return None
        row, key_id, data_key = found
        place = Place(
            document_id=document_id,
            version=version,
            subject_ref=row.subject_ref,
            type=row.type,
            object_key=row.object_key,
            data_key=data_key,
            key_id=key_id,
            media_type=row.media_type,
            sha256=row.sha256,
            size=row.size,
            cipher_size=row.cipher_size,
            subjects=row.subjects,
            provenance=row.provenance,
            taken_by=row.taken_by,
        )
        if len(self._places) >= PLACES_CACHED:
            self._places.clear()
        self._places[document_id, version] = place
        return place

    async def _opened_row(self, document_id: str, version: int) -> tuple[DocumentVersion, str, bytes] | None:
        """A version with its data key, and which key opened it. A document key that turned since it was unwrapped, or between the two reads, is read anew."""
        for attempt in itertools.count(1):
            async with self._database.reading() as reading:
                row = await version_row(reading, document_id, version)
            if row is None:
                return None
            if not is_object_key(row.object_key):
                raise SealBroken("not a place of ours")
            try:
                return row, *await self._opened_key(row)
            except SealBroken:
                if attempt == UNWRAP_ATTEMPTS:
                    raise
                self._keyring.forget(row.subject_ref)
        return None

    async def data_key(self, row: DocumentVersion) -> bytes:
        """The key of a version. Raises ``KeyMissing`` when it was erased, and ``SealBroken``."""
        return (await self._opened_key(row))[1]

    async def _opened_key(self, row: DocumentVersion) -> tuple[str, bytes]:
        if not row.wrapped_key:
            raise KeyMissing("data key")
        key_id, key = await self._keyring.document_key(row.subject_ref)
        return key_id, unwrap(key, row.wrapped_key, dek_ad(row.document_id, row.version, key_id))

    def forget(self, document_id: str, version: int) -> None:
        """Look it up anew the next time."""
        self._places.pop((document_id, version), None)

    def forget_old(self) -> None:
        """Let go of keys that may not be used any more; called every 20 s."""
        holds = self._keyring.holds
        self._places = {name: one for name, one in self._places.items() if holds(one.subject_ref, one.key_id)}

    async def _fetched(self, place: Place) -> bytearray | None:
        if place.size > WHOLE_LIMIT_BYTES:
            return None
        return await self._blobs.get(place.object_key, place.cipher_size)

    async def _opened(self, place: Place, sealed: bytearray | None) -> Opened:
        associated = document_ad(self._site, place.document_id, place.version)
        if sealed is not None:
            whole = open_whole(place.data_key, associated, sealed)
            if len(whole) != place.size:
                raise SealBroken("length")
            return Opened(place.media_type, place.sha256, place.size, whole, None)
        parts = self._parts(place, associated)
        # The first segment is opened here, so that a missing object or a wrong key is a clean error.
        first = await anext(parts)
        return Opened(place.media_type, place.sha256, place.size, None, _chained(first, parts))

    async def _parts(self, place: Place, associated: bytes) -> AsyncGenerator[bytes, None]:
        opener = Opener(place.data_key, associated, place.cipher_size)
        stream = self._blobs.stream(place.object_key, place.cipher_size, SEGMENT_BYTES)
        async with contextlib.aclosing(stream) as segments:
            async for segment in segments:
                yield opener.open(segment)
        opener.finish()


class SealedRead:
    """A read under way. ``open`` once with the Receipt, or ``cancel``."""

    def __init__(self, vault: Vault, place: Place) -> None:
        self._vault = vault
        self._place = place
        self._task = asyncio.create_task(vault._fetched(place))  # noqa: SLF001 - one room

    async def open(self, receipt: Receipt) -> Opened:
        """Raises ``RuntimeError`` when the Receipt is not an allowed one for this version (a bug in a flow), and
        ``DocumentMissing``, ``SealBroken``, ``StoreUnavailable``, ``KeyMissing``.
        """
        place = self._place
        wanted = (place.document_id, place.version)
        if not receipt.allowed or (receipt.document_id, receipt.version) != wanted:
            self.cancel()
            raise RuntimeError("the vault opens only against an allowed Receipt for this document version")
        return await self._vault._opened(place, await self._task)  # noqa: SLF001 - one room

    def cancel(self) -> None:
        self._task.cancel()
        # A read that nobody wants any more may fail in silence.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())


async def _chained(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(rest):
        yield first
        async for part in rest:
            yield part
