"""The database door: the only place in the project that begins, commits or rolls back.

Three ways in. ``Database.transaction()`` is for ordinary work: a pooled session (SQLModel, SQLAlchemy Core) with
the raw asyncpg connection beside it. ``Database.reading()`` is for looking something up: a pooled connection that the
server keeps from writing, each statement for itself. ``SerialConnection`` is for the ledger's appender: one connection
outside the pools that runs one transaction after the other and tells an unknown commit from a failed one.

READ COMMITTED everywhere: what must be serial waits for the ledger's head row (DESIGN section 2), never for
SERIALIZABLE.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.errors import CommitUnknown, DatabaseUnavailable, Unstorable

CONNECT_TIMEOUT_S = 3.0
COMMAND_TIMEOUT_S = 8.0
POOL_CONNECTIONS = 12
READING_CONNECTIONS = 6
POOL_TIMEOUT_S = 5.0

# A frozen process must not hold the others: it loses its locks after two seconds of silence.
SESSION_SETTINGS = {
    "application_name": "berkas",
    "lock_timeout": "5000",
    "statement_timeout": "5000",
    "idle_in_transaction_session_timeout": "2000",
    "timezone": "UTC",
    "jit": "off",
}

# Who reads by key and by nothing else. Without this a plan that was made while a table was small goes on scanning it when
# it has grown: 10 ms a batch at 50,000 rows of ticket_use, 0.2 ms through the index (bench ledger, 2026-11-24).
SERIAL_SETTINGS = SESSION_SETTINGS | {"enable_seqscan": "off"}
READING_SETTINGS = SERIAL_SETTINGS | {"default_transaction_read_only": "on"}

SERVER_KIND = "primary"  # a standby may not know a withdrawal yet, so none is ever spoken to (F27)
COMMIT_PATIENCE_S = 6.0
# A commit that waits for a standby must not be cancelled by the driver's timeout, it would be reported as done. (PostgreSQL's
# own statement_timeout does not reach into COMMIT.)
_NO_CLIENT_TIMEOUT_S = 86_400.0

# A connection is lost, or cannot be had.
CONNECTION_LOST: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # the server's farewell has come and the end has not; or it is a standby
)
CONNECTION_ERRORS = (*CONNECTION_LOST, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError, PoolTimeoutError)  # fmt: skip

# The server is there and takes nothing: a standby, no room on its disk, no memory, an error of its disk (F28, F29).
CANNOT_WRITE = (asyncpg.ReadOnlySQLTransactionError, asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """Where rows can be looked up. Inside ``reading()`` two statements may see two states of the database, as they may
    inside a READ COMMITTED transaction.
    """

    raw: asyncpg.Connection


@dataclass(frozen=True, slots=True)
class Transaction(Reading):
    """An open transaction: ``session`` for SQLModel and Core, ``raw`` for plain SQL, both on one connection."""

    session: AsyncSession


class Database:
    """The pool. ``url`` is ``postgresql://user:password@host:port/name``."""

    def __init__(self, url: str, *, pool_connections: int = POOL_CONNECTIONS) -> None:
        self._url = plain_url(url)
        self._engine: AsyncEngine = create_async_engine(
            self._url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=pool_connections,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": COMMAND_TIMEOUT_S,
                "server_settings": SESSION_SETTINGS,
                "target_session_attrs": SERVER_KIND,
            },
        )
        self._sessions = async_sessionmaker(self._engine, class_=AsyncSession, expire_on_commit=False)
        self._readers: asyncpg.Pool | None = None

    async def close(self) -> None:
        if self._readers is not None:
            self._readers.terminate()
        await self._engine.dispose()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """Look something up: 0.02 ms of CPU where a transaction costs 0.45 (measured). Writing raises.

        Raises ``DatabaseUnavailable`` when the server cannot be reached or goes away.
        """
        with translated():
            if self._readers is None:
                self._readers = await self._reader_pool()
            async with self._readers.acquire(timeout=POOL_TIMEOUT_S) as raw:
                try:
                    yield Reading(raw)
                except CONNECTION_LOST:
                    # Where one was lost the others were: none of them shall be given to anybody.
                    with contextlib.suppress(
                        asyncpg.InterfaceError
                    ):  # the pool may have taken it back already
                        raw.terminate()
                    await self._readers.expire_connections()
                    raise

    async def _reader_pool(self) -> asyncpg.Pool:
        """Connects to nothing yet, so that it cannot fail and is made once."""
        return await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=READING_CONNECTIONS,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            server_settings=READING_SETTINGS,
            target_session_attrs=SERVER_KIND,
            reset=_nothing_to_reset,
        )

    def serial_connection(self) -> SerialConnection:
        return SerialConnection(self._url)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit when the block ends, roll back when it raises.

        Raises ``DatabaseUnavailable`` when the server cannot be reached, goes away or takes nothing, ``CommitUnknown`` when
        it went away during COMMIT.
        """
        with translated():
            session, raw = await self._opened()
            async with session:
                try:
                    yield Transaction(raw=raw, session=session)
                except BaseException as error:
                    with contextlib.suppress(Exception):
                        await session.rollback()
                    if isinstance(error, CANNOT_WRITE):
                        raise DatabaseUnavailable(type(error).__name__) from error
                    raise
                try:
                    with translated():
                        await session.commit()
                except DatabaseUnavailable as error:
                    raise CommitUnknown(str(error)) from error

    async def _opened(self) -> tuple[AsyncSession, asyncpg.Connection]:
        # SQLAlchemy begins lazily: without one Core statement first, raw statements run outside any
        # transaction (measured; the first test of this file). The statement also finds a pooled connection
        # that the server has closed; nothing was done yet, so one fresh try is safe.
        for attempt in (1, 2):
            session = self._sessions()
            try:
                connection = await session.connection()
                await connection.execute(text("SELECT 1"))
                raw = (await connection.get_raw_connection()).driver_connection
            except BaseException as error:
                with contextlib.suppress(Exception):
                    await session.close()
                if attempt == 1 and isinstance(error, DBAPIError | asyncpg.InternalClientError):
                    continue
                raise
            if raw is None or not raw.is_in_transaction():
                raise RuntimeError("raw connection is outside the transaction")
            return session, raw
        raise DatabaseUnavailable("no connection")


class SerialConnection:
    """One connection, one transaction at a time, opened again after it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)

    @contextlib.asynccontextmanager
    async def transaction(self, *, lock: str) -> AsyncIterator[asyncpg.Connection]:
        """Begin, take ``lock`` (a statement of its own, sent together with BEGIN), commit at the end of the block.

        Raises ``DatabaseUnavailable`` when the connection failed before COMMIT was sent (nothing was kept) and
        ``CommitUnknown`` when it failed while COMMIT was under way (the caller must look).
        """
        connection = await self._connected()
        try:
            await connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED; {lock}")
            yield connection
        except (*CONNECTION_ERRORS, *CANNOT_WRITE) as error:
            self._drop()
            raise DatabaseUnavailable(type(error).__name__) from error
        except BaseException:
            try:
                await connection.execute("ROLLBACK")
            except Exception:  # noqa: BLE001 - whatever it was, this connection is not used again
                self._drop()
            raise
        await self._commit(connection)

    async def _commit(self, connection: asyncpg.Connection) -> None:
        """COMMIT is never cancelled: its caller must not be (the appender's worker is not), and no timeout of ours runs.
        When no answer comes the connection is cut, which asks the server for nothing.
        """
        kept = False
        cut = asyncio.get_running_loop().call_later(COMMIT_PATIENCE_S, connection.terminate)
        try:
            await connection.execute("COMMIT", timeout=_NO_CLIENT_TIMEOUT_S)
        except Exception as error:
            raise CommitUnknown(type(error).__name__) from error
        else:
            kept = True
        finally:
            cut.cancel()
            if not kept:
                self._drop()

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await asyncpg.connect(
                    self._url,
                    timeout=CONNECT_TIMEOUT_S,
                    command_timeout=COMMAND_TIMEOUT_S,
                    server_settings=SERIAL_SETTINGS,
                    target_session_attrs=SERVER_KIND,
                )
            except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                raise DatabaseUnavailable(type(error).__name__) from error
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.terminate()


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """A reader changes no setting, so the round trip that the pool would make after each use is spared."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn "the server is away" of both libraries into ``DatabaseUnavailable`` and "no such value can be kept" into
    ``Unstorable``; let every other error through.
    """
    try:
        yield
    except (asyncpg.DataError, UnicodeError) as error:
        raise Unstorable(type(error).__name__) from error
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        if isinstance(cause, asyncpg.DataError | UnicodeError):
            raise Unstorable(type(cause).__name__) from error
        if error.connection_invalidated or isinstance(cause, (*CONNECTION_ERRORS, *CANNOT_WRITE)):
            raise DatabaseUnavailable(type(cause or error).__name__) from error
        raise
    except CONNECTION_ERRORS as error:
        raise DatabaseUnavailable(type(error).__name__) from error


def plain_url(url: str) -> str:
    """Accept ``postgres://`` and ``postgresql+driver://`` spellings of one URL."""
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
        raise ValueError("the database URL must start with postgresql://")
    return f"postgresql://{rest}"
