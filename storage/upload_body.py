"""The body of a PUT to the store, as ``aiohttp`` asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from storage.errors import UploadBroken


@dataclass(slots=True, eq=False)
class UploadBody:
    """The body of a PUT: counts, keeps what its source raised, and gives the store ``write_s`` to take each part.

    ``aiohttp`` cuts a longer body to Content-Length and leaves a shorter one waiting, both without a word, and its
    read timeout does not run before the body is out.
    """

    stream: AsyncIterator[bytes]
    size: int
    deadline: asyncio.Timeout
    write_s: float
    sent: int = 0
    begun: bool = False
    complete: bool = False
    failure: Exception | None = None  # never a cancellation: that is not the source's doing

    def __aiter__(self) -> UploadBody:
        return self

    async def __anext__(self) -> bytes:
        self.begun = True
        self.deadline.reschedule(None)  # the source may be a slow person: its own door has a limit
        try:
            part = await anext(self.stream, None)
        except Exception as error:
            self.failure = error
            raise
        self.sent += len(part or b"")
        if self.sent > self.size or (part is None and self.sent < self.size):
            self.failure = UploadBroken("a body of another length than announced")
            raise self.failure
        if part is None:
            self.complete = True
            raise StopAsyncIteration
        self.deadline.reschedule(asyncio.get_running_loop().time() + self.write_s)
        return part
