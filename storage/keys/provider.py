"""Who holds the root key: the protocol that every provider speaks.

Methods are coroutines because a transit server or an HSM answers from somewhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key encrypted by one version of a root key; what a row keeps of it."""

    root_key_id: str
    root_key_version: int
    blob: bytes = field(repr=False)


class Bare(NamedTuple):
    """A key to be wrapped, and what it is for."""

    key: bytes
    associated_data: bytes


class Bound(NamedTuple):
    """A wrapped key, and what it is for."""

    wrapped: WrappedKey
    associated_data: bytes


class KeyProvider(Protocol):
    """``associated_data`` names what the key is for; another name does not unwrap (``SealBroken``).

    A holder that is away raises ``RootKeyAway``: the caller may try again. Several keys in one call cost one journey.
    """

    @property
    def root_key_id(self) -> str:
        """The root key that wraps now; names it, tells nothing about it."""

    @property
    def version(self) -> int:
        """Its version that wraps now; rows of an older one are what a rotation wraps again."""

    async def wrap(self, plaintext: bytes, associated_data: bytes) -> WrappedKey: ...

    async def unwrap(self, wrapped: WrappedKey, associated_data: bytes) -> bytes:
        """Raises ``SealBroken``; ``RootKeyRefused`` when another root key wrapped it."""

    async def wrap_all(self, bare: Sequence[Bare]) -> list[WrappedKey]:
        """In their order."""

    async def unwrap_all(self, bound: Sequence[Bound]) -> list[bytes]:
        """In their order; raises as ``unwrap`` when one of them does not unwrap."""

    async def rewrap_all(self, bound: Sequence[Bound]) -> list[WrappedKey]:
        """Wrapped by the version that wraps now. Where the holder can, the keys do not leave it meanwhile."""
