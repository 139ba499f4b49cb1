"""What Berkas needs from an object store, and nothing more (``attacks-and-faults.md`` 6.4): the same cases on each kind of server.

SeaweedFS always, MinIO where one is at hand, and four nodes of it in ``make store-chaos`` (``BERKAS_STORE_CHAOS``). What the server
itself would not do on request (slow, truncated, another object's bytes) a proxy in front of it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import html
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

import pytest
import urllib3
from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.error import S3Error
from minio.signer import presign_v4
from minio.time import utcnow

from storage.blobs import Blobs, new_object_key
from storage.errors import DocumentMissing, SealBroken, StorageError, StoreUnavailable, UploadBroken
from storage.reads import Patience
from storage.retries import PAUSES_S
from storage.sealing import new_data_key, open_whole, seal
from tests.conftest import StoreServer, minio_binary
from tests.storage.faulty_store import Fault, FaultyStore
from tests.storage.four_nodes import chosen, running

PATIENT = Patience(connect_s=2.0, pool_s=2.0, read_s=3.0, write_s=5.0)
HASTY = Patience(connect_s=1.0, pool_s=1.0, read_s=0.5, write_s=1.0)
TRIES = 1 + len(PAUSES_S)
PART_BYTES = 65_536
BODY = os.urandom(300_056)


@dataclass(frozen=True)
class Contract:
    """One kind of server with a bucket, and the SDK as a second opinion."""

    server: StoreServer
    bucket: str
    sdk: Minio

    @contextlib.asynccontextmanager
    async def blobs(
        self, endpoint: str = "", patience: Patience = PATIENT, **other: str
    ) -> AsyncIterator[Blobs]:
        server = self.server
        blobs = Blobs(
            endpoint or server.endpoint,
            other.get("access_key", server.access_key),
            other.get("secret_key", server.secret_key),
            other.get("bucket", self.bucket),
            patience,
        )
        await blobs.open()
        try:
            yield blobs
        finally:
            await blobs.close()


@pytest.fixture(scope="module", params=["seaweedfs", "minio", "four nodes"])
def server(
    request: pytest.FixtureRequest, store: StoreServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreServer]:
    if request.param == "four nodes":
        if "BERKAS_STORE_CHAOS" not in os.environ:
            pytest.skip("four nodes run in make store-chaos")
        with running(chosen(tmp_path_factory.mktemp("four"))) as cluster:
            cluster.wait_until_it_keeps()
            host, port = cluster.doors[0]
            yield cluster.at(f"http://{host}:{port}")
        return
    if request.param == "minio" and minio_binary() is None:
        pytest.skip("the MinIO leg was left out: no binary (make minio)")
    yield store if request.param == store.kind else request.getfixturevalue("minio_store")


@pytest.fixture(scope="module")
def contract(server: StoreServer) -> Iterator[Contract]:
    bucket = f"c-{uuid.uuid4().hex[:12]}"
    sdk = _sdk(server)
    sdk.make_bucket(bucket)
    yield Contract(server, bucket, sdk)
    for found in sdk.list_objects(bucket, recursive=True):
        sdk.remove_object(bucket, str(found.object_name))
    sdk.remove_bucket(bucket)


@pytest.fixture
async def blobs(contract: Contract) -> AsyncIterator[Blobs]:
    async with contract.blobs() as blobs:
        yield blobs


@pytest.fixture
async def proxy(contract: Contract) -> AsyncIterator[FaultyStore]:
    async with FaultyStore(contract.server.endpoint) as proxy:
        yield proxy


@pytest.fixture
async def far(contract: Contract, proxy: FaultyStore) -> AsyncIterator[Blobs]:
    """The same bucket, through the proxy."""
    async with contract.blobs(proxy.endpoint, HASTY) as far:
        yield far


@pytest.fixture
async def key(blobs: Blobs) -> str:
    key = new_object_key()
    await blobs.put(key, parts(BODY), len(BODY))
    return key


async def parts(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PART_BYTES):
        yield data[start : start + PART_BYTES]


async def streamed(blobs: Blobs, key: str, size: int) -> bytes:
    return b"".join([bytes(part) async for part in blobs.stream(key, size, PART_BYTES)])


def _sdk(server: StoreServer) -> Minio:
    pool = urllib3.PoolManager(timeout=10.0, retries=False)
    host = urlsplit(server.endpoint).netloc
    return Minio(host, server.access_key, server.secret_key, secure=False, http_client=pool)


# What is put comes back, whole, in parts, by its digest, by its length.


@pytest.mark.parametrize("size", [1, 56, PART_BYTES, 300_056, 5_242_881])
async def test_put_then_get(blobs: Blobs, size: int) -> None:
    data, key = os.urandom(size), new_object_key()
    await blobs.put(key, parts(data), size)
    assert await blobs.get(key, size) == data
    assert await streamed(blobs, key, size) == data
    assert await blobs.digest(key, size) == hashlib.sha256(data).hexdigest()


async def test_what_was_put_is_there_at_once_for_everybody(contract: Contract, blobs: Blobs) -> None:
    """The read-back of an intake comes right behind its PUT, the first fetch by another replica a moment later."""
    async with contract.blobs() as another:
        for _ in range(20):
            key = new_object_key()
            await blobs.put(key, parts(BODY[:1000]), 1000)
            assert await another.get(key, 1000) == BODY[:1000]


async def test_many_at_once(blobs: Blobs) -> None:
    keys = [new_object_key() for _ in range(24)]
    await asyncio.gather(*(blobs.put(key, parts(key.encode() * 900), 900 * len(key)) for key in keys))
    got = await asyncio.gather(*(blobs.get(key, 900 * len(key)) for key in keys))
    assert got == [key.encode() * 900 for key in keys]


async def test_bytes_are_kept_as_they_are(contract: Contract, blobs: Blobs) -> None:
    """No compression, no line ends, no guess of a type."""
    for data in (
        b"\x1f\x8b" + bytes(100),
        b"\r\n\r\n" * 50,
        b"<Error><Code>NoSuchKey</Code></Error>",
        bytes(4096),
    ):
        key = new_object_key()
        await blobs.put(key, parts(data), len(data))
        assert await blobs.get(key, len(data)) == data
        assert contract.sdk.stat_object(contract.bucket, key).size == len(data)


def test_head_tells_the_length(contract: Contract, key: str) -> None:
    assert contract.sdk.stat_object(contract.bucket, key).size == len(BODY)


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (0, PART_BYTES), (65_535, 2), (300_000, 56), (299_999, 1)], ids=str
)
def test_a_range(contract: Contract, key: str, start: int, length: int) -> None:
    answer = contract.sdk.get_object(contract.bucket, key, offset=start, length=length)
    try:
        assert answer.status == 206
        assert answer.data == BODY[start : start + length]
    finally:
        answer.close()


def test_a_range_behind_the_end_is_no_object(contract: Contract, key: str) -> None:
    with pytest.raises(S3Error) as refused:
        contract.sdk.get_object(contract.bucket, key, offset=len(BODY), length=1)
    assert refused.value.code == "InvalidRange"


# Delete and list.


async def test_deleted_is_gone(blobs: Blobs, key: str) -> None:
    await blobs.delete(key)
    with pytest.raises(DocumentMissing):
        await blobs.get(key, len(BODY))
    assert await blobs.list(key) == []


async def test_deleting_twice_is_no_fault(blobs: Blobs, key: str) -> None:
    """A discard and a sweep may meet."""
    await blobs.delete(key)
    with contextlib.suppress(DocumentMissing):
        await blobs.delete(key)


async def test_deleting_one_touches_no_other(blobs: Blobs) -> None:
    keys = sorted(new_object_key() for _ in range(5))
    for key in keys:
        await blobs.put(key, parts(BODY[:100]), 100)
    await blobs.delete(keys[2])
    for key in keys[:2] + keys[3:]:
        assert await blobs.get(key, 100) == BODY[:100]


async def test_list_by_prefix(blobs: Blobs, key: str) -> None:
    assert await blobs.list(key) == [key]
    assert key in await blobs.list(key[:2])
    assert await blobs.list("zz/") == []


async def test_list_goes_on_from_page_to_page(contract: Contract, blobs: Blobs) -> None:
    """Every key once, in order, over pages of seven. A store with 100,000 papers answers in pages of a thousand."""
    names = sorted(f"pages/{number:03d}" for number in range(25))
    for name in names:
        await blobs.put(name, parts(b"x"), 1)
    query = {"list-type": "2", "prefix": "pages/", "max-keys": "7"}
    found: list[str] = []
    for page in range(4):
        said = await asyncio.to_thread(_asked, contract, query)
        on_this = re.findall(r"<Key>([^<]+)</Key>", said)
        assert len(on_this) == (7 if page < 3 else 4)
        found += on_this
        if token := re.search(r"<NextContinuationToken>([^<]+)<", said):
            query["continuation-token"] = html.unescape(token[1])
    assert found == names
    assert token is None
    assert await blobs.list("pages/") == names


def _asked(contract: Contract, query: dict[str, str]) -> str:
    """One page of a list, as the server writes it."""
    server = contract.server
    url = urlsplit(f"{server.endpoint}/{contract.bucket}?{urlencode(query)}")
    known = StaticProvider(server.access_key, server.secret_key).retrieve()
    signed = presign_v4(
        method="GET", url=url, region="us-east-1", credentials=known, date=utcnow(), expires=60
    )
    return urllib3.request("GET", urlunsplit(signed)).data.decode()


async def test_list_tells_sizes(contract: Contract, key: str) -> None:
    listed = list(contract.sdk.list_objects(contract.bucket, prefix=key, recursive=True))
    assert [(item.object_name, item.size) for item in listed] == [(key, len(BODY))]


# What is not there, and who may not.


@pytest.mark.parametrize("read", [Blobs.get, streamed, Blobs.digest], ids=["get", "stream", "digest"])
async def test_a_missing_object_is_said_to_be_missing(
    blobs: Blobs, read: Callable[[Blobs, str, int], Awaitable[object]]
) -> None:
    with pytest.raises(DocumentMissing):
        await read(blobs, new_object_key(), 10)


async def test_a_missing_bucket_is_an_outage(contract: Contract) -> None:
    """F22: wiped behind our back. A missing paper would be an answer."""
    async with contract.blobs(bucket=f"no-{uuid.uuid4().hex[:8]}") as blobs:
        for call in (blobs.get("00/x", 1), blobs.put("00/x", parts(b"x"), 1), blobs.probe(), blobs.list()):
            with pytest.raises(StoreUnavailable):
                await call


@pytest.mark.parametrize(
    "wrong", [{"secret_key": "not-the-secret"}, {"access_key": "nobody-at-all"}], ids=str
)
async def test_wrong_keys_open_nothing(contract: Contract, key: str, wrong: dict[str, str]) -> None:
    """Moto accepted them (6.3)."""
    async with contract.blobs("", PATIENT, **wrong) as blobs:
        for call in (blobs.get(key, len(BODY)), blobs.put(key, parts(b"x"), 1), blobs.delete(key)):
            with pytest.raises(StoreUnavailable, match="403"):
                await call
        with pytest.raises(StoreUnavailable):
            await blobs.list()
    async with contract.blobs() as right:
        assert await right.get(key, len(BODY)) == BODY


def test_nothing_without_a_signature(contract: Contract, key: str) -> None:
    for method, path in (
        ("GET", f"/{key}"),
        ("PUT", "/00/anonymous"),
        ("DELETE", f"/{key}"),
        ("GET", "/?list-type=2"),
    ):
        url = f"{contract.server.endpoint}/{contract.bucket}{path}"
        assert urllib3.request(method, url, body=b"x" if method == "PUT" else None).status == 403
    assert contract.sdk.stat_object(contract.bucket, key).size == len(BODY)


# Uploads that do not go to their end.


@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1], ids=["longer", "shorter"])
async def test_a_body_of_another_length_leaves_nothing(blobs: Blobs, size: int) -> None:
    key = new_object_key()
    with pytest.raises(UploadBroken):
        await blobs.put(key, parts(BODY), size)
    await asyncio.sleep(0.1)
    assert await blobs.list(key) == []


async def test_a_cancelled_upload_leaves_nothing(blobs: Blobs) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield BODY
        await asyncio.Event().wait()

    key = new_object_key()
    task = asyncio.create_task(blobs.put(key, endless(), 2 * len(BODY)))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.1)
    assert await blobs.list(key) == []


async def test_a_put_whose_answer_was_lost_is_not_sent_twice(
    blobs: Blobs, far: Blobs, proxy: FaultyStore
) -> None:
    """F21: the object may be there; it has no row, and is deleted."""
    key = new_object_key()
    proxy.arm(Fault.ACK_LOST, method="PUT")
    with pytest.raises(StoreUnavailable):
        await far.put(key, parts(BODY), len(BODY))
    assert [method for method, _ in proxy.seen] == ["PUT"]
    assert await blobs.list(key) == [key]
    await far.delete(key)
    assert await blobs.list(key) == []


async def test_a_200_for_a_put_proves_nothing(far: Blobs, proxy: FaultyStore) -> None:
    """Why the vault reads back what it wrote, and compares SHA-256: no ETag is trusted."""
    key = new_object_key()
    proxy.arm(Fault.EMPTY, method="PUT")
    await far.put(key, parts(BODY), len(BODY))
    with pytest.raises(DocumentMissing):
        await far.digest(key, len(BODY))


# A store that misbehaves.


@pytest.mark.parametrize(
    ("fault", "how", "error", "asked"),
    [
        (Fault.HANG, {}, StoreUnavailable, 1),
        (Fault.SLOW, {"bytes_per_s": 50}, StoreUnavailable, 1),
        (Fault.STATUS, {"status": 503, "times": 9}, StoreUnavailable, TRIES),
        (Fault.STATUS, {"status": 500, "times": 9}, StoreUnavailable, TRIES),
        (Fault.STATUS, {"status": 403}, StoreUnavailable, 1),
        (Fault.STATUS, {"status": 301}, StoreUnavailable, 1),
        (Fault.RAW, {"body": b"SSH-2.0-x\r\n\r\n"}, StoreUnavailable, 1),
        (Fault.TRUNCATE, {}, StoreUnavailable, 1),
        (Fault.SHORT, {}, StoreUnavailable, 1),
        (Fault.LONG, {"body": b"surplus"}, StoreUnavailable, 1),
        (Fault.EMPTY, {}, StoreUnavailable, 1),
    ],
    ids=lambda value: getattr(value, "name", None),
)
async def test_a_get_that_goes_wrong(
    far: Blobs,
    proxy: FaultyStore,
    key: str,
    fault: Fault,
    how: dict[str, object],
    error: type[StorageError],
    asked: int,
) -> None:
    """F18 to F20: one error, soon, and no byte of another length."""
    proxy.arm(fault, **how)
    began_s = time.monotonic()
    with pytest.raises(error):
        await far.get(key, len(BODY))
    assert time.monotonic() - began_s < 5
    assert len(proxy.seen) == asked
    proxy.disarm()
    assert await far.get(key, len(BODY)) == BODY


@pytest.mark.parametrize("status", [500, 503])
async def test_not_now_is_asked_again(far: Blobs, proxy: FaultyStore, key: str, status: int) -> None:
    """F19: a node that just went, SlowDown. The caller does not see it."""
    for call in (
        lambda: far.get(key, len(BODY)),
        lambda: streamed(far, key, len(BODY)),
        lambda: far.digest(key, len(BODY)),
    ):
        proxy.arm(Fault.STATUS, status=status, times=TRIES - 1)
        assert await call()
    proxy.arm(Fault.STATUS, method="DELETE", status=status, times=TRIES - 1)
    await far.delete(key)
    proxy.arm(Fault.STATUS, status=status, times=TRIES - 1)  # the list is a GET
    assert await far.list(key) == []


async def test_a_put_is_asked_again_while_its_stream_is_untouched(far: Blobs, proxy: FaultyStore) -> None:
    """Refused at the door: nobody took a byte of it. Wrong version: repeating it later sends the rest as the whole."""
    key = new_object_key()

    async def put() -> None:
        await far.put(key, parts(BODY), len(BODY))

    async with proxy.down():
        task = asyncio.create_task(put())
        await asyncio.sleep(0.02)
    await task
    assert await far.digest(key, len(BODY)) == hashlib.sha256(BODY).hexdigest()


async def test_another_objects_bytes(far: Blobs, proxy: FaultyStore) -> None:
    await _other_bytes(far, proxy, lambda sealed: seal(new_data_key(), b"two", bytes(len(sealed) - 56)))


async def test_older_bytes(far: Blobs, proxy: FaultyStore) -> None:
    """The same paper's earlier version, under its own key: bound to another version."""
    await _other_bytes(far, proxy, lambda sealed: seal(b"k" * 32, b"one/1", bytes(len(sealed) - 56)))


