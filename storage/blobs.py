"""Objects in any S3 store: plain PUT, GET, DELETE and LIST, nothing else (``attacks-and-faults.md`` 6.4).

``minio`` makes buckets, lists and signs; ``aiohttp`` moves the bytes (0.4 ms of CPU a GET of 300 KB against 1.0 with the
SDK in threads). The store is untrusted bytes: lengths are compared here, digests and seals by the vault. The URLs that
are signed here never leave the process: they could not be revoked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
import urllib3
from minio import Minio
from minio.credentials import Credentials
from minio.error import MinioException
from minio.signer import presign_v4

from storage.errors import DocumentMissing, StoreUnavailable

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 5.0
CONNECTIONS = 64
URL_LIFE_S = 60
CHUNK_BYTES = 262_144
_REGION = "us-east-1"  # fixed: asking the store for it would cost a request


def new_object_key() -> str:
    """32 random hex digits, sharded by the first two; tells nothing about the paper or the person."""
    key = secrets.token_hex(16)
    return f"{key[:2]}/{key}"


class Blobs:
    """One bucket. ``endpoint`` is ``http(s)://host:port``. Every method raises ``StoreUnavailable``."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._bucket = bucket
        self._credentials = Credentials(access_key, secret_key)
        parts = urlsplit(self._endpoint)
        self._sdk = Minio(
            endpoint=parts.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=parts.scheme == "https",
            region=_REGION,
            # The SDK's own defaults are five minutes and five silent retries.
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
                retries=urllib3.Retry(total=0),
                maxsize=2,
            ),
        )
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ttl_dns_cache=30),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=1 << 20,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ensure_bucket(self) -> None:
        """Make the bucket when it is not there (sandbox and tests; an operator makes it in production)."""

        def ensure() -> None:
            if not self._sdk.bucket_exists(self._bucket):
                self._sdk.make_bucket(self._bucket)

        await _in_thread(ensure)

    async def list(self, prefix: str = "") -> list[str]:
        def listed() -> list[str]:
            objects = self._sdk.list_objects(self._bucket, prefix=prefix, recursive=True)
            return [item.object_name for item in objects if item.object_name]

        return await _in_thread(listed)

    async def put(self, key: str, stream: AsyncIterator[bytes], size: int) -> None:
        """One streamed PUT of exactly ``size`` bytes. What ``stream`` raises is raised."""
        failure: list[BaseException] = []

        async def guarded() -> AsyncIterator[bytes]:
            try:
                async for part in stream:
                    yield part
            except BaseException as error:
                failure.append(error)
                raise

        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        try:
            async with self._answer("PUT", key, data=guarded(), headers=headers) as response:
                await response.read()
        except BaseException:
            if failure:
                raise failure[0] from None
            raise

    async def get(self, key: str, size: int) -> bytes:
        """The whole object. Raises ``DocumentMissing``."""
        async with self._answer("GET", key) as response:
            if response.content_length not in {None, size}:
                raise StoreUnavailable("an object of another length")
            body = await response.read()
        if len(body) != size:
            raise StoreUnavailable("an object of another length")
        return body

    async def stream(self, key: str, size: int) -> AsyncIterator[bytes]:
        """The object in chunks as they come. Raises ``DocumentMissing``."""
        got = 0
        async with self._answer("GET", key) as response:
            async for chunk in response.content.iter_any():
                got += len(chunk)
                yield chunk
        if got != size:
            raise StoreUnavailable("an object of another length")

    async def digest(self, key: str, size: int) -> str:
        """SHA-256 in hex of what the store gives back now."""
        digest = hashlib.sha256()
        async with contextlib.aclosing(self.stream(key, size)) as chunks:
            async for chunk in chunks:
                digest.update(chunk)
        return digest.hexdigest()

    async def delete(self, key: str) -> None:
        async with self._answer("DELETE", key) as response:
            await response.read()

    async def probe(self) -> None:
        """Can the bucket be used? An object that is not there is the right answer."""
        try:
            async with self._answer("GET", "00/probe") as response:
                await response.read()
        except DocumentMissing:
            return

    @contextlib.asynccontextmanager
    async def _answer(
        self,
        method: str,
        key: str,
        *,
        data: AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("Blobs.open() first")
        try:
            async with self._session.request(
                method, self._signed(method, key), data=data, headers=headers, allow_redirects=False
            ) as response:
                if response.status == HTTPStatus.NOT_FOUND:
                    raise DocumentMissing("not in the store")
                if response.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
                    raise StoreUnavailable(f"the store answered {response.status}")
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise StoreUnavailable(type(error).__name__) from error

    def _signed(self, method: str, key: str) -> str:
        signed = presign_v4(
            method=method,
            url=urlsplit(f"{self._endpoint}/{self._bucket}/{key}"),
            region=_REGION,
            credentials=self._credentials,
            date=datetime.now(UTC),  # noqa: TID251 - the signature's own clock, as S3 wants it
            expires=URL_LIFE_S,
        )
        return signed.geturl()


async def _in_thread(work: object) -> object:
    try:
        return await asyncio.to_thread(work)  # type: ignore[arg-type]
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreUnavailable(type(error).__name__) from error
