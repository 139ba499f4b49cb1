"""The root key in a file of 32 bytes that only its owner may read. ``file:/absolute/path``."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from storage.keys.provider import WrappedKey
from storage.sealing import KEY_BYTES, unwrap, wrap

OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class RootKeyRefused(Exception):
    """A root key that must not be used: missing, readable by others, of another length, or a sample."""


class LocalFile:
    """Raises ``RootKeyRefused`` when the file is not fit to hold a root key."""

    version = 1

    def __init__(self, path: Path) -> None:
        self._key = _read(path)
        self._id = hashlib.sha256(b"berkas-root-key\x00" + self._key).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"LocalFile({self._id})"

    @classmethod
    def from_url(cls, url: str) -> LocalFile:
        """``file:/absolute/path``."""
        scheme, _, rest = url.partition(":")
        if scheme != "file" or not rest.startswith("/"):
            raise RootKeyRefused("the root key is named as file:/absolute/path")
        return cls(Path(rest))

    async def wrap(self, plaintext: bytes, associated_data: bytes) -> WrappedKey:
        return WrappedKey(self._id, self.version, wrap(self._key, plaintext, associated_data))

    async def unwrap(self, wrapped: WrappedKey, associated_data: bytes) -> bytes:
        """Raises ``SealBroken``; ``RootKeyRefused`` when another root key wrapped it."""
        if wrapped.root_key_id != self._id:
            raise RootKeyRefused("this database was sealed under another root key")
        return unwrap(self._key, wrapped.blob, associated_data)


def create(path: Path) -> None:
    """Write a fresh key once; a file that is there already stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise RootKeyRefused(f"the root key cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & OPEN_TO_OTHERS:
            raise RootKeyRefused("the root key's file is open to others than its owner (chmod 400)")
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise RootKeyRefused("a root key has 32 bytes")
    if len(set(key)) < KEY_BYTES // 4:
        raise RootKeyRefused("this root key is not random")
    return key
