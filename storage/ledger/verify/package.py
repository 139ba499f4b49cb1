"""Files that somebody was given, as a folder or as a ZIP archive, by name. Nothing is unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

MEMBER_LIMIT_BYTES = 1_000_000
"""Of a proof, a checkpoint, a set of keys. A document may be larger: it is only hashed."""


class PackageRefused(ValueError):
    """What was given is no folder, no archive, or not what it should hold."""


class Package:
    """``names`` in their order; ``place`` is for messages."""

    def __init__(self, path: Path) -> None:
        self.place = path.name
        self._path = path
        self._archive: zipfile.ZipFile | None = None
        if path.is_dir():
            self.names = sorted(
                found.relative_to(path).as_posix() for found in path.rglob("*") if found.is_file()
            )
            return
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise PackageRefused(f"{self.place} is neither a folder nor a ZIP archive") from error
        self.names = [name for name in self._archive.namelist() if not name.endswith("/")]
        if len(set(self.names)) != len(self.names):
            raise PackageRefused(f"{self.place} holds a name twice")

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()

    def content(self, name: str) -> bytes:
        """Raises ``PackageRefused``."""
        with self.opened(name) as file:
            content = file.read(MEMBER_LIMIT_BYTES + 1)
        if len(content) > MEMBER_LIMIT_BYTES:
            raise PackageRefused(f"{self.place}: {name} is too large")
        return content

    def text(self, name: str) -> str:
        """Raises ``PackageRefused``."""
        try:
            return self.content(name).decode()
        except UnicodeDecodeError:
            raise PackageRefused(f"{self.place}: {name} is not text") from None

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        if name not in self.names:
            raise PackageRefused(f"{self.place} holds no {name}")
        try:
            with (
                self._path.joinpath(name).open("rb")
                if self._archive is None
                else self._archive.open(name) as file
            ):
                yield file
        except (OSError, zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
            raise PackageRefused(f"{self.place}: {name} cannot be read") from error


def packages_at(path: Path) -> Iterator[Path]:
    """The package itself, or each archive in a folder of them."""
    archives = sorted(path.glob("*.zip")) if path.is_dir() else []
    yield from archives or [path]
