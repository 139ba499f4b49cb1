"""A malware scanner that is asked over its socket (clamd, INSTREAM), and is believed only when it says exactly that it found nothing.

clamd fails open in many ways: a stream over its own limit breaks off, an archive over its limits is OK. So limits come first, and anything
but ``stream: OK`` from a live scanner with fresh signatures is no verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

from storage.errors import ScannerUnavailable

CONNECT_LIMIT_S, SCAN_LIMIT_S = 2.0, 8.0
ANSWER_LIMIT_BYTES = 4_096
_VERSION_LIFE_S = 300.0
_CLEAN = b"stream: OK\0"
_FOUND = re.compile(rb"stream: [\x20-\x7e]{1,300} FOUND\0")
# "ClamAV 1.4.6/27500/Wed Nov 25 09:26:03 2026"; without signatures of ClamAV's own there is only the first part.
_VERSION = re.compile(rb"ClamAV [^/\0]+/(\d+)/(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\0")


class Scanner:
    """``address``: ``unix:/path`` or ``tcp:host:port``. ``oldest``: how old its signatures may be; None does not ask."""

    def __init__(self, address: str, oldest: timedelta | None) -> None:
        kind, _, place = address.partition(":")
        self._unix = place if kind == "unix" else None
        self._host, _, port = place.rpartition(":")
        self._port = int(port) if kind == "tcp" else 0
        self._oldest = oldest
        self._fresh_until_s = 0.0

    async def is_clean(self, pieces: Iterator[bytes], now: datetime) -> bool:
        """False: it found something. Raises ``ScannerUnavailable`` for every other answer, and for none."""
        await self.check(now)
        async with self._asked(SCAN_LIMIT_S) as (reader, writer):
            writer.write(b"zINSTREAM\0")
            for piece in pieces:
                writer.write(len(piece).to_bytes(4, "big") + piece)
                await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
            answer = await _answer(reader)
        if answer == _CLEAN:
            return True
        if _FOUND.fullmatch(answer):
            return False
        raise ScannerUnavailable("the scanner gave no verdict")

    async def check(self, now: datetime) -> None:
        """It answers, and its signatures are fresh: asked again after five minutes. Raises ``ScannerUnavailable``."""
        if self._fresh_until_s > time.monotonic():
            return
        async with self._asked(CONNECT_LIMIT_S) as (reader, writer):
            writer.write(b"zVERSION\0")
            await writer.drain()
            answer = await _answer(reader)
        if not answer.startswith(b"ClamAV ") or not answer.endswith(b"\0"):
            raise ScannerUnavailable("no ClamAV answers")
        if self._oldest is not None and now - _made(answer) > self._oldest:
            raise ScannerUnavailable("its signatures are too old")
        self._fresh_until_s = time.monotonic() + _VERSION_LIFE_S

    @contextlib.asynccontextmanager
    async def _asked(
        self, limit_s: float
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            async with asyncio.timeout(limit_s):
                reader, writer = await self._connected()
                try:
                    yield reader, writer
                finally:
                    writer.close()
        except (TimeoutError, OSError, EOFError) as error:
            raise ScannerUnavailable("the scanner does not answer") from error

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(CONNECT_LIMIT_S):
            if self._unix is not None:
                return await asyncio.open_unix_connection(self._unix)
            return await asyncio.open_connection(self._host, self._port)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """All that it says until it hangs up: half an answer is none."""
    answer = b""
    while len(answer) <= ANSWER_LIMIT_BYTES and (part := await reader.read(ANSWER_LIMIT_BYTES)):
        answer += part
    return answer


def _made(answer: bytes) -> datetime:
    """When its signatures were made; without any it is as if they were from the beginning of time."""
    found = _VERSION.fullmatch(answer)
    if found is None:
        raise ScannerUnavailable("it has no signatures of ClamAV's")
    with contextlib.suppress(ValueError):
        return datetime.strptime(found[2].decode(), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    raise ScannerUnavailable("its signatures have no date")
