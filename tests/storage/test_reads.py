"""The reader of objects against a scripted server: every way an answer can be cut, and every answer that is not the object."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from storage.errors import DocumentMissing, StoreUnavailable, WrongLength
from storage.read_connection import HEAD_ROOM_BYTES
from storage.reads import Patience, Reads
from tests.storage.self_signed import make_certificate

SHORT = Patience(connect_s=0.5, pool_s=0.3, read_s=0.4)
REQUEST = b"GET /b/k HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = bytes(range(256)) * 400
GOOD = b"HTTP/1.1 200 OK\r\nServer: s\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Scripted:
    """Answers each request by the next script; counts connections and requests."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.connections = self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                await self.scripts.pop(0)(writer)
        writer.close()


def says(*pieces: bytes, then: str = "stay", pause_s: float = 0.01) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(pause_s)
            writer.write(piece)
            await writer.drain()
        if then == "close":
            writer.close()
        if then == "reset":
            writer.transport.abort()

    return script


@contextlib.asynccontextmanager
async def reading(
    server: Scripted, *, limit: int = 2, tls: ssl.SSLContext | None = None, patience: Patience = SHORT
) -> AsyncIterator[Reads]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    reads = Reads(urlsplit(f"{'https' if tls else 'http'}://localhost:{port}"), limit, patience)
    try:
        yield reads
    finally:
        reads.close()
        listening.close()


async def in_parts(reads: Reads, size: int, room: int = HEAD_ROOM_BYTES) -> bytes:
    return b"".join([bytes(part) async for part in reads.parts(REQUEST, size, room)])


@pytest.mark.parametrize("cut", [1, 9, 17, len(GOOD) - len(BODY) - 1, len(GOOD) - len(BODY), len(GOOD) - 1])
async def test_an_answer_may_be_cut_anywhere(cut: int) -> None:
    server = Scripted(*[says(GOOD[:cut], GOOD[cut:])] * 2)
    async with reading(server) as reads:
        assert await reads.whole(REQUEST, len(BODY)) == BODY
        assert await in_parts(reads, len(BODY)) == BODY
    assert (server.connections, server.requests) == (1, 2)


async def test_byte_by_byte() -> None:
    small = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhallo"
    server = Scripted(says(*[small[at : at + 1] for at in range(len(small))], pause_s=0))
    async with reading(server) as reads:
        assert await reads.whole(REQUEST, 5) == b"hallo"


@pytest.mark.parametrize("size", [0, 1, HEAD_ROOM_BYTES, HEAD_ROOM_BYTES + 1, 3 * HEAD_ROOM_BYTES])
async def test_sizes_at_the_borders_of_a_part(size: int) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + BODY[:size]
    async with reading(Scripted(says(answer), says(answer))) as reads:
        assert await in_parts(reads, size) == BODY[:size]
        assert await reads.whole(REQUEST, size) == BODY[:size]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
NOT_THE_OBJECT = {
    "another length": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhall",
    "a longer one": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhallo!",
    "no length": b"HTTP/1.1 200 OK\r\n\r\nhallo",
    "two lengths": HEAD + b"Content-Length: 6\r\n\r\nhallo",
    "the same length twice": HEAD + b"Content-Length: 5\r\n\r\nhallo",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhallo",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhallo",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhallo\r\n0\r\n\r\n",
    "chunked with a length": HEAD + b"Transfer-Encoding: chunked\r\n\r\nhallo",
    "coded": HEAD + b"Content-Encoding: gzip\r\n\r\nhallo",
    "a length behind a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhallo",
}
NO_ANSWER = {
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhallo",
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhallo",
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * HEAD_ROOM_BYTES,
}


ANOTHER_LENGTH = {"another length", "a longer one"}  # the store's own word about the object


@pytest.mark.parametrize("name", NOT_THE_OBJECT)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "parts"])
async def test_what_is_not_exactly_the_object_is_not_read(name: str, whole: bool) -> None:
    """RFC 9112 6.3: one length and no coding, or the connection is not believed any further. Only a plain other length is a word about
    the object: whoever reads a paper looks at it again.
    """
    server = Scripted(says(NOT_THE_OBJECT[name]), says(HEAD + b"\r\nhallo"))
    async with reading(server) as reads:
        with pytest.raises(StoreUnavailable, match="length") as raised:
            await (reads.whole(REQUEST, 5) if whole else in_parts(reads, 5))
        assert (raised.type is WrongLength) == (name in ANOTHER_LENGTH)
        assert await reads.whole(REQUEST, 5) == b"hallo"
    assert server.connections == 2


