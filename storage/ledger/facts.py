"""Judged facts: the rows that decide who may read what, and the working copy of one batch.

A ``FactTable`` is declared once, by a frozen dataclass whose fields are the columns. Only the ledger's appender
writes such a table (DESIGN section 2: "every writer of a judged fact is a batch item"), so nothing can change
between judging and committing. ``Facts`` holds what a batch has read; each item's changes are seen by the items
after it and go to the database together.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, Generic, NamedTuple, NewType, Protocol, TypeVar, get_args, get_type_hints

import asyncpg
import sqlalchemy as sa
from sqlmodel import SQLModel

from storage.errors import LedgerUnavailable

Json = NewType("Json", str)
"""A JSON document; kept as text, since it is only ever read as a whole."""

_COLUMN_TYPES: dict[Any, tuple[Any, str]] = {
    str: (sa.Text(), "text"),
    int: (sa.BigInteger(), "bigint"),
    bool: (sa.Boolean(), "boolean"),
    bytes: (sa.LargeBinary(), "bytea"),
    datetime: (sa.DateTime(timezone=True), "timestamptz"),
    date: (sa.Date(), "date"),
    Json: (sa.Text(), "text"),
}


class Fact(Protocol):
    """A row: a frozen dataclass with a text primary key ``id``."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Fact)


class FactTable(Generic[R]):
    """One table of judged facts; ``groups`` are columns by which a batch may ask for all rows."""

    def __init__(
        self, row: type[R], name: str, *, groups: Sequence[str] = (), unique: Sequence[str] = ()
    ) -> None:
        self.row = row
        self.name = name
        self.groups = (*groups, *unique)  # what is unique is a group of one at most
        hints = get_type_hints(row)
        self._columns = [(field.name, *_column_type(hints[field.name])) for field in dataclasses.fields(row)]
        self._names = ", ".join(column for column, *_ in self._columns)
        # A frozen dataclass sets each field by a call (0.2 us). What is read for a batch is made by a class of the same shape that
        # is not frozen, and then is what it says: 0.04 us a field.
        self._open = dataclasses.make_dataclass(
            f"Open{row.__name__}", [c for c, *_ in self._columns], slots=True
        )
        self.table = sa.Table(
            name,
            SQLModel.metadata,
            *(
                sa.Column(column, kind, primary_key=column == "id", nullable=nullable)
                for column, kind, _, nullable in self._columns
            ),
        )
        for column in groups:
            sa.Index(f"ix_{name}_{column}", self.table.c[column])
        for column in unique:
            sa.Index(f"uq_{name}_{column}", self.table.c[column], unique=True)

    def select(self, column: str, parameter: int) -> str:
        """Rows whose ``column`` is one of the texts in parameter ``parameter``."""
        return f"SELECT {self._names} FROM {self.name} WHERE {column} = ANY(${parameter}::text[])"  # noqa: S608 - own names

    def upsert(self, first: int) -> str:
        """Insert or replace; the columns' arrays are the parameters from ``first`` on."""
        updates = ", ".join(f"{column} = excluded.{column}" for column, *_ in self._columns if column != "id")
        return f"{self.insert(first)} ON CONFLICT (id) DO UPDATE SET {updates}"

    def insert(self, first: int) -> str:
        """For rows that are known to be absent: an upsert tries first and writes twice (2 us of PostgreSQL a row)."""
        arrays = ", ".join(f"${n}::{sql}[]" for n, (_, _, sql, _) in enumerate(self._columns, start=first))
        return f"INSERT INTO {self.name} ({self._names}) SELECT * FROM unnest({arrays})"  # noqa: S608 - own names

    @property
    def width(self) -> int:
        """How many parameters ``upsert`` takes."""
        return len(self._columns)

    def arrays(self, rows: Sequence[R]) -> list[list[Any]]:
        """The parameters of ``upsert``."""
        return [[getattr(row, column) for row in rows] for column, *_ in self._columns]

    def made(self, record: Iterable[Any]) -> R:
        """The row of one record of ``select``."""
        row: Any = self._open(*record)
        row.__class__ = self.row
        return row  # type: ignore[no-any-return]

    async def load(self, connection: asyncpg.Connection, column: str, keys: Sequence[str]) -> list[R]:
        """Rows for showing, outside of a batch."""
        return [self.made(record) for record in await connection.fetch(self.select(column, 1), keys)]


class Need(NamedTuple):
    """What an item wants to have read after the lock: rows of ``table`` where ``column`` equals ``key``."""

    table: FactTable[Any]
    key: str
    column: str = "id"


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """The locked head of the log, and the database's clock read after the lock."""

    size: int
    root: bytes
    at: datetime
    now: datetime


_name = operator.attrgetter("name")


def _by_name(pair: tuple[FactTable[Any], str]) -> tuple[str, str]:
    return pair[0].name, pair[1]


_HEAD = "h.size, h.root, h.at, clock_timestamp()"


