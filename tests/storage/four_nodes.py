"""An object store of four nodes on one machine, whose nodes can be killed and come back: what ``make store-chaos`` breaks.

MinIO: four processes with a folder each, erasure coded 2+2. It reads with two nodes and writes with three. Where no MinIO is at
hand, SeaweedFS: four volume servers that keep three copies of everything, so that it too reads without two of them and writes
with three; its master and its S3 door are one process each and are not killed, which MinIO's run does not spare.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import secrets
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import S3Error, ServerError

from storage.embedded import process
from storage.embedded.place import HOST, free_ports
from storage.embedded.store_kinds import find_binary
from tests.conftest import StoreServer, minio_binary

NODES = 4
READY_WITHIN_S = 90.0
_STOP = ((signal.SIGTERM, 2.0),)
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_PIECE_BYTES = 65_536
_PROBE = "berkas-ready"


class Cluster(ABC):
    """``doors`` are the (host, port) at which it speaks S3; a client goes to any that listens (``front``)."""

    kind: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.access_key, self.secret_key = secrets.token_hex(10), secrets.token_hex(20)
        self.children: dict[int, subprocess.Popen[bytes]] = {}

    @property
    @abstractmethod
    def doors(self) -> list[tuple[str, int]]: ...

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def revive(self, node: int) -> None:
        """Start ``node`` (0 to 3) on the data that it had."""

    def kill(self, node: int) -> None:
        """As if its power were gone."""
        child = self.children.pop(node)
        child.kill()
        child.wait(10)

    def stop(self) -> None:
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            process.stop(child, _STOP)
        self.children.clear()

    def at(self, endpoint: str) -> StoreServer:
        return StoreServer(endpoint, self.access_key, self.secret_key, self.kind)

    def wait_until_it_keeps(self) -> None:
        """Until it takes an object and gives it back: a cluster answers pings long before."""
        host, port = self.doors[0]
        until_s = time.monotonic() + READY_WITHIN_S
        pool = urllib3.PoolManager(timeout=5.0, retries=False)
        sdk = Minio(f"{host}:{port}", self.access_key, self.secret_key, secure=False, http_client=pool)
        while True:
            try:
                if not sdk.bucket_exists(_PROBE):
                    sdk.make_bucket(_PROBE)
                sdk.put_object(_PROBE, "ready", io.BytesIO(b"ready"), 5)
                sdk.get_object(_PROBE, "ready").close()
            except (S3Error, ServerError, urllib3.exceptions.HTTPError):
                assert time.monotonic() < until_s, f"{self.kind}: not within {READY_WITHIN_S:.0f} s"
                time.sleep(0.2)
            else:
                return

    def run(
        self, name: str, command: list[str | Path], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        child = process.start(
            None, command, cwd=self.folder, log=self.folder / f"{name}.log", environment=environment, paths=[],
            death_signal="KILL",
        )  # fmt: skip
        process.give_way(child)
        return child


class FourMinio(Cluster):
    kind = "minio, 4 nodes"

    def __init__(self, folder: Path, binary: Path) -> None:
        super().__init__(folder)
        self._binary = binary
        self._host = _own_address()
        self._ports = free_ports(NODES, wanted=None)
        self._drives = [folder / f"node{node}" for node in range(NODES)]

    @property
    def doors(self) -> list[tuple[str, int]]:
        return [(self._host, port) for port in self._ports]

    def start(self) -> None:
        for drive in self._drives:
            drive.mkdir()
        for node in range(NODES):
            self.revive(node)

    def revive(self, node: int) -> None:
        places = [
            f"http://{self._host}:{port}{drive}"
            for port, drive in zip(self._ports, self._drives, strict=True)
        ]
        environment = {
            "PATH": "", "HOME": str(self.folder), "GOMEMLIMIT": "256MiB",
            "MINIO_ROOT_USER": self.access_key, "MINIO_ROOT_PASSWORD": self.secret_key,
            "MINIO_BROWSER": "off", "MINIO_UPDATE": "off",
            "MINIO_STORAGE_CLASS_STANDARD": "EC:2",
            "MINIO_CI_CD": "1",  # four drives on one disk, which it would otherwise refuse
        }  # fmt: skip
        address = f"{self._host}:{self._ports[node]}"
        self.children[node] = self.run(
            f"node{node}", [self._binary, "server", "--quiet", "--address", address, *places], environment
        )

    def missing(self, bucket: str, keys: list[str]) -> list[tuple[int, str]]:
        """(node, key) where a node's folder lacks its part of an object."""
        drives = list(enumerate(self._drives))
        return [
            (node, key)
            for key in keys
            for node, drive in drives
            if not (drive / bucket / key / "xl.meta").is_file()
        ]


