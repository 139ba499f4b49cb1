"""Who holds the root key: the protocol that every provider speaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key encrypted by one version of a root key."""

    root_key_id: str
    root_key_version: int
    blob: bytes = field(repr=False)


class KeyProvider(Protocol):
    """``associated_data`` names what the key is for; another name does not unwrap (``SealBroken``)."""

    async def wrap(self, plaintext: bytes, associated_data: bytes) -> WrappedKey: ...

    async def unwrap(self, wrapped: WrappedKey, associated_data: bytes) -> bytes: ...
