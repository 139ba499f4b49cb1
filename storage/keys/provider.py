"""Who holds the root key: the protocol that every provider speaks.

Methods are coroutines because a transit server or an HSM answers from somewhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key encrypted by one version of a root key; what a row keeps of it."""

    root_key_id: str
    root_key_version: int
    blob: bytes = field(repr=False)


class KeyProvider(Protocol):
    """``associated_data`` names what the key is for; another name does not unwrap (``SealBroken``)."""

    @property
    def root_key_id(self) -> str:
        """The root key that wraps now; names it, tells nothing about it."""

    @property
    def version(self) -> int:
        """Its version that wraps now; rows of an older one are what a rotation wraps again."""

    async def wrap(self, plaintext: bytes, associated_data: bytes) -> WrappedKey: ...

    async def unwrap(self, wrapped: WrappedKey, associated_data: bytes) -> bytes:
        """Raises ``SealBroken``; ``RootKeyRefused`` when another root key wrapped it."""