class FourSeaweed(Cluster):
    kind = "seaweedfs, 4 volume servers, 3 copies"

    def __init__(self, folder: Path, binary: Path) -> None:
        super().__init__(folder)
        self._binary = binary
        self._master, self._filer, self._s3, *self._volumes = free_ports(3 + NODES, wanted=None)
        self._environment = {
            "PATH": "", "HOME": str(folder), "GOMEMLIMIT": "256MiB",
            "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }  # fmt: skip
        self._others: list[subprocess.Popen[bytes]] = []

    @property
    def doors(self) -> list[tuple[str, int]]:
        return [(HOST, self._s3)]

    def start(self) -> None:
        for name in ("master", "filer", *(f"node{node}" for node in range(NODES))):
            (self.folder / name).mkdir()
        at = [f"-ip={HOST}", f"-ip.bind={HOST}"]
        master: list[str | Path] = [
            self._binary, "master", *at, f"-port={self._master}", f"-mdir={self.folder / 'master'}",
            "-defaultReplication=002", "-volumeSizeLimitMB=64", "-telemetry=false",
        ]  # fmt: skip
        filer: list[str | Path] = [
            self._binary, "filer", *at, f"-port={self._filer}", f"-master={HOST}:{self._master}",
            f"-defaultStoreDir={self.folder / 'filer'}", "-defaultReplicaPlacement=002", f"-localSocket={self.folder / 'f.sock'}",
        ]  # fmt: skip
        s3: list[str | Path] = [
            self._binary, "s3", f"-ip.bind={HOST}", f"-port={self._s3}", f"-filer={HOST}:{self._filer}", "-iam=false",
        ]  # fmt: skip
        self._others.append(self.run("master", master, self._environment))
        for node in range(NODES):
            self.revive(node)
        self._others.append(self.run("filer", filer, self._environment))
        self._others.append(self.run("s3", s3, self._environment))

    def revive(self, node: int) -> None:
        command: list[str | Path] = [
            self._binary, "volume", f"-ip={HOST}", f"-ip.bind={HOST}", f"-port={self._volumes[node]}",
            f"-dir={self.folder / f'node{node}'}", f"-mserver={HOST}:{self._master}", "-max=60", "-preStopSeconds=0",
        ]  # fmt: skip
        self.children[node] = self.run(f"node{node}", command, self._environment)

    def stop(self) -> None:
        super().stop()
        for child in self._others:
            process.stop(child, _STOP)


def chosen(folder: Path) -> Cluster:
    """MinIO where there is one, else SeaweedFS."""
    minio, weed = minio_binary(), find_binary("seaweedfs")
    if minio is not None:
        return FourMinio(folder, minio)
    assert weed is not None, "no S3 server on this machine"
    return FourSeaweed(folder, weed)


@contextlib.contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


class Front:
    """What stands before a store of several nodes: each connection goes to a node that listens, in turn."""

    def __init__(self, doors: list[tuple[str, int]]) -> None:
        self._doors = doors
        self._turn = itertools.cycle(range(len(doors)))
        self._tasks: set[asyncio.Task[None]] = set()
        self.endpoint = ""

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Front]:
        server = await asyncio.start_server(self._accept, HOST, 0)
        self.endpoint = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [to_client]
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                store, to_store = await self._node()
                writers.append(to_store)
                await asyncio.wait(
                    [
                        asyncio.ensure_future(_pump(client, to_store)),
                        asyncio.ensure_future(_pump(store, to_client)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            self._tasks.discard(task)
            for writer in writers:
                writer.transport.abort()

    async def _node(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self._doors:
            with contextlib.suppress(ConnectionError):
                return await asyncio.open_connection(*self._doors[next(self._turn)])
        raise ConnectionRefusedError


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
        if not writer.is_closing():
            await writer.drain()


def _own_address() -> str:
    """MinIO refuses loopback for several nodes inside a container; then the container's own address serves."""
    if not any(mark.exists() for mark in _CONTAINER_MARKS):
        return HOST
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent: it only says which address would be used
        return str(probe.getsockname()[0])
