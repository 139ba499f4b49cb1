"""Witnesses that are away, wrong, slow or huge, and logs that are: what Berkas asks for, believes and says (M36; attacks on the audit log)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import pytest

from exchange.deps import clock
from exchange.flows import watch_witnesses
from exchange.flows.ask_witnesses import Asking
from exchange.outbound.witness import WitnessCalls
from storage.database import Database
from storage.ledger import cosigned
from storage.ledger.add_checkpoint import Answer, Request, read_request
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.cosignature import CosignatureSigner, parted
from storage.ledger.policy import Policy
from storage.ledger.published import published
from storage.ledger.publisher import Publisher
from tests.conftest import PostgresServer
from tests.storage.ledger_world import Ledger, noted
from tests.witness_process import WitnessAt, witnesses

pytestmark = pytest.mark.toy_entries

LOG = NoteSigner("berkas.test/akses", bytes(range(32)))
FALSE = CosignatureSigner("saksi.test", b"f" * 32)
LATE_AFTER = timedelta(minutes=30)


@dataclass
class Log:
    """A growing log, its publisher, and who asks its witnesses."""

    ledger: Ledger
    publisher: Publisher
    database: Database

    async def grows(self, by: int, **details: object) -> None:
        for number in range(by):
            await self.ledger.appender.submit(noted({"n": number, **details}))
        await self.publisher.sign_head()

    def asking(self, policy: Policy, call: Callable[[str, bytes], Awaitable[Answer]]) -> Asking:
        return Asking(self.database, policy, call, at_once=True, pause_s=0)

    async def causes(self, policy: Policy) -> dict[str, str]:
        async with self.database.reading() as reading:
            ids = {one.verifier.id: one.name for one in policy.witnesses}
            found, _ = await cosigned.standings(reading, list(ids), at_once=True)
        return {ids[one]: standing.cause for one, standing in found.items()}

    async def shown(self) -> str:
        async with self.database.reading() as reading:
            found = await published(reading, at_once=True)
        assert found is not None
        return found.note


@pytest.fixture
async def log(database: Database) -> AsyncIterator[Log]:
    ledger = await Ledger.opened(database)
    await ledger.appender.start()
    yield Log(ledger, Publisher(database, [LOG], at_once=True), database)
    await ledger.appender.stop()


async def policy_of(log: Log, *lines: str) -> Policy:
    policy = Policy.read("".join(f"{line}\n" for line in (f"log {LOG.vkey()}", *lines)))
    async with log.database.transaction() as transaction:
        await cosigned.make_known(transaction, [one.verifier.id for one in policy.witnesses])
    return policy


@contextlib.asynccontextmanager
async def calls(limit_s: float = 5.0) -> AsyncIterator[Callable[[str, bytes], Awaitable[Answer]]]:
    opened = WitnessCalls(limit_s=limit_s)
    try:
        yield opened.add_checkpoint
    finally:
        await opened.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WitnessAt]:
    with witnesses(tmp_path_factory.mktemp("witness"), "saksi.test") as (one,):
        yield one


async def anew(log: Log, real: WitnessAt) -> Policy:
    """The one witness of the module, which has seen nothing of a log under this name and key: state of earlier tests is not taken away,
    a log of its own is made.
    """
    real.knows(LOG.vkey())
    return await policy_of(log, f"witness saksi {real.vkey} {real.url}", "quorum saksi")


async def _rolled_back(url: str, postgres: PostgresServer, size: int) -> None:
    """The database of yesterday: what a restore without `berkas log reopen` leaves. A new process starts on it."""
    connection = await asyncpg.connect(postgres.at(postgres.superuser, url.rpartition("/")[2]))
    root = await connection.fetchval("SELECT root FROM log_checkpoint WHERE size = $1", size)
    await connection.execute("SET session_replication_role = replica")
    for statement in (
        f"DELETE FROM log_entry WHERE idx >= {size}",
        f"DELETE FROM audit_event WHERE idx >= {size}",
        f"DELETE FROM log_node WHERE (idx + 1) << level > {size}",
        f"DELETE FROM log_checkpoint WHERE size > {size}",
        f"DELETE FROM log_cosignature WHERE size > {size}",
        f"DELETE FROM log_quorum WHERE size > {size}",
        f"UPDATE subject_trail SET seq = {size}",
        f"UPDATE log_head SET size = {size}, root = '\\x{bytes(root).hex()}'",
    ):
        await connection.execute(statement)
    await connection.close()


async def test_a_log_that_lost_entries_is_found(
    log: Log, real: WitnessAt, database: Database, database_url: str, postgres: PostgresServer
) -> None:
    """A rollback is seen at once; grown to the same size again, and beyond it, the log is a fork: never a second cosignature. An old
    checkpoint that is replayed gets none either. Wrong version: the sender takes the witness's size as its own news and goes on.
    """
    policy = await anew(log, real)
    async with calls() as call:
        await log.grows(20)
        await log.asking(policy, call).round(clock())
        old = await log.shown()
        await log.grows(10)
        await log.asking(policy, call).round(clock())
        assert policy.judged(await log.shown()).met
        await log.ledger.appender.stop()
        await _rolled_back(database_url, postgres, 20)

        restored = Log(Ledger(database), log.publisher, database)
        await restored.ledger.appender.start()
        await restored.asking(policy, call).round(
            clock()
        )  # at 20 entries it has its cosignature of yesterday
        assert await restored.causes(policy) == {"saksi": ""}
        for by, cause in ((5, "ahead"), (5, "fork"), (5, "inconsistent")):
            await restored.grows(by, second="history")
            await restored.asking(policy, call).round(clock())
            assert await restored.causes(policy) == {"saksi": cause}
            assert not policy.judged(await restored.shown()).met
        state = await watch_witnesses.state(
            database, policy, at_once=True, late_after=LATE_AFTER, now=clock()
        )
        assert state == {"quorum": "met", "size": 20, "late": [], "refused": {"saksi": "inconsistent"}}
        replayed = await call(real.url, Request(20, (), old).body())
        assert (replayed.status, replayed.size()) == (409, 30)
        await restored.ledger.appender.stop()


class Scripted:
    """A server that answers one connection after the other with what it is told."""

    def __init__(self) -> None:
        self.answer: Callable[[bytes], bytes | None] = lambda _body: b""
        self.asked: list[bytes] = []
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._one, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield f"http://127.0.0.1:{self.port}"

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            self.asked.append(body)
            answer = self.answer(body)
            if answer is None:  # keeps the caller waiting
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()


def http(status: int, body: bytes, media_type: str = "text/plain", more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n".encode()
        + body
    )


WITNESS = CosignatureSigner("saksi.test", b"w" * 32)


def text_of(body: bytes) -> str:
    return parted(read_request(body).note)[0]


def signed(body: bytes, by: CosignatureSigner = WITNESS, off_s: int = 0, text: str | None = None) -> bytes:
    return by.line(text if text is not None else text_of(body), int(time.time()) + off_s).encode()


OTHER_TEXT = LOG.sign(5, b"o" * 32).partition("\n\n")[0] + "\n"
ANSWERS: dict[str, tuple[Callable[[bytes], bytes | None], str]] = {
    "garbage": (lambda _body: http(200, b"\xff\x00 garbage"), "no_cosignature"),
    "nothing": (lambda _body: http(200, b""), "no_cosignature"),
    "no http": (lambda _body: b"SSH-2.0-OpenSSH\r\n", "not_reachable"),
    "cut off": (lambda body: http(200, signed(body))[:-20], "not_reachable"),
    "a line without its end": (lambda body: http(200, signed(body)[:-1]), "no_cosignature"),
    "another witness's": (lambda body: http(200, signed(body, FALSE)), "no_cosignature"),
    "over another note": (lambda body: http(200, signed(body, text=OTHER_TEXT)), "no_cosignature"),
    "a line that was never signed": (
        lambda body: http(200, signed(body).replace(b"AAAA", b"AAAB", 1)),
        "no_cosignature",
    ),
    "a good line and garbage": (lambda body: http(200, signed(body) + b"hello\n"), "no_cosignature"),
    "of tomorrow": (lambda body: http(200, signed(body, off_s=86_400)), "clocks_apart"),
    "of yesterday": (lambda body: http(200, signed(body, off_s=-86_400)), "clocks_apart"),
    "huge": (lambda _body: http(200, b"x" * 1_000_000), "too_large"),
    "huge with a good line": (lambda body: http(200, signed(body) * 2_000), "too_large"),
    "never": (lambda _body: None, "too_slow"),
    "elsewhere": (lambda _body: http(302, b"", more="Location: http://127.0.0.1:1/\r\n"), "status_302"),
    "an unknown log": (lambda _body: http(404, b"no\n"), "unknown_log"),
    "a wrong signature": (lambda _body: http(403, b"no\n"), "signature_refused"),
    "inconsistent": (lambda _body: http(422, b"no\n"), "inconsistent"),
    "a bad request": (lambda _body: http(400, b"no\n"), "request_refused"),
    "broken": (lambda _body: http(500, b""), "status_500"),
    "a conflict without a size": (lambda _body: http(409, b"3\n"), "conflict_without_size"),
    "a conflict of words": (lambda _body: http(409, b"three\n", "text/x.tlog.size"), "conflict_without_size"),
    "always another size": (
        lambda body: http(409, b"%d\n" % (read_request(body).old + 1), "text/x.tlog.size"),
        "conflict",
    ),
    "more than there is": (lambda _body: http(409, b"99\n", "text/x.tlog.size"), "ahead"),
}


async def test_what_is_no_cosignature_is_never_kept(log: Log) -> None:
    """Each answer has its cause, nothing is shown, and the same witness is believed as soon as it signs. Wrong versions seen failing: a
    line with the right key id is kept unverified; it is verified over its own claim of a text; the answer is read to its end.
    """
    scripted = Scripted()
    async with scripted.running() as url, calls() as call, calls(limit_s=0.2) as hasty:
        policy = await policy_of(log, f"witness saksi {WITNESS.vkey()} {url}", "quorum saksi")
        asking = log.asking(policy, call)
        await log.grows(9)
        for name, (answer, cause) in ANSWERS.items():
            scripted.answer = answer
            await (log.asking(policy, hasty) if cause == "too_slow" else asking).round(clock())
            assert await log.causes(policy) == {"saksi": cause}, name
            assert policy.judged(await log.shown()).signed == {}, name
        scripted.answer = lambda body: http(200, signed(body, FALSE) + signed(body))
        await asking.round(clock())
        assert policy.judged(await log.shown()).met
        assert (await log.shown()).count(
            "\u2014"
        ) == 2  # the log's line and the witness's, not the stranger's
        assert await log.causes(policy) == {"saksi": ""}


async def test_it_is_asked_from_where_it_stands(log: Log) -> None:
    """A witness that knows 4 of 9 entries says so, and gets the proof from there; what it has cosigned is not sent again."""
    scripted = Scripted()
    async with scripted.running() as url, calls() as call:
        policy = await policy_of(log, f"witness saksi {WITNESS.vkey()} {url}", "quorum saksi")
        asking = log.asking(policy, call)

        def at_four(body: bytes) -> bytes:
            request = read_request(body)
            return http(200, signed(body)) if request.old == 4 else http(409, b"4\n", "text/x.tlog.size")

        scripted.answer = at_four
        await log.grows(9)
        await asking.round(clock())
        await asking.round(clock())
        assert [read_request(body).old for body in scripted.asked] == [0, 4]
        scripted.answer = lambda body: http(200, signed(body))
        await log.grows(1)
        await asking.round(clock())
        assert [read_request(body).old for body in scripted.asked] == [0, 4, 9]


async def test_two_replicas_ask_once(log: Log) -> None:
    scripted = Scripted()
    async with scripted.running() as url, calls() as call:
        policy = await policy_of(log, f"witness saksi {WITNESS.vkey()} {url}", "quorum saksi")
        scripted.answer = lambda body: http(200, signed(body))
        await log.grows(3)
        replicas = [Asking(log.database, policy, call, at_once=True, pause_s=60) for _ in range(5)]
        await asyncio.gather(*(one.round(clock()) for one in replicas))
        assert len(scripted.asked) == 1
        assert policy.judged(await log.shown()).met


async def test_one_that_fails_is_left_alone_for_a_while(log: Log) -> None:
    scripted = Scripted()
    async with scripted.running() as url, calls() as call:
        policy = await policy_of(log, f"witness saksi {WITNESS.vkey()} {url}", "quorum saksi")
        scripted.answer = lambda _body: http(500, b"")
        await log.grows(3)
        asking = Asking(log.database, policy, call, at_once=True, pause_s=60)
        for _ in range(4):
            await asking.round(clock())
        assert len(scripted.asked) == 1


async def test_only_what_is_published_is_shown_to_a_witness(log: Log) -> None:
    """A live size would show visits (DESIGN section 2): before its minute is over, nobody outside learns of a checkpoint."""
    scripted = Scripted()
    async with scripted.running() as url, calls() as call:
        policy = await policy_of(log, f"witness saksi {WITNESS.vkey()} {url}", "quorum saksi")
        scripted.answer = lambda body: http(200, signed(body))
        await log.grows(3)
        async with log.database.transaction() as transaction:  # a slow test run may cross a minute
            same = await transaction.raw.fetchval(
                "SELECT bool_and(created_at >= date_trunc('minute', clock_timestamp())) FROM log_checkpoint"
            )
        await Asking(log.database, policy, call, at_once=False, pause_s=0).round(clock())
        assert scripted.asked == [] or not same
