"""A malware scanner for the tests: one that says what a test wants, and a real clamd that knows EICAR only."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Written in two parts: whoever scans this repository should find nothing.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
VERSION = b"ClamAV 1.4.6/27500/Wed Nov 25 09:26:03 2026\0"
CLEAN = b"stream: OK\0"


@dataclass
class Said:
    """``answer``: what a scan comes to. ``hang``: nothing is ever said. ``deaf_after``: it hangs up after so many bytes."""

    answer: bytes = CLEAN
    version: bytes = VERSION
    hang: bool = False
    deaf_after: int | None = None
    heard: list[bytes] = field(default_factory=list)
    address: str = ""


@contextlib.asynccontextmanager
async def scripted(said: Said) -> AsyncIterator[Said]:
    """INSTREAM and VERSION of clamd's protocol (clamd(8), the z prefix), on a port of loopback."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            command = await reader.readuntil(b"\0")
            if said.hang:
                await asyncio.sleep(60)
            if command == b"zVERSION\0":
                writer.write(said.version)
            elif (content := await _streamed(reader, said.deaf_after)) is not None:
                said.heard.append(content)
                writer.write(said.answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        said.address = f"tcp:127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield said
        server.close()


async def _streamed(reader: asyncio.StreamReader, deaf_after: int | None) -> bytes | None:
    got = bytearray()
    while size := int.from_bytes(await reader.readexactly(4), "big"):
        got += await reader.readexactly(size)
        if deaf_after is not None and len(got) >= deaf_after:
            return None
    return bytes(got)


def clamd_binary() -> Path | None:
    found = shutil.which("clamd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
    return Path(found) if found else None


@contextlib.contextmanager
def real_clamd(binary: Path, folder: Path) -> Iterator[str]:
    """Its address. ``folder`` must have a short path: a socket's name has about 100 characters."""
    database, address = folder / "db", folder / "s"
    database.mkdir()
    (database / "test.ndb").write_text(f"Eicar:0:*:{EICAR.hex()}\n", encoding="ascii")
    settings = folder / "clamd.conf"
    lines = (
        "Foreground yes",
        f"LocalSocket {address}",
        f"DatabaseDirectory {database}",
        "StreamMaxLength 2M",
    )
    settings.write_text("\n".join(lines) + "\n", encoding="ascii")
    process = subprocess.Popen(
        [binary, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until_s = time.monotonic() + 30
        while not address.exists() and time.monotonic() < until_s and process.poll() is None:
            time.sleep(0.05)
        yield f"unix:{address}"
    finally:
        process.terminate()
        process.wait(20)
