"""The S3 contract that Berkas depends on, against every store that is at hand, and against a broken one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator

import pytest

from storage.blobs import Blobs, Patience, new_object_key
from storage.errors import DocumentMissing, StoreUnavailable
from tests.conftest import StoreServer

SIZES = [0, 1, 1_000, 300_056, 1_048_576, 5_000_000]


@pytest.fixture
async def blobs(any_store: StoreServer) -> AsyncIterator[Blobs]:
    bucket = f"b-{uuid.uuid4().hex[:10]}"
    blobs = Blobs(any_store.endpoint, any_store.access_key, any_store.secret_key, bucket)
    await blobs.open()
    await blobs.ensure_bucket()
    yield blobs
    await blobs.close()


async def _parts(content: bytes, size: int = 70_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", SIZES)
async def test_put_get_stream_digest_delete(blobs: Blobs, size: int) -> None:
    key, content = new_object_key(), os.urandom(size)
    await blobs.put(key, _parts(content), size)
    assert await blobs.get(key, size) == content
    assert b"".join([chunk async for chunk in blobs.stream(key, size)]) == content
    assert await blobs.digest(key, size) == hashlib.sha256(content).hexdigest()
    assert await blobs.list(key[:2]) == [key]
    await blobs.delete(key)
    with pytest.raises(DocumentMissing):
        await blobs.get(key, size)


async def test_keys_are_sharded_and_random() -> None:
    keys = {new_object_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) == 35 and key[2] == "/" and key[:2] == key[3:5] for key in keys)


async def test_bucket_twice(blobs: Blobs) -> None:
    await blobs.ensure_bucket()
    await blobs.probe()


async def test_what_is_not_there(blobs: Blobs) -> None:
    with pytest.raises(DocumentMissing):
        await blobs.get(new_object_key(), 1)
    with pytest.raises(DocumentMissing):
        await blobs.digest(new_object_key(), 1)


async def test_another_length(blobs: Blobs) -> None:
    """The database says how long an object is; a store that disagrees is not believed."""
    key = new_object_key()
    await blobs.put(key, _parts(b"x" * 1000), 1000)
    for wrong in (999, 1001):
        with pytest.raises(StoreUnavailable):
            await blobs.get(key, wrong)
        with pytest.raises(StoreUnavailable):
            await blobs.digest(key, wrong)


async def test_a_stream_that_breaks(blobs: Blobs) -> None:
    """What the body raises is raised; no object appears."""

    class Broken(Exception):
        pass

    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise Broken

    key = new_object_key()
    with pytest.raises(Broken):
        await blobs.put(key, breaking(), 100_000)
    with pytest.raises(DocumentMissing):
        await blobs.get(key, 100_000)


async def test_wrong_secret(any_store: StoreServer) -> None:
    """F19: 403 is "unavailable" for us, never an empty document."""
    blobs = Blobs(any_store.endpoint, any_store.access_key, "wrong-secret-key", "nothing")
    await blobs.open()
    with pytest.raises(StoreUnavailable):
        await blobs.get(new_object_key(), 1)
    with pytest.raises(StoreUnavailable):
        await blobs.ensure_bucket()
    await blobs.close()


async def test_eighty_at_once(blobs: Blobs) -> None:
    content = os.urandom(50_000)
    keys = [new_object_key() for _ in range(80)]
    await asyncio.gather(*(blobs.put(key, _parts(content), len(content)) for key in keys))
    assert set(await asyncio.gather(*(blobs.get(key, len(content)) for key in keys))) == {content}


class _Answers:
    """A store that answers what it is told to, byte by byte."""

    def __init__(self, answer: bytes, *, hang: bool = False) -> None:
        self._answer, self._hang = answer, hang

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        await writer.drain()
        if self._hang:
            await asyncio.sleep(30)
        writer.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 SlowDown\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n12345678901234567890",
        b"HTTP/1.1 206 Partial\r\nContent-Length: 10\r\n\r\n1234567890",
        b"garbage\r\n\r\n",
        b"",
    ],
)
async def test_a_store_that_misbehaves(answer: bytes) -> None:
    """F18 to F20: one name for all of it; no short, long or empty body is ever taken for the object."""
    async with _Answers(answer) as endpoint:
        blobs = Blobs(endpoint, "key", "secret-secret", "bucket")
        await blobs.open()
        with pytest.raises(StoreUnavailable):
            await blobs.get("ab/x", 10)
        await blobs.close()


async def test_a_store_that_hangs() -> None:
    """F18: cut off by our own timeout, not the SDK's five minutes."""
    async with _Answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", hang=True) as endpoint:
        blobs = Blobs(endpoint, "key", "secret-secret", "bucket", Patience(read_s=0.3))
        await blobs.open()
        with pytest.raises(StoreUnavailable):
            await blobs.get("ab/x", 10)
        await blobs.close()


async def test_a_store_that_is_not_there() -> None:
    blobs = Blobs("http://127.0.0.1:9", "key", "secret-secret", "bucket")
    await blobs.open()
    with pytest.raises(StoreUnavailable):
        await blobs.probe()
    await blobs.close()