@pytest.mark.parametrize("answer", NO_ANSWER.values(), ids=NO_ANSWER)
async def test_what_is_no_answer_at_all(answer: bytes) -> None:
    server = Scripted(says(answer), says(HEAD + b"\r\nhallo"))
    async with reading(server) as reads:
        with pytest.raises(StoreUnavailable) as raised:
            await reads.whole(REQUEST, 5)
        assert raised.value.__cause__ is None
        assert await reads.whole(REQUEST, 5) == b"hallo"
    assert server.requests == 2  # asked once: bytes had come


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 404 No\r\nContent-Length: 22\r\n\r\n<Code>NoSuchKey</Code>",),
        (b"HTTP/1.1 404 No\r\nContent-Length: 22\r\n\r\n<Code>", b"NoSuchKey</Code>"),
        (
            b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n16\r\n<Code>NoSuchKey</Code>",
            b"\r\n0\r\n\r\n",
        ),
        (b"HTTP/1.1 404 No\r\n\r\n<Code>NoSuchKey</Code> until the end",),
    ],
)
@pytest.mark.parametrize("then", ["stay", "close"])
async def test_what_the_store_says_of_a_missing_object_is_heard(pieces: tuple[bytes, ...], then: str) -> None:
    async with reading(Scripted(says(*pieces, then=then))) as reads:
        with pytest.raises(DocumentMissing):
            await reads.whole(REQUEST, 5)
    gone = [
        piece.replace(b"NoSuchKey", b"NoSuchBucket").replace(b"22", b"25").replace(b"16", b"19")
        for piece in pieces
    ]
    async with reading(Scripted(says(*gone, then=then))) as reads:
        with pytest.raises(StoreUnavailable, match="404 NoSuchBucket"):
            await reads.whole(REQUEST, 5)


async def test_bytes_behind_an_answer_are_never_read_as_the_next_one() -> None:
    """A store that says more than it was asked must not choose what the next reader gets."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
    good = HEAD + b"\r\nhallo"
    for script in (says(good + forged), says(good, forged)):
        server = Scripted(script, says(good))
        async with reading(server) as reads:
            assert await reads.whole(REQUEST, 5) == b"hallo"
            await asyncio.sleep(0.05)
            assert await reads.whole(REQUEST, 5) == b"hallo"
        assert server.connections == 2


async def test_a_connection_that_is_to_be_closed_is_not_used_again() -> None:
    server = Scripted(says(HEAD + b"Connection: Close\r\n\r\nhallo"), says(HEAD + b"\r\nhallo"))
    async with reading(server) as reads:
        for _ in range(2):
            assert await reads.whole(REQUEST, 5) == b"hallo"
    assert server.connections == 2


async def test_asked_again_only_when_nothing_was_heard() -> None:
    server = Scripted(says(GOOD), says(then="close"), says(GOOD))
    async with reading(server) as reads:
        for _ in range(2):
            assert await reads.whole(REQUEST, len(BODY)) == BODY
    assert server.requests == 3
    for then in ("close", "reset"):
        server = Scripted(says(GOOD[:30], then=then), says(GOOD))
        async with reading(server) as reads:
            with pytest.raises(StoreUnavailable):
                await reads.whole(REQUEST, len(BODY))
        assert server.requests == 1


async def test_asked_again_on_a_fresh_connection() -> None:
    """A store that restarts has closed every idle one. Wrong version: the second try takes the next of them."""
    together = asyncio.Event()

    async def both(writer: asyncio.StreamWriter) -> None:
        if server.requests == 2:
            together.set()
        await together.wait()
        writer.write(GOOD)

    server = Scripted(both, both, says(then="close"), says(GOOD), says(then="close"))
    async with reading(server) as reads:
        await asyncio.gather(*(reads.whole(REQUEST, len(BODY)) for _ in range(2)))
        assert server.connections == 2
        assert await reads.whole(REQUEST, len(BODY)) == BODY
    assert (server.connections, server.requests) == (3, 4)


async def test_an_idle_connection_that_the_store_closed_costs_nothing() -> None:
    server = Scripted(says(GOOD, then="close"), says(GOOD))
    async with reading(server) as reads:
        assert await reads.whole(REQUEST, len(BODY)) == BODY
        await asyncio.sleep(0.05)
        assert await reads.whole(REQUEST, len(BODY)) == BODY
    assert (server.connections, server.requests) == (2, 2)


async def test_the_limit_holds_and_whoever_left_gives_the_room_back() -> None:
    async def never(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server = Scripted(never, never, says(GOOD))
    async with reading(server, patience=Patience(connect_s=0.5, pool_s=0.1, read_s=9)) as reads:
        waiting = [asyncio.create_task(reads.whole(REQUEST, len(BODY))) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(StoreUnavailable, match="no free connection"):
            await reads.whole(REQUEST, len(BODY))
        waiting[0].cancel()
        assert await reads.whole(REQUEST, len(BODY)) == BODY
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_part_that_is_not_taken_holds_the_store_back() -> None:
    """One part in memory, not the object: the store waits while its reader thinks."""
    size = 8_000_000
    sent: list[int] = []

    async def long(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 50_000):
            writer.write(bytes(50_000))
            await writer.drain()
            sent.append(50_000)

    async with reading(Scripted(long)) as reads:
        got = 0
        async with contextlib.aclosing(reads.parts(REQUEST, size, 100_000)) as parts:
            async for part in parts:
                if not got:
                    await asyncio.sleep(1.0)  # longer than read_s: not the store's fault
                    assert sum(sent) < size
                got += len(part)
    assert got == size


async def test_over_tls_only_a_certificate_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with reading(Scripted(says(GOOD)), tls=context) as reads:
        with pytest.raises(StoreUnavailable):
            await reads.whole(REQUEST, len(BODY))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with reading(Scripted(says(GOOD), says(GOOD)), tls=context) as reads:
        assert await reads.whole(REQUEST, len(BODY)) == BODY
        assert await in_parts(reads, len(BODY)) == BODY
