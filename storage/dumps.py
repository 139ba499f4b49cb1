"""The database as one file and back, by PostgreSQL's own tools: ``pg_dump`` in its custom format, ``pg_restore``.

A dump is read back without a server: what a backup holds is stated from the dump itself, never from a database that has gone on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from storage.database import Reading
from storage.errors import StorageError

_PIPE = asyncio.subprocess.PIPE
_LINE_LIMIT_BYTES = 64 * 1024 * 1024  # a row is one line; a message that was kept is the longest there is
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NULL = "\\N"
_END = "\\."

Row = dict[str, str | None]


class DumpFailed(StorageError):
    """A tool said no; the message is what it said, in one line."""


class Dumps:
    """``tools`` is the folder with pg_dump and pg_restore, of the server's major version or newer."""

    def __init__(self, tools: Path) -> None:
        self._tools = tools

    async def dump(self, url: str, target: Path) -> None:
        """Everything of the database, seen at one moment. Raises ``DumpFailed``."""
        words = ("--format=custom", "--no-owner", "--lock-wait-timeout=10s", f"--file={target}")
        await self._done("pg_dump", url, words)

    async def restore(self, url: str, dump: Path) -> None:
        """All of it or nothing, as the owner of an empty database. Raises ``DumpFailed``."""
        words = ("--no-owner", "--single-transaction", "--exit-on-error", str(dump))
        await self._done("pg_restore", url, words)

    async def rows(self, dump: Path, table: str) -> AsyncGenerator[Row, None]:
        """The rows of one table, each value as COPY writes it, unescaped. Raises ``DumpFailed``."""
        process = await asyncio.create_subprocess_exec(
            self._tools / "pg_restore", "--data-only", f"--table={table}", "--file=-", dump,
            stdout=_PIPE, stderr=_PIPE, env=_environment(), limit=_LINE_LIMIT_BYTES,
        )  # fmt: skip
        try:
            columns: list[str] = []
            async for raw in _out(process):
                line = raw.decode().removesuffix("\n")
                if columns and line != _END:
                    yield dict(zip(columns, map(_value, line.split("\t")), strict=True))
                elif columns:
                    columns = []
                elif line.startswith(f"COPY public.{table} ("):
                    columns = [
                        name.strip('"') for name in line.partition("(")[2].partition(")")[0].split(", ")
                    ]
            _, said = await process.communicate()
            if process.returncode:
                raise DumpFailed(_sentence("pg_restore", said))
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _done(self, tool: str, url: str, words: Sequence[str]) -> None:
        address, password = _apart(url)
        process = await asyncio.create_subprocess_exec(
            self._tools / tool, f"--dbname={address}", *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=_PIPE,
            env=_environment() | {"PGPASSWORD": password},
        )  # fmt: skip
        try:
            _, said = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.returncode:
            raise DumpFailed(_sentence(tool, said))


async def tables_of(reading: Reading) -> int:
    """How many tables the database has: none in an empty one."""
    return int(
        await reading.raw.fetchval(
            "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    )


async def server_major(reading: Reading) -> int:
    return int(await reading.raw.fetchval("SELECT current_setting('server_version_num')::int / 10000"))


def _out(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise RuntimeError("started without a pipe")
    return process.stdout


def _value(text: str) -> str | None:
    if text == _NULL:
        return None
    return _ESCAPED.sub(lambda found: _PLAIN.get(found[1], found[1]), text) if "\\" in text else text


def _apart(url: str) -> tuple[str, str]:
    """The password goes by the environment: a command line can be read by everybody on the machine."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    address = urlunsplit(parts._replace(scheme="postgresql", netloc=f"{user}@{host}" if user else host))
    return address, unquote(parts.password or "")


def _environment() -> dict[str, str]:
    """Nothing of ours is inherited: PGDATABASE or PGHOST of the caller would change what the tools do."""
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    return kept | {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _sentence(tool: str, said: bytes) -> str:
    lines = [
        line for line in said.decode(errors="replace").splitlines() if "error:" in line or "FATAL" in line
    ]
    return f"{tool} failed: {(lines or [' '.join(said.decode(errors='replace').split())[-300:]])[0]}"
