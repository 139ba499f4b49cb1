"""Several holders of root keys during a change: the first wraps, each unwraps what it once wrapped."""

from __future__ import annotations

from collections.abc import Sequence

from storage.errors import RootKeyRefused
from storage.keys.provider import Bare, Bound, KeyProvider, WrappedKey


class Holders:
    """Raises ``RootKeyRefused`` when two of them are the same root key."""

    def __init__(self, writing: KeyProvider, *reading: KeyProvider) -> None:
        self._writing = writing
        self._by_id = {holder.root_key_id: holder for holder in (writing, *reading)}
        if len(self._by_id) != 1 + len(reading):
            raise RootKeyRefused("BERKAS_ROOT_KEY and BERKAS_ROOT_KEY_OTHER name the same root key")

    @property
    def root_key_id(self) -> str:
        return self._writing.root_key_id

    @property
    def version(self) -> int:
        return self._writing.version

    async def wrap(self, plaintext: bytes, associated_data: bytes) -> WrappedKey:
        return await self._writing.wrap(plaintext, associated_data)

    async def unwrap(self, wrapped: WrappedKey, associated_data: bytes) -> bytes:
        return await self._holder(wrapped).unwrap(wrapped, associated_data)

    async def wrap_all(self, bare: Sequence[Bare]) -> list[WrappedKey]:
        return await self._writing.wrap_all(bare)

    async def unwrap_all(self, bound: Sequence[Bound]) -> list[bytes]:
        opened: dict[int, bytes] = {}
        for holder in self._by_id.values():
            places = [n for n, each in enumerate(bound) if self._holder(each.wrapped) is holder]
            keys = await holder.unwrap_all([bound[n] for n in places]) if places else []
            opened.update(zip(places, keys, strict=True))
        return [opened[n] for n in range(len(bound))]

    async def rewrap_all(self, bound: Sequence[Bound]) -> list[WrappedKey]:
        """What the writing holder wrapped stays inside it; what another did is unwrapped there and wrapped here."""
        mine = [n for n, each in enumerate(bound) if self._holder(each.wrapped) is self._writing]
        others = [n for n in range(len(bound)) if n not in set(mine)]
        turned: dict[int, WrappedKey] = {}
        if mine:
            turned.update(zip(mine, await self._writing.rewrap_all([bound[n] for n in mine]), strict=True))
        if others:
            keys = await self.unwrap_all([bound[n] for n in others])
            bare = [Bare(key, bound[n].associated_data) for n, key in zip(others, keys, strict=True)]
            turned.update(zip(others, await self._writing.wrap_all(bare), strict=True))
        return [turned[n] for n in range(len(bound))]

    def _holder(self, wrapped: WrappedKey) -> KeyProvider:
        holder = self._by_id.get(wrapped.root_key_id)
        if holder is None:
            raise RootKeyRefused("this database was sealed under another root key")
        return holder
