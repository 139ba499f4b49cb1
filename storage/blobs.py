"""Objects in any S3 store: PUT, GET, HEAD, DELETE and LIST, nothing else (``attacks-and-faults.md`` 6.4).

``minio`` makes buckets and lists; ``aiohttp`` writes and deletes; ``reads.py`` gets (D2, and Decisions in ARCHITECTURE).
Requests are signed in a header: a presigned URL opens an object for whoever reads a log.
The store is untrusted bytes: lengths are compared here, digests and seals by the vault.

What the store refuses in passing is asked again (``retries.py``); a PUT only while its stream is untouched. It gets a
fresh connection, so that no idle limit breaks it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import ParseError

import aiohttp
import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from minio.time import utcnow
from yarl import URL

from storage.errors import DocumentMissing, StoreUnavailable
from storage.reads import Patience, Reads
from storage.retries import PAUSES_S, Retries
from storage.s3_answers import ERROR_HEAD_BYTES, PASSING, meaning
from storage.signing import Signer
from storage.upload_body import UploadBody

READ_CONNECTIONS = 64
UPLOAD_CONNECTIONS = 32
_DIGEST_PART_BYTES = 262_144
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_NOT_THERE = "00/00000000000000000000000000000000"
_GOOD = {"PUT": {200}, "DELETE": {200, 204}}
_REGION = "us-east-1"  # fixed: asking the store for it would cost a request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed:
    """One object in a listing; ``modified`` is by the store's clock, which decides nothing."""

    key: str
    size: int
    modified: datetime | None


_PATIENCE = Patience()
# Buckets and lists may be asked for twice; a Retry-After of the store's choice would hold a thread.
_SDK_RETRIES = urllib3.Retry(
    total=len(PAUSES_S), read=0, redirect=0, other=0, backoff_factor=PAUSES_S[0], backoff_jitter=PAUSES_S[0],
    status_forcelist=PASSING, raise_on_status=False, respect_retry_after_header=False,
)  # fmt: skip


def new_object_key() -> str:
    """32 random hex digits, sharded by the first two; tells nothing about the paper or the person."""
    key = secrets.token_hex(16)
    return f"{key[:2]}/{key}"


