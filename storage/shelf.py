"""What stands on the shelf: objects as the store lists them, and whether one is still what its row says.

Nothing here hands out a document: a copy is opened to be hashed, in constant memory, and the outcome is one word.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from storage.blobs import Blobs, Listed
from storage.database import Reading
from storage.documents import GONE, VERSIONS, DocumentVersion, is_object_key
from storage.errors import DocumentMissing, KeyMissing, SealBroken
from storage.sealing import SEGMENT_BYTES, Opener, document_ad, sealed_size

__all__ = ["FAULTS", "GONE", "OUTSIDE", "SHARDS", "Listed", "Shelf", "on_shard", "pending_on"]

SHARDS = tuple(f"{number:02x}" for number in range(256))  # the first two digits of every object key
OUTSIDE = ""
"""What is in no shard: keys that Berkas never gave."""
FAULTS = {
    "missing": "the store does not hold the object",
    "length": "the object has another length than was stored",
    "row": "the sizes in the row do not fit each other",
    "place": "the row names an object under a key that Berkas never gave",
    "key": "the wrapped key in the row does not open for this document, version and citizen",
    "cipher": "the stored bytes are not those that were stored",
    "seal": "a segment does not authenticate",
    "digest": "the document is not the one whose digest the row states",
}


@dataclass(frozen=True, slots=True)
class Examined:
    """``fault`` is None for a copy that is whole; ``read_bytes`` of ciphertext."""

    fault: str | None
    read_bytes: int = 0


class Shelf:
    """``data_key`` unwraps the key of a version; raises ``SealBroken`` and ``KeyMissing``."""

    def __init__(
        self, blobs: Blobs, data_key: Callable[[DocumentVersion], Awaitable[bytes]], *, site: str
    ) -> None:
        self._blobs = blobs
        self._data_key = data_key
        self._site = site

    async def listed(self, shard: str) -> dict[str, Listed]:
        """Every object whose key begins with ``shard``; of ``OUTSIDE`` those in none. Raises ``StoreUnavailable``."""
        if shard == OUTSIDE:
            return await self._outside()
        return {item.key: item for item in await self._blobs.listed(f"{shard}/")}

    async def _outside(self) -> dict[str, Listed]:
        found: dict[str, Listed] = {}
        for item in await self._blobs.listed("", whole=False):
            prefix, slash, _ = item.key.partition("/")
            if not slash:
                found[item.key] = item
            elif prefix not in SHARDS:
                found |= {inner.key: inner for inner in await self._blobs.listed(item.key)}
        return found

    async def look(self, row: DocumentVersion) -> str | None:
        """The fault that row and listing show, asked of the store anew; no byte is read. Raises ``StoreUnavailable``."""
        if not is_object_key(row.object_key):
            return "place"
        found = {item.key: item for item in await self._blobs.listed(row.object_key)}
        return seen(row, found.get(row.object_key))

    async def examine(self, row: DocumentVersion) -> Examined:
        """Read the object once: its length, the digest of its bytes, its seal, the digest of the document. Raises
        ``StoreUnavailable`` when the store cannot say.
        """
        if (fault := await self.look(row)) is not None:
            return Examined(fault)
        try:
            data_key = await self._data_key(row)
        except (SealBroken, KeyMissing):
            return Examined("key")
        opener: Opener | None = Opener(
            data_key, document_ad(self._site, row.document_id, row.version), row.cipher_size
        )
        cipher, plain, size = hashlib.sha256(), hashlib.sha256(), 0
        try:
            stream = self._blobs.stream(row.object_key, row.cipher_size, SEGMENT_BYTES)
            async with contextlib.aclosing(stream) as segments:
                async for segment in segments:
                    cipher.update(segment)
                    try:
                        opened = opener.open(segment) if opener is not None else b""
                    except SealBroken:
                        opener = None  # the rest is still read, for the digest of the whole
                    else:
                        plain.update(opened)
                        size += len(opened)
        except DocumentMissing:
            return Examined("missing")
        return Examined(_compared(row, opener, cipher.hexdigest(), plain.hexdigest(), size), row.cipher_size)

    async def remove(self, object_key: str) -> None:
        """An object that is not there is fine. Raises ``StoreUnavailable``."""
        with contextlib.suppress(DocumentMissing):
            await self._blobs.delete(object_key)

    def ciphertext(self, object_key: str, size: int) -> AsyncGenerator[memoryview, None]:
        """The sealed bytes as they are stored, for a copy elsewhere. Raises ``DocumentMissing`` and ``StoreUnavailable``."""
        return self._blobs.stream(object_key, size, SEGMENT_BYTES)

    async def digest(self, object_key: str, size: int) -> str:
        """SHA-256 in hex of the sealed bytes as the store gives them now. Raises ``DocumentMissing`` and ``StoreUnavailable``."""
        return await self._blobs.digest(object_key, size)

    async def give_back(self, object_key: str, stream: AsyncIterator[bytes], size: int) -> None:
        """Sealed bytes out of a copy, under the key that they had. Raises ``StoreUnavailable`` and ``UploadBroken``."""
        await self._blobs.put(object_key, stream, size)

    async def everything(self) -> dict[str, int]:
        """Key -> size of whatever the bucket holds. Raises ``StoreUnavailable``."""
        return {item.key: item.size for item in await self._blobs.listed("")}


def seen(row: DocumentVersion, found: Listed | None) -> str | None:
    """What row and listing alone tell."""
    if not is_object_key(row.object_key):
        return "place"
    if row.cipher_size != sealed_size(row.size):
        return "row"
    if found is None:
        return "missing"
    return None if found.size == row.cipher_size else "length"


def _compared(row: DocumentVersion, opener: Opener | None, cipher: str, plain: str, size: int) -> str | None:
    """Other bytes than were stored come first: they say whether the store or the row was changed."""
    if cipher != row.cipher_sha256:
        return "cipher"
    if opener is None:
        return "seal"
    try:
        opener.finish()
    except SealBroken:
        return "seal"
    return None if plain == row.sha256 and size == row.size else "digest"


async def on_shard(reading: Reading, shard: str) -> list[DocumentVersion]:
    """Every version whose object key begins with ``shard``, whatever its state; of ``OUTSIDE`` those in none."""
    if shard == OUTSIDE:
        return await VERSIONS.load(reading.raw, "(left(object_key, 2) ~ '^[0-9a-f]{2}$')::text", ["false"])
    return await VERSIONS.load(reading.raw, "left(object_key, 2)", [shard])


async def kept_no_more(reading: Reading, keys: Sequence[str]) -> set[str]:
    """Which of these objects belong to versions that were erased, voided or put aside."""
    rows = await reading.raw.fetch(
        "SELECT object_key FROM document_version WHERE object_key = ANY($1) AND state IN ('erased', 'voided', 'quarantined')",
        keys,
    )
    return {row["object_key"] for row in rows}


async def pending_on(reading: Reading, shard: str) -> set[str]:
    """Object keys of intakes under way there."""
    if shard == OUTSIDE:
        rows = await reading.raw.fetch(
            "SELECT object_key FROM intake WHERE left(object_key, 2) !~ '^[0-9a-f]{2}$'"
        )
    else:
        rows = await reading.raw.fetch("SELECT object_key FROM intake WHERE left(object_key, 2) = $1", shard)
    return {row["object_key"] for row in rows}
