"""What a witness remembers: the last checkpoint of each log, on disk before a cosignature leaves.

    {"v": 1, "heads": {"<origin>": {"size": 1000, "root": "<base64>"}}}

One file, written beside, synced, renamed over the old one, and the folder synced: whenever the machine stops, the old state or the new
one is there. A witness without its memory would cosign a second history, so a file that is gone or damaged is no fresh start: only
``create`` makes one, together with a new key. One process holds it (a lock that ends with the process).
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
from pathlib import Path
from typing import Any, Self

from storage.errors import StorageError
from storage.witness.judging import NOTHING, Head

_VERSION = 1


class MemoryLost(StorageError):
    """The file cannot be read, is held by another process or cannot be written; the message says which."""


class Memory:
    """``folder`` holds ``state.json`` and ``lock``. Raises ``MemoryLost``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = _locked(folder / "lock")
        try:
            self._heads = heads_in(folder)
        except MemoryLost:
            self.close()
            raise

    @classmethod
    def create(cls, folder: Path) -> None:
        """The memory of a witness that has signed nothing. Raises ``MemoryLost`` where there is one."""
        if (folder / "state.json").exists():
            raise MemoryLost(f"{folder / 'state.json'} is there already")
        _write(folder, {})

    def last(self, origin: str) -> Head:
        return self._heads.get(origin, NOTHING)

    def remember(self, origin: str, head: Head) -> None:
        """Durable when it returns; blocking. Raises ``MemoryLost``: then nothing may be signed, and what is remembered is unknown."""
        heads = {**self._heads, origin: head}
        try:
            _write(self._folder, heads)
        except OSError as error:
            raise MemoryLost(f"{self._folder / 'state.json'} cannot be written: {error.strerror}") from error
        self._heads = heads

    def close(self) -> None:
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def heads_in(folder: Path) -> dict[str, Head]:
    """By origin, as the file stands. Raises ``MemoryLost``."""
    try:
        return _heads_of(json.loads((folder / "state.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MemoryLost(
            f"{folder / 'state.json'} is not there or not whole: a witness that does not know what it signed must not sign; "
            "make a new key with `berkas witness init` in another folder"
        ) from error


def _locked(path: Path) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MemoryLost(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise MemoryLost(f"another process holds {path}: one witness, one process") from error
    return lock


def _heads_of(state: Any) -> dict[str, Head]:
    if state["v"] != _VERSION:
        raise ValueError("another version")
    return {
        origin: Head(_size(head["size"]), _root(head["root"]))
        for origin, head in dict(state["heads"]).items()
    }


def _size(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a size")
    return value


def _root(text: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not a root") from error
    if len(root) != len(NOTHING.root):
        raise ValueError("not a root")
    return root


def _write(folder: Path, heads: dict[str, Head]) -> None:
    state = {
        "v": _VERSION,
        "heads": {
            origin: {"size": head.size, "root": base64.b64encode(head.root).decode()}
            for origin, head in sorted(heads.items())
        },
    }
    beside = folder / "state.json.new"
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb"
    ) as file:
        file.write(json.dumps(state, indent=1).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / "state.json")
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