class Write(NamedTuple):
    """Rows of one table that go to the database together; ``fresh`` ones were looked for and are not there."""

    table: FactTable[Any]
    fresh: bool

    def statement(self, first: int) -> str:
        return self.table.insert(first) if self.fresh else self.table.upsert(first)


Keys = dict[str, None]  # in the order in which they were asked for


class Facts:
    """The working copy of one batch."""

    def __init__(self) -> None:
        self._rows: dict[FactTable[Any], dict[str, Any]] = defaultdict(dict)
        self._wanted: dict[tuple[FactTable[Any], str], Keys] = {}
        # Ids of the rows that a group ever had, for the columns by which somebody asked for groups.
        self._members: dict[tuple[FactTable[Any], str], dict[str, set[str]]] = {}
        self._changed: dict[FactTable[Any], dict[str, bool]] = defaultdict(dict)  # id -> is it a fresh row
        self._journal: list[tuple[FactTable[Any], str, Any, bool]] = []

    @classmethod
    async def read(cls, connection: asyncpg.Connection, needs: Iterable[Need]) -> tuple[Facts, Head]:
        """Head, clock and every needed row in one statement: it must begin after the lock is held, since a statement
        that waits for the lock may have read facts from before it.
        """
        facts = cls()
        wanted = facts._wanted
        for table, key, column in needs:
            keys = wanted.get((table, column))
            if keys is None:
                keys = wanted[table, column] = {}
            keys[key] = None
        pairs = sorted(wanted, key=_by_name)  # whatever came first, the same statement
        row = await connection.fetchrow(_statement(*pairs), *(list(wanted[pair]) for pair in pairs))
        if row is None:
            raise LedgerUnavailable("there is no log yet")
        size, root, at, now, *found = row
        facts._members = {pair: {} for pair in pairs if pair[1] != "id"}
        for (table, _), rows in zip(pairs, found, strict=True):
            for record in rows or ():
                facts._keep(table, table.made(record))
        return facts, Head(size, bytes(root), at, now)

    def get(self, table: FactTable[R], key: str) -> R | None:
        """The row as the items before left it. Asking for what was not declared is a bug, not an absence."""
        row = self._rows[table].get(key)
        if row is None and key not in self._wanted.get((table, "id"), ()):
            raise LookupError(f"{table.name}: a judge asked for a row that its work did not declare")
        return row

    def group(self, table: FactTable[R], column: str, key: str) -> list[R]:
        """All rows of a declared group, oldest id first."""
        if key not in self._wanted.get((table, column), ()):
            raise LookupError(
                f"{table.name}.{column}: a judge asked for a group that its work did not declare"
            )
        rows = self._rows[table]
        ids = sorted(self._members[table, column].get(key, ()))
        return [rows[row_id] for row_id in ids if row_id in rows and getattr(rows[row_id], column) == key]

    def put(self, table: FactTable[R], row: R) -> None:
        """Insert or replace; seen by every later item of the batch."""
        before, changed = self._rows[table].get(row.id), self._changed[table]
        self._journal.append((table, row.id, before, row.id in changed))
        if row.id not in changed:
            changed[row.id] = before is None and row.id in self._wanted.get((table, "id"), ())
        self._keep(table, row)

    def _keep(self, table: FactTable[Any], row: Any) -> None:
        self._rows[table][row.id] = row
        for column in table.groups:
            members = self._members.get((table, column))
            if members is not None:
                members.setdefault(getattr(row, column), set()).add(row.id)

    def mark(self) -> int:
        return len(self._journal)

    def undo(self, mark: int) -> None:
        """Forget everything put since ``mark`` (an item whose judge failed)."""
        while len(self._journal) > mark:
            table, key, before, changed_before = self._journal.pop()
            if before is None:
                del self._rows[table][key]
            else:
                self._rows[table][key] = before
            if not changed_before:
                del self._changed[table][key]

    def writes(self) -> tuple[list[Write], list[list[Any]]]:
        """What goes to the database, and the parameters of its statements one after the other."""
        writes: list[Write] = []
        parameters: list[list[Any]] = []
        for table in sorted(self._changed, key=_name):
            for fresh in (True, False):
                keys = [key for key, as_fresh in self._changed[table].items() if as_fresh is fresh]
                rows = [self._rows[table][key] for key in keys]
                if rows:
                    writes.append(Write(table, fresh))
                    parameters += table.arrays(rows)
        return writes, parameters


@functools.lru_cache(maxsize=256)
def _statement(*wanted: tuple[FactTable[Any], str]) -> str:
    parts = [
        f"(SELECT array_agg(r) FROM ({table.select(column, number)}) r)"  # noqa: S608 - own names
        for number, (table, column) in enumerate(wanted, start=1)
    ]
    return f"SELECT {', '.join([_HEAD, *parts])} FROM log_head h WHERE h.id = 1"  # noqa: S608 - own names


def _column_type(hint: Any) -> tuple[Any, str, bool]:
    arguments = get_args(hint)
    nullable = type(None) in arguments
    plain = next(argument for argument in arguments if argument is not type(None)) if nullable else hint
    kind, sql = _COLUMN_TYPES[plain]
    return kind, sql, nullable
