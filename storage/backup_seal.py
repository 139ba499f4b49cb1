"""What the holder of the root key says about a backup: it sealed this digest, and the keys in the dump are its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from storage.dumps import Dumps, Row
from storage.errors import RootKeyRefused, SealBroken
from storage.keyring import provider_for, site_key_ad
from storage.keys.provider import Bound, WrappedKey
from storage.sealing import kek_ad, trail_ad

_BOUND_TO = b"berkas-backup|backup.json"


class BackupSeal:
    """``url`` and ``other`` as ``BERKAS_ROOT_KEY`` and ``BERKAS_ROOT_KEY_OTHER`` name holders. Every method raises ``RootKeyAway``."""

    def __init__(self, url: str, other: str = "") -> None:
        self._holder = provider_for(url, other)

    async def sealed(self, digest: bytes) -> dict[str, Any]:
        """A digest of 32 bytes, wrapped like a key: nobody else can make one that opens."""
        wrapped = await self._holder.wrap(digest, _BOUND_TO)
        return {"root_key": [wrapped.root_key_id, wrapped.root_key_version], "sealed": wrapped.blob.hex()}

    async def digest(self, seal: Mapping[str, Any]) -> bytes:
        """The digest that was sealed. Raises ``SealBroken``, ``RootKeyRefused`` when another root key sealed it."""
        try:
            (key_id, version), blob = seal["root_key"], bytes.fromhex(seal["sealed"])
            wrapped = WrappedKey(str(key_id), int(version), blob)
        except (ValueError, TypeError, KeyError):
            raise SealBroken("no seal") from None
        return await self._holder.unwrap(wrapped, _BOUND_TO)

    async def foreign_key(self, dumps: Dumps, dump: Path) -> tuple[str, int] | None:
        """The first root key (id, version) of the dump that is not at hand: one key of each is opened. Raises ``DumpFailed``."""
        samples: dict[tuple[str, int], Bound] = {}
        for table, bound_in in (("site_key", _site_key), ("citizen_key", _citizen_key)):
            async with aclosing(dumps.rows(dump, table)) as rows:
                async for row in rows:
                    if bound := bound_in(row):
                        samples[bound.wrapped.root_key_id, bound.wrapped.root_key_version] = bound
        for root_key, bound in samples.items():
            try:
                await self._holder.unwrap(bound.wrapped, bound.associated_data)
            except (RootKeyRefused, SealBroken):
                return root_key
        return None


def _site_key(row: Row) -> Bound:
    return Bound(_wrapped(row, "wrapped"), site_key_ad(row["purpose"] or "", row["kid"] or ""))


def _citizen_key(row: Row) -> Bound | None:
    """None where both were destroyed."""
    for column, bound_to in (("document_key", kek_ad), ("trail_key", trail_ad)):
        if row[column] is not None:
            return Bound(_wrapped(row, column), bound_to(row["id"] or ""))
    return None


def _wrapped(row: Row, column: str) -> WrappedKey:
    blob = bytes.fromhex((row[column] or "").removeprefix("\\x"))
    return WrappedKey(row["root_key_id"] or "", int(row["root_key_version"] or 0), blob)
