"""Fresh migrated databases for tests, one each.

Making one costs 0.3 s of a processor in a thousand new files, which was a third of what the suite used. So one that was used is emptied and
filled as it was, under a new name, so that nobody who still holds the old one writes into it. Where a test changed more than rows, the
database is dropped and another one is made.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

USES = 40  # of one database: what is deleted leaves room behind that searches walk over
SPARE = 2

# Everything that is no row of ours. Object ids are those of the template in every copy of it.
_FINGERPRINT = """
SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM (
  SELECT format('%s %s %s %s %s %s %s %s', oid, relname, relkind, relowner, relacl, reloptions, relhastriggers, relrowsecurity) line
    FROM pg_class
  UNION ALL SELECT format('%s %s %s %s %s %s', attrelid, attname, atttypid, attnotnull, atthasdef, attacl) FROM pg_attribute
  UNION ALL SELECT format('%s %s %s', oid, tgname, tgenabled) FROM pg_trigger
  UNION ALL SELECT format('%s %s %s %s', oid, proname, md5(prosrc), proacl) FROM pg_proc
  UNION ALL SELECT format('%s %s %s', oid, conname, convalidated) FROM pg_constraint
  UNION ALL SELECT format('%s %s %s', oid, nspname, nspacl) FROM pg_namespace
  UNION ALL SELECT format('%s %s', setrole, setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
    WHERE d.datname = current_database()
  UNION ALL SELECT format('%s %s %s', datdba, datacl, datconnlimit) FROM pg_database WHERE datname = current_database()
) told
"""
_TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
)
_SEQUENCES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'"


@dataclass(frozen=True, slots=True)
class _Template:
    """``rows`` are statements, one for each table that has any."""

    fingerprint: str
    tables: tuple[str, ...]
    sequences: tuple[str, ...]
    rows: tuple[str, ...]


class Databases:
    """The next one is made ready, and the last one emptied, while a test works."""

    def __init__(self, superuser_url: str, owner: str, template: str) -> None:
        self._superuser_url = superuser_url
        self._owner = owner
        self._name = template
        self._template: _Template | None = None
        self._uses: dict[str, int] = {}
        self._maker = ThreadPoolExecutor(1)
        self._ready = [self._maker.submit(self._run, self._made()) for _ in range(SPARE)]

    async def take(self) -> str:
        if not self._ready:
            self._ready.append(self._maker.submit(self._run, self._made()))
        return await asyncio.wrap_future(self._ready.pop(0))

    def drop(self, name: str) -> None:
        """Nobody needs it any more; whatever is still connected to it is cut off."""
        self._ready.append(self._maker.submit(self._run, self._again(name)))

    def close(self) -> None:
        self._maker.shutdown()
        for made in self._ready:
            made.result()

    @staticmethod
    def _run(work: Coroutine[None, None, str]) -> str:
        return asyncio.run(work)

    async def _made(self) -> str:
        name = f"t_{uuid.uuid4().hex[:12]}"
        connection = await asyncpg.connect(self._superuser_url)
        try:
            await connection.execute(
                f'CREATE DATABASE {name} TEMPLATE {self._name} OWNER "{self._owner}" STRATEGY wal_log'
            )
        finally:
            await connection.close()
        if self._template is None:
            self._template = await self._read(name)
        return name

    async def _again(self, used: str) -> str:
        uses = self._uses.pop(used, 0) + 1
        name = f"t_{uuid.uuid4().hex[:12]}"
        connection = await asyncpg.connect(self._superuser_url)
        try:
            await self._renamed(connection, used, name)
            if uses < USES and await self._emptied(name):
                self._uses[name] = uses
                return name
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await connection.close()
        return await self._made()

    async def _renamed(self, connection: asyncpg.Connection, used: str, name: str) -> None:
        """A process that was not told yet may connect once more between the two statements."""
        for _ in range(200):
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", used
            )
            try:
                await connection.execute(f"ALTER DATABASE {used} RENAME TO {name}")
            except asyncpg.ObjectInUseError:
                await asyncio.sleep(0.05)
            else:
                return
        raise AssertionError(f"somebody stays connected to {used}")

    async def _emptied(self, name: str) -> bool:
        """False where more than rows was changed."""
        template = self._template
        assert template is not None
        connection = await asyncpg.connect(self._at(name))
        try:
            if await connection.fetchval(_FINGERPRINT) != template.fingerprint:
                return False
            async with connection.transaction():
                # Neither triggers nor references: every row goes, and those of the template come back.
                await connection.execute("SET LOCAL session_replication_role = replica")
                any_row = " UNION ALL ".join(
                    f"SELECT '{table}' AS name WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in template.tables
                )  # fmt: skip
                for row in await connection.fetch(any_row):
                    await connection.execute(f'DELETE FROM "{row["name"]}"')
                for rows in template.rows:
                    await connection.execute(rows)
                for sequence in template.sequences:
                    await connection.execute(f"SELECT setval('\"{sequence}\"', 1, false)")
        finally:
            await connection.close()
        return True

    async def _read(self, name: str) -> _Template:
        connection = await asyncpg.connect(self._at(name))
        try:
            tables = tuple(row["relname"] for row in await connection.fetch(_TABLES))
            rows = [await _inserts(connection, table) for table in tables]
            return _Template(
                await connection.fetchval(_FINGERPRINT),
                tables,
                tuple(row["relname"] for row in await connection.fetch(_SEQUENCES)),
                tuple(filter(None, rows)),
            )
        finally:
            await connection.close()

    def _at(self, name: str) -> str:
        return urlunsplit(urlsplit(self._superuser_url)._replace(path=f"/{name}"))


async def _inserts(connection: asyncpg.Connection, table: str) -> str:
    """One statement that writes what the table holds; empty for an empty one."""
    rows = await connection.fetchval(f'SELECT json_agg(t)::text FROM "{table}" t')
    if rows is None:
        return ""
    quoted = str(rows).replace("'", "''")
    return f'INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", \'{quoted}\')'
