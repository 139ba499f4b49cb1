"""A ZIP archive that is written while it is sent: nothing of it is kept but its list of names.

Sizes and checksums follow each file (data descriptors), since a copy's are not known before it is drawn. Papers are compressed already,
so each is one DEFLATE stream at level 0, which stores it as it is: many readers that take an archive as it comes, Java's among them,
accept a descriptor only after such a stream, since it tells where it ends (APPNOTE 4.4.4, bit 3).
"""

from __future__ import annotations

import zipfile
from datetime import datetime
from typing import IO, cast

_FILE_MODE = 0o644 << 16
_AS_IT_IS = 0


class _Sink:
    """What was written since it was last taken. It cannot be sought in, as a connection cannot."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


class Archive:
    """``at`` is the time on the clock of the site that every file gets. Each call returns what is to be sent next."""

    def __init__(self, at: datetime) -> None:
        self._sink = _Sink()
        # It asks for no more than write and flush of what it cannot seek in.
        self._zip = zipfile.ZipFile(cast("IO[bytes]", self._sink), "w")
        self._when = (at.year, at.month, at.day, at.hour, at.minute, at.second)
        self._file: IO[bytes] | None = None

    def opens(self, name: str, size: int) -> bytes:
        """``size`` in bytes, so that a very large file gets the longer format."""
        told = zipfile.ZipInfo(name, self._when)
        told.external_attr = _FILE_MODE
        told.file_size = size
        told.compress_type = zipfile.ZIP_DEFLATED
        told._compresslevel = _AS_IT_IS  # type: ignore[attr-defined]  # noqa: SLF001 - public from Python 3.13 on only
        self._file = self._zip.open(told, "w")
        return self._sink.take()

    def write(self, part: bytes) -> bytes:
        if self._file is None:
            raise RuntimeError("no file was opened")
        self._file.write(part)
        return self._sink.take()

    def closes(self) -> bytes:
        if self._file is not None:
            self._file.close()
            self._file = None
        return self._sink.take()

    def whole(self, name: str, content: bytes) -> bytes:
        return self.opens(name, len(content)) + self.write(content) + self.closes()

    def ends(self) -> bytes:
        """The list of names: an archive without it is broken, and every reader sees that."""
        self._zip.close()
        return self._sink.take()