async def test_a_flipped_bit(far: Blobs, proxy: FaultyStore) -> None:
    await _other_bytes(far, proxy, lambda sealed: sealed[:700] + bytes([sealed[700] ^ 1]) + sealed[701:])


async def _other_bytes(far: Blobs, proxy: FaultyStore, made: Callable[[bytes], bytes]) -> None:
    """F20: of the right length, so that this door cannot tell; digest and seal can."""
    sealed = seal(b"k" * 32, b"one/2", bytes(1000))
    key, other = new_object_key(), made(sealed)
    assert len(other) == len(sealed)
    await far.put(key, parts(sealed), len(sealed))
    proxy.arm(Fault.SWAP, body=other, times=2)
    with pytest.raises(SealBroken):
        open_whole(b"k" * 32, b"one/2", await far.get(key, len(sealed)))
    assert await far.digest(key, len(sealed)) != hashlib.sha256(sealed).hexdigest()
    assert open_whole(b"k" * 32, b"one/2", await far.get(key, len(sealed))) == bytes(1000)


async def test_a_store_that_was_away_is_found_again(far: Blobs, proxy: FaultyStore, key: str) -> None:
    assert await far.get(key, len(BODY)) == BODY
    async with proxy.down():
        with pytest.raises(StoreUnavailable):
            await far.get(key, len(BODY))
    assert await far.get(key, len(BODY)) == BODY
    await far.probe()