class Blobs:
    """One bucket. ``endpoint`` is ``http(s)://host:port``; sizes are bytes of the object as it is stored.

    Every method raises ``StoreUnavailable``: refused, too slow, another status, or a body of another length.
    """

    def __init__(
        self, endpoint: str, access_key: str, secret_key: str, bucket: str, patience: Patience = _PATIENCE
    ) -> None:
        self._patience = patience
        self._endpoint = parts = urlsplit(endpoint.rstrip("/"))
        self._bucket = bucket
        self._signer = Signer(access_key, secret_key, host=parts.netloc, region=_REGION)
        self._sdk = Minio(
            endpoint=parts.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=parts.scheme == "https",
            region=_REGION,
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=patience.connect_s, read=patience.read_s),
                retries=_SDK_RETRIES,
                maxsize=2,
            ),
        )
        self._retries = Retries()
        self._reads: Reads | None = None
        self._others: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        # Two pools: slow uploads of citizens and counters must not take the connections that reads wait for.
        self._reads = Reads(self._endpoint, READ_CONNECTIONS, self._patience, self._retries)
        self._others = self._session()

    async def close(self) -> None:
        if self._reads is not None:
            self._reads.close()
        if self._others is not None:
            await self._others.close()

    async def ensure_bucket(self) -> None:
        """Make the bucket when it is not there (sandbox and tests; an operator makes it in production)."""

        def ensure() -> None:
            try:
                self._sdk.make_bucket(self._bucket)
            except S3Error:  # asked afterwards: another replica may make it at the same moment
                if not self._sdk.bucket_exists(self._bucket):
                    raise

        await _in_thread(ensure)

    async def list(self, prefix: str = "") -> list[str]:
        """The keys that begin with ``prefix``, in the store's order."""
        return [item.key for item in await self.listed(prefix)]

    async def listed(self, prefix: str, *, whole: bool = True) -> Sequence[Listed]:
        """The objects whose keys begin with ``prefix``, as the store describes them. ``whole`` False: up to the next slash, where what
        lies behind is one entry, of no size, that ends with it.
        """

        def listed() -> Sequence[Listed]:
            found = self._sdk.list_objects(self._bucket, prefix=prefix, recursive=whole)
            return [
                Listed(item.object_name, item.size or 0, item.last_modified)
                for item in found
                if item.object_name
            ]

        return await _in_thread(listed)

    async def put(self, key: str, stream: AsyncIterator[bytes], size: int) -> None:
        """One streamed PUT of exactly ``size`` bytes.

        What ``stream`` raises is raised; ``UploadBroken`` when it gives another number of bytes. The store keeps
        nothing of a broken upload, or keeps what a read-back does not accept; the caller deletes it either way.
        """
        upload = UploadBody(stream, size, asyncio.timeout(None), self._patience.write_s)
        await self._retries.run(lambda: self._put(key, upload))
        if not upload.complete:
            raise StoreUnavailable("answered before it had the object")

    async def _put(self, key: str, upload: UploadBody) -> None:
        try:
            async with asyncio.timeout(None) as upload.deadline:
                try:
                    async with self._answer("PUT", key, upload) as response:
                        await response.read()
                except StoreUnavailable as error:
                    if upload.failure is not None:
                        raise upload.failure from None
                    error.passing = error.passing and not upload.begun
                    raise
        except TimeoutError:
            raise StoreUnavailable("too slow to take an object") from None

    async def get(self, key: str, size: int) -> bytearray:
        """The whole object, for small ones. Raises ``DocumentMissing``."""
        reads, request = self._read(key)
        return await reads.whole(request, size)

    def stream(self, key: str, size: int, part_bytes: int) -> AsyncGenerator[memoryview, None]:
        """The object in parts of ``part_bytes``, the last one shorter, all in one buffer: a part is good until the next.
        Raises ``DocumentMissing``.
        """
        reads, request = self._read(key)
        return reads.parts(request, size, part_bytes)

    async def digest(self, key: str, size: int) -> str:
        """SHA-256 in hex of what the store gives back now. Raises ``DocumentMissing``."""
        digest = hashlib.sha256()
        async with contextlib.aclosing(self.stream(key, size, _DIGEST_PART_BYTES)) as parts:
            async for part in parts:
                digest.update(part)
        return digest.hexdigest()

    async def delete(self, key: str) -> None:
        """Raises ``DocumentMissing`` where the store says so; most say nothing about an object that was not there."""
        await self._retries.run(lambda: self._delete(key))

    async def _delete(self, key: str) -> None:
        async with self._answer("DELETE", key) as response:
            await response.read()

    async def probe(self) -> None:
        """Can the bucket be read? "No such object, in a bucket that is there" is the right answer."""
        with contextlib.suppress(DocumentMissing):
            await self.get(_NOT_THERE, 0)

    def _session(self) -> aiohttp.ClientSession:
        """For what is no GET. Each request has a connection of its own: an upload's stream is spent when an idle limit of the
        store breaks it.
        """
        limits = self._patience
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=UPLOAD_CONNECTIONS, ttl_dns_cache=30, force_close=True),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=limits.pool_s, sock_connect=limits.connect_s, sock_read=limits.read_s
            ),
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
            skip_auto_headers=("Accept", "User-Agent"),
        )

    def _read(self, key: str) -> tuple[Reads, bytes]:
        """Where to ask, and the request that asks for the object ``key``."""
        if self._reads is None:
            raise RuntimeError("Blobs.open() first")
        path = f"/{self._bucket}/{key}"
        lines = [f"{name}: {value}\r\n" for name, value in self._signed("GET", path, None).items()]
        return (
            self._reads,
            f"GET {path} HTTP/1.1\r\n{''.join(lines)}Accept-Encoding: identity\r\n\r\n".encode(),
        )

    @contextlib.asynccontextmanager
    async def _answer(
        self, method: str, key: str, upload: UploadBody | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._others is None:
            raise RuntimeError("Blobs.open() first")
        path = f"/{self._bucket}/{quote(key)}"  # what is deleted may have a name that is not ours
        place = URL.build(
            scheme=self._endpoint.scheme, authority=self._endpoint.netloc, path=path, encoded=True
        )
        headers = self._signed(method, path, upload)
        try:
            async with self._others.request(
                method, place, data=upload, headers=headers, allow_redirects=False
            ) as response:
                if response.status not in _GOOD[method]:
                    raise meaning(response.status, await response.content.read(ERROR_HEAD_BYTES))
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Only the name: the error's own text and its chain hold the request's headers.
            passing = isinstance(error, aiohttp.ClientConnectionError) and not isinstance(error, TimeoutError)
            raise StoreUnavailable(type(error).__name__, passing=passing) from None

    def _signed(self, method: str, path: str, upload: UploadBody | None) -> dict[str, str]:
        # An upload's digest is not known before its first byte, and SeaweedFS was seen to accept a body that differs
        # from the signed one: the read-back decides.
        content = _EMPTY_SHA256 if upload is None else "UNSIGNED-PAYLOAD"
        signed = self._signer.headers(method, path, content, utcnow())
        if upload is not None:
            signed |= {"Content-Length": str(upload.size), "Content-Type": "application/octet-stream"}
        return signed


async def _in_thread(work: Callable[[], T]) -> T:
    """The SDK blocks; its timeouts bound the thread. A listing that is no XML, or another XML, is a store that cannot be asked."""
    try:
        return await asyncio.to_thread(work)
    except (MinioException, urllib3.exceptions.HTTPError, OSError, ParseError, ValueError) as error:
        raise StoreUnavailable(type(error).__name__) from None
