"""The root key in a file of 32 random bytes that only its owner may read, named as ``file:/absolute/path``."""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from storage.errors import RootKeyRefused
from storage.keys.provider import Bare, Bound, WrappedKey
from storage.sealing import KEY_BYTES, unwrap, wrap

OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_FEWEST_DIFFERENT_BYTES = 16  # 32 random bytes hold fewer less than once in 10^16


class LocalFile:
    """Raises ``RootKeyRefused`` when the file is not fit to hold a root key. The key is read once, at start."""

    version = 1  # a file holds one version; a rotation brings another file, so another id

    def __init__(self, path: Path) -> None:
        self._key = read_key(path)
        self._id = fingerprint(self._key)

    def __repr__(self) -> str:
        return f"LocalFile({self._id})"

    @property
    def root_key_id(self) -> str:
        return self._id

    @classmethod
    def from_url(cls, url: str) -> LocalFile:
        """``file:/absolute/path`` (or ``file:///...``), taken as it stands: nothing is unescaped."""
        scheme, _, path = url.partition(":")
        local = path.startswith("/") and (not path.startswith("//") or path.startswith("///"))
        if scheme != "file" or not local:
            raise RootKeyRefused("the root key is named as file:/absolute/path")
        return cls(Path(path))

    async def wrap(self, plaintext: bytes, associated_data: bytes) -> WrappedKey:
        return WrappedKey(self._id, self.version, wrap(self._key, plaintext, associated_data))

    async def unwrap(self, wrapped: WrappedKey, associated_data: bytes) -> bytes:
        """Raises ``SealBroken``; ``RootKeyRefused`` when another root key wrapped it."""
        if (wrapped.root_key_id, wrapped.root_key_version) != (self._id, self.version):
            raise RootKeyRefused("this database was sealed under another root key")
        return unwrap(self._key, wrapped.blob, associated_data)

    async def wrap_all(self, bare: Sequence[Bare]) -> list[WrappedKey]:
        return [await self.wrap(*each) for each in bare]

    async def unwrap_all(self, bound: Sequence[Bound]) -> list[bytes]:
        return [await self.unwrap(*each) for each in bound]

    async def rewrap_all(self, bound: Sequence[Bound]) -> list[WrappedKey]:
        """A file has one version: the same key under a fresh nonce."""
        return [await self.wrap(await self.unwrap(*each), each.associated_data) for each in bound]


def fingerprint(key: bytes) -> str:
    """The first 64 bits of a hash of the key, in hex: names it, tells nothing about it."""
    return hashlib.sha256(b"berkas-root-key\x00" + key).hexdigest()[:16]


def create(path: Path, key: bytes | None = None) -> None:
    """Write a key (a fresh one) with mode 0400, once: a file that is there already stays as it is. Raises ``OSError``.

    The name appears only when the key is on disk, so that a start that was interrupted leaves no half a key; of two
    starts at the same time one wins.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES) if key is None else key)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name too: whatever is sealed from now on needs it
    finally:
        os.close(folder)


def read_key(path: Path) -> bytes:
    """Raises ``RootKeyRefused``."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe must not hold up the start
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise RootKeyRefused("the root key is not a file")
        with os.fdopen(descriptor, "rb") as file:
            if facts.st_mode & OPEN_TO_OTHERS:
                raise RootKeyRefused("the root key's file is open to others than its owner (chmod 400)")
            if facts.st_uid not in {os.geteuid(), 0}:
                raise RootKeyRefused("the root key's file belongs to another user")
            key = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise RootKeyRefused(f"the root key cannot be read: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise RootKeyRefused("a root key has 32 bytes")
    if _looks_made_up(key):
        raise RootKeyRefused("this root key is not random")
    return key


def _looks_made_up(key: bytes) -> bool:
    """Zeros, a repeated word, a counted sequence, or text: a sample, a password, or 16 bytes written as hex."""
    steps = {(after - before) % 256 for before, after in itertools.pairwise(key)}
    return (
        len(set(key)) < _FEWEST_DIFFERENT_BYTES
        or len(steps) == 1
        or (key.isascii() and key.decode().isprintable())
    )
