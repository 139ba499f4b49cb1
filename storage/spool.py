"""Where an upload waits for its verdict: memory without a name, counted and bounded, gone with its file descriptor.

On Linux a ``memfd``: tmpfs pages of the kernel's own mount, which no path leads to, no crash leaves behind, and that nobody can write to
once the file is sealed. Elsewhere an unlinked file in the temporary folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from storage.errors import GateBusy

READ_BYTES = 262_144


class Spool:
    """All uploads of this process that wait, together."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0

    def room(self, size: int) -> Spooled:
        """Room for ``size`` bytes. Raises ``GateBusy`` when there is none now."""
        if self.used_bytes + size > self.limit_bytes:
            raise GateBusy("the spool is full")
        return Spooled(self, size)


class Spooled:
    """One upload. ``with`` gives its room back."""

    def __init__(self, spool: Spool, size: int) -> None:
        self.size = size
        self._spool = spool
        self.descriptor = -1

    def __enter__(self) -> Self:
        self.descriptor = _nameless()
        self._spool.used_bytes += self.size
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)
        self._spool.used_bytes -= self.size

    def write(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        while left:
            left = left[os.write(self.descriptor, left) :]

    def seal(self) -> None:
        """From here on nobody changes it: not a worker that was taken over either."""
        if sys.platform == "linux":
            import fcntl

            fcntl.fcntl(
                self.descriptor,
                fcntl.F_ADD_SEALS,
                fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL,
            )

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """In pieces; where the descriptor stands does not matter, a worker shares it."""
        while start < end:
            piece = os.pread(self.descriptor, min(READ_BYTES, end - start), start)
            if not piece:
                raise GateBusy("the spool is shorter than its upload")
            start += len(piece)
            yield piece


def _nameless() -> int:
    if sys.platform == "linux":
        return os.memfd_create("upload", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
