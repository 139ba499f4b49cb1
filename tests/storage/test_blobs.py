"""The object store: the verbs against a real server, and what must hold when it misbehaves (F18 to F22)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import time
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from minio import Minio

from storage.blobs import READ_CONNECTIONS, Blobs, new_object_key
from storage.errors import DocumentMissing, SealBroken, StorageError, StoreUnavailable, UploadBroken
from storage.reads import Patience
from storage.retries import PAUSES_S
from storage.sealing import new_data_key, open_whole, seal
from tests.conftest import StoreServer
from tests.storage.faulty_store import Fault, FaultyStore

SHORT = Patience(connect_s=0.5, pool_s=0.5, read_s=0.4, write_s=0.5)
BODY = os.urandom(300_056)
PART_BYTES = 65_536
TRIES = 1 + len(PAUSES_S)
LARGE = os.urandom(8_000_000)  # more than the sockets on the way can hold

Reader = Callable[[Blobs, str, int], Awaitable[object]]


async def parts(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read_stream(blobs: Blobs, key: str, size: int) -> bytes:
    return b"".join([bytes(part) async for part in blobs.stream(key, size, PART_BYTES)])


readers = pytest.mark.parametrize(
    "read", [Blobs.get, read_stream, Blobs.digest], ids=["get", "stream", "digest"]
)


@contextlib.asynccontextmanager
async def opened(
    store: StoreServer, bucket: str, endpoint: str | None = None, secret_key: str | None = None
) -> AsyncIterator[Blobs]:
    blobs = Blobs(endpoint or store.endpoint, store.access_key, secret_key or store.secret_key, bucket, SHORT)
    await blobs.open()
    try:
        yield blobs
    finally:
        await blobs.close()


def fresh_bucket() -> str:
    return f"b-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
async def bucket(store: StoreServer) -> str:
    """One for the module: SeaweedFS gives every bucket volumes of its own, and has room for about eighty."""
    name = fresh_bucket()
    async with opened(store, name) as blobs:
        await blobs.ensure_bucket()
    return name


@pytest.fixture
async def blobs(store: StoreServer, bucket: str) -> AsyncIterator[Blobs]:
    async with opened(store, bucket) as blobs:
        yield blobs


@pytest.fixture
async def proxy(store: StoreServer) -> AsyncIterator[FaultyStore]:
    async with FaultyStore(store.endpoint) as proxy:
        yield proxy


@pytest.fixture
async def far(store: StoreServer, bucket: str, blobs: Blobs, proxy: FaultyStore) -> AsyncIterator[Blobs]:
    """The same bucket, through the proxy."""
    async with opened(store, bucket, proxy.endpoint) as far:
        yield far


@pytest.fixture
async def key(blobs: Blobs) -> str:
    key = new_object_key()
    await blobs.put(key, parts(BODY), len(BODY))
    return key


async def absent(blobs: Blobs, key: str) -> bool:
    return await blobs.list(key) == []


def test_an_object_key_is_random_and_sharded() -> None:
    keys = {new_object_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(re.fullmatch(r"([0-9a-f]{2})/\1[0-9a-f]{30}", key) for key in keys)


@pytest.mark.parametrize("size", [1, 56, 300_056, 3_145_801])
async def test_the_verbs(blobs: Blobs, size: int) -> None:
    data, key = os.urandom(size), new_object_key()
    await blobs.put(key, parts(data), size)
    assert await blobs.get(key, size) == data
    assert await read_stream(blobs, key, size) == data
    assert await blobs.digest(key, size) == hashlib.sha256(data).hexdigest()
    assert key in await blobs.list(key[:2])
    assert await blobs.list(key) == [key]
    await blobs.delete(key)
    await blobs.delete(key)
    assert await blobs.list(key) == []
    for read in (blobs.get, blobs.digest):
        with pytest.raises(DocumentMissing):
            await read(key, size)


async def test_a_bucket_is_made_once_by_any_number_of_replicas(store: StoreServer) -> None:
    bucket = fresh_bucket()
    async with opened(store, bucket) as one, opened(store, bucket) as two:
        with pytest.raises(StoreUnavailable, match="404 NoSuchBucket"):
            await one.probe()
        await asyncio.gather(*(each.ensure_bucket() for each in (one, two) * 3))
        await one.probe()


async def test_a_bucket_that_is_gone_is_not_a_missing_paper(store: StoreServer) -> None:
    """F22: wiped behind our back; one missing document would be an answer, this is an outage."""
    bucket, key = fresh_bucket(), new_object_key()
    async with opened(store, bucket) as blobs:
        await blobs.ensure_bucket()
        with pytest.raises(DocumentMissing):
            await blobs.get(key, 1)
        host = store.endpoint.removeprefix("http://")
        Minio(host, store.access_key, store.secret_key, secure=False).remove_bucket(bucket)
        for call in (blobs.get(key, 1), blobs.probe(), blobs.put(key, parts(b"x"), 1), blobs.list()):
            with pytest.raises(StoreUnavailable):
                await call


async def test_wrong_credentials_say_so_without_showing_any(
    store: StoreServer, bucket: str, key: str
) -> None:
    async with opened(store, bucket, secret_key="not-the-secret") as blobs:
        for call in (blobs.get(key, 1), blobs.probe(), blobs.put(key, parts(b"x"), 1), blobs.delete(key)):
            with pytest.raises(StoreUnavailable, match="403") as refused:
                await call
            text = f"{refused.value!r} {refused.value.__cause__!r}"
            assert "not-the-secret" not in text
            assert store.access_key not in text
        with pytest.raises(StoreUnavailable):
            await blobs.list()


@pytest.mark.parametrize("size", [0, 1, len(BODY) - 1, len(BODY) + 1, 2 * len(BODY)])
@readers
async def test_an_object_of_another_length_is_refused(
    blobs: Blobs, key: str, read: Reader, size: int
) -> None:
    with pytest.raises(StoreUnavailable, match="length"):
        await read(blobs, key, size)
    assert await blobs.get(key, len(BODY)) == BODY


@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1, 1, 2 * len(BODY)])
async def test_a_body_of_another_length_than_announced_is_broken(blobs: Blobs, size: int) -> None:
    key = new_object_key()
    with pytest.raises(UploadBroken):
        await blobs.put(key, parts(BODY), size)
    await asyncio.sleep(0.1)
    assert await absent(blobs, key)


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_what_the_body_raises_is_raised(blobs: Blobs, after: int) -> None:
    class Turned(Exception):
        pass

    async def failing() -> AsyncIterator[bytes]:
        for _ in range(after):
            yield bytes(65_536)
        raise Turned

    key = new_object_key()
    with pytest.raises(Turned):
        await blobs.put(key, failing(), len(BODY))
    assert await absent(blobs, key)


async def test_a_cancelled_upload_leaves_nothing(blobs: Blobs) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    key = new_object_key()
    task = asyncio.create_task(blobs.put(key, endless(), 10))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await absent(blobs, key)


async def test_a_slow_source_is_not_the_stores_fault(blobs: Blobs) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for at in range(3):
            await asyncio.sleep(SHORT.write_s + 0.2)
            yield BODY[at * 10 : at * 10 + 10]

    key = new_object_key()
    await blobs.put(key, slow(), 30)
    assert await blobs.get(key, 30) == BODY[:30]


async def test_a_slow_reader_is_not_the_stores_fault(blobs: Blobs) -> None:
    key = new_object_key()
    await blobs.put(key, parts(LARGE), len(LARGE))
    got, slept = 0, 0
    async with contextlib.aclosing(blobs.stream(key, len(LARGE), PART_BYTES)) as chunks:
        async for chunk in chunks:
            got += len(chunk)
            if slept < 3:
                slept += 1
                await asyncio.sleep(SHORT.read_s + 0.2)
    assert got == len(LARGE)


async def test_streams_that_are_left_give_their_connection_back(blobs: Blobs) -> None:
    key = new_object_key()
    await blobs.put(key, parts(LARGE), len(LARGE))
    for _ in range(READ_CONNECTIONS + 6):
        async with contextlib.aclosing(blobs.stream(key, len(LARGE), PART_BYTES)) as chunks:
            await anext(chunks)
    assert await blobs.digest(key, len(LARGE)) == hashlib.sha256(LARGE).hexdigest()


async def test_a_large_object_passes_in_constant_memory(blobs: Blobs) -> None:
    chunk, count = os.urandom(1_048_576), 60

    async def body() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield chunk

    key = new_object_key()
    tracemalloc.start()
    try:
        await blobs.put(key, body(), count * len(chunk))
        digest = await blobs.digest(key, count * len(chunk))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert digest == hashlib.sha256(chunk * count).hexdigest()
    assert peak < 8_000_000


async def test_the_environments_proxies_are_ignored(
    store: StoreServer, bucket: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with opened(store, bucket) as blobs:
        assert await blobs.get(key, len(BODY)) == BODY
        assert await blobs.list(key) == [key]


READ_FAULTS: list[tuple[Fault, dict[str, object], type[StorageError]]] = [
    (Fault.HANG, {}, StoreUnavailable),
    (Fault.SLOW, {"bytes_per_s": 50}, StoreUnavailable),
    (Fault.STATUS, {"status": 500, "times": TRIES}, StoreUnavailable),
    (
        Fault.STATUS,
        {"status": 503, "times": TRIES, "body": b"<Error><Code>SlowDown</Code></Error>"},
        StoreUnavailable,
    ),
    (Fault.STATUS, {"status": 403, "body": b"<Error><Code>AccessDenied</Code></Error>"}, StoreUnavailable),
    (Fault.STATUS, {"status": 301, "body": b"moved"}, StoreUnavailable),
    (Fault.STATUS, {"status": 307, "headers": "Location: /elsewhere\r\n"}, StoreUnavailable),
    (Fault.RAW, {"body": b"SSH-2.0-OpenSSH_9.9\r\n\r\n"}, StoreUnavailable),
    (Fault.STATUS, {"status": 404, "body": b"<Error><Code>NoSuchKey</Code></Error>"}, DocumentMissing),
    (Fault.STATUS, {"status": 404, "body": b"<Error><Code>NoSuchBucket</Code></Error>"}, StoreUnavailable),
    (Fault.STATUS, {"status": 206, "body": BODY}, StoreUnavailable),
    (Fault.STATUS, {"status": 200, "body": b"<html>welcome</html>"}, StoreUnavailable),
    (Fault.STATUS, {"status": 500, "times": TRIES, "body": b"<" * 1_000_000}, StoreUnavailable),
    (Fault.EMPTY, {}, StoreUnavailable),
    (Fault.TRUNCATE, {}, StoreUnavailable),
    (Fault.TRUNCATE, {"keep": 0}, StoreUnavailable),
    (Fault.SHORT, {}, StoreUnavailable),
    (Fault.SHORT, {"keep": len(BODY) - 1}, StoreUnavailable),
    (Fault.LONG, {"body": b"\x00"}, StoreUnavailable),
]


@pytest.mark.parametrize(
    ("fault", "how", "error"), READ_FAULTS, ids=lambda value: getattr(value, "name", None)
)
@readers
async def test_reading_under_a_fault(
    far: Blobs,
    proxy: FaultyStore,
    key: str,
    read: Reader,
    fault: Fault,
    how: dict[str, object],
    error: type[StorageError],
) -> None:
    """F18, F19, F20: one error of ours, soon, asked once (a "not now" three times), and the next read is good."""
    proxy.arm(fault, **how)
    started = time.monotonic()
    with pytest.raises(error) as raised:
        await read(far, key, len(BODY))
    assert raised.value.__cause__ is None  # aiohttp's own errors hold the request's headers
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert time.monotonic() - started < 2.5
    assert len(proxy.seen) == how.get("times", 1)
    assert await far.get(key, len(BODY)) == BODY


async def test_a_connection_that_the_store_closed_is_tried_once_more(
    far: Blobs, proxy: FaultyStore, key: str
) -> None:
    proxy.arm(Fault.DROP, times=1)
    assert await far.get(key, len(BODY)) == BODY
    assert len(proxy.seen) == 2
    proxy.arm(Fault.DROP, times=99)
    with pytest.raises(StoreUnavailable):
        await far.get(key, len(BODY))
    assert len(proxy.seen) == 2 + 1 + TRIES  # the kept connection, then fresh ones, not ninety-nine times


@pytest.mark.parametrize("fault", [Fault.FLIP, Fault.SWAP])
async def test_bytes_of_the_right_length_are_for_the_seal_and_the_digest(
    far: Blobs, proxy: FaultyStore, fault: Fault
) -> None:
    """F20: another object's bytes, an older version's, a flipped bit: the store door cannot tell, the next two can."""
    data_key, other_key = new_data_key(), new_data_key()
    sealed, other = seal(data_key, b"one", bytes(1000)), seal(other_key, b"two", bytes(1000))
    key = new_object_key()
    await far.put(key, parts(sealed), len(sealed))
    proxy.arm(fault, body=other, times=2)
    got = await far.get(key, len(sealed))
    assert got != sealed
    with pytest.raises(SealBroken):
        open_whole(data_key, b"one", got)
    assert await far.digest(key, len(sealed)) != hashlib.sha256(sealed).hexdigest()
    assert open_whole(data_key, b"one", await far.get(key, len(sealed))) == bytes(1000)


@pytest.mark.parametrize("body", [BODY, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.DROP, 0),
        (Fault.HANG, 0),
        (Fault.STATUS, 500),
        (Fault.STATUS, 503),
        (Fault.STATUS, 403),
        (Fault.STATUS, 301),
        (Fault.EARLY_STATUS, 503),
        (Fault.ACK_LOST, 0),
    ],
    ids=str,
)
async def test_writing_under_a_fault(
    far: Blobs, proxy: FaultyStore, blobs: Blobs, fault: Fault, status: int, body: bytes
) -> None:
    """F18, F19, F21: one error, soon; a PUT is never sent twice, so that nothing is stored behind our back."""
    key = new_object_key()
    proxy.arm(fault, method="PUT", status=status)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await far.put(key, parts(body, 1_000_000), len(body))
    assert time.monotonic() - started < 2.5
    assert proxy.seen == [("PUT", proxy.seen[0][1])]
    assert await absent(blobs, key) is (fault is not Fault.ACK_LOST)
    await far.put(key, parts(body), len(body))
    assert await blobs.digest(key, len(body)) == hashlib.sha256(body).hexdigest()


async def test_a_200_for_a_put_proves_nothing(far: Blobs, proxy: FaultyStore) -> None:
    key = new_object_key()
    proxy.arm(Fault.EMPTY, method="PUT")
    await far.put(key, parts(BODY), len(BODY))
    with pytest.raises(DocumentMissing):
        await far.digest(key, len(BODY))
    proxy.arm(Fault.EARLY_STATUS, method="PUT", status=200)
    with pytest.raises(StoreUnavailable):
        await far.put(key, parts(LARGE), len(LARGE))


async def test_a_store_that_is_down_is_said_at_once_and_found_again(
    far: Blobs, proxy: FaultyStore, key: str
) -> None:
    assert await far.get(key, len(BODY)) == BODY
    async with proxy.down():
        started = time.monotonic()
        for call in (
            far.get(key, len(BODY)),
            far.probe(),
            far.put(new_object_key(), parts(BODY), len(BODY)),
            far.delete(key),
            far.list(),
            far.ensure_bucket(),
        ):
            with pytest.raises(StoreUnavailable):
                await call
        assert time.monotonic() - started < 2
    assert await far.get(key, len(BODY)) == BODY


async def test_readers_that_hang_do_not_stop_uploads(far: Blobs, proxy: FaultyStore, key: str) -> None:
    """F18: each door waits a bounded time; uploads have their own connections."""
    proxy.arm(Fault.HANG, times=10_000)
    reads = [asyncio.create_task(far.get(key, len(BODY))) for _ in range(8 * READ_CONNECTIONS)]
    await asyncio.sleep(0.2)
    await far.put(new_object_key(), parts(BODY), len(BODY))
    assert not all(read.done() for read in reads)
    results = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 2)
    assert {type(result) for result in results} == {StoreUnavailable}
    proxy.disarm()
    assert await far.get(key, len(BODY)) == BODY


async def test_it_must_be_opened_first(store: StoreServer) -> None:
    blobs = Blobs(store.endpoint, store.access_key, store.secret_key, "never")
    with pytest.raises(RuntimeError, match="open"):
        await blobs.get("00/00", 1)
    await blobs.close()
