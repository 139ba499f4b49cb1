"""A throw-away world: embedded servers on a temporary folder, a migrated database, the application.

The application is a process of its own, so that its CPU time and memory can be told from those of the load. Everything
is removed at the end.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from pydantic import SecretStr

from exchange.cli import setup
from exchange.cli.bench.figures import BYTES_PER_MB, BenchError
from exchange.cli.stopping import sigterm_is_ctrl_c
from exchange.settings import Settings
from storage.embedded.services import Services, embedded_services
from storage.keyring import create_root_key

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 15.0
SITE = "6472"
SERVICE = "DPMPTSP.NIB"
# Limits that protect a site would end a run: a load is more than any officer does in an hour.
UPLOAD_LIMIT_BYTES = 1_000 * BYTES_PER_MB
PEOPLE_PER_HOUR = 10_000_000


class Application:
    """The served application, measured through ``/proc``."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def cpu_s(self) -> float:
        """User and system time since its start, all threads and children."""
        ticks = sum(_ticks(pid) for pid in _family(self._process.pid))
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory now."""
        return self._status_mb("VmRSS")

    def watch_peak(self) -> None:
        """From now on ``peak_mb`` counts anew. Where the kernel refuses, the old peak stays: an upper bound."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", encoding="ascii")

    def peak_mb(self) -> float:
        return self._status_mb("VmHWM")

    def _status_mb(self, name: str) -> float:
        for line in Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024 / BYTES_PER_MB
        raise BenchError(f"the kernel does not tell {name}")

    def wait_ready(self, origin: str) -> None:
        until_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until_s:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(URLError, OSError), urlopen(f"{origin}/health/ready", timeout=2):  # noqa: S310 - our own address
                return
            time.sleep(0.05)
        raise BenchError(f"the application did not start: {self._last_words()}")

    def _last_words(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-500:].strip()


@dataclass
class World:
    """``numbers`` gives every synthetic citizen a number of its own."""

    folder: Path
    settings: Settings
    services: Services
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def database_url(self) -> str:
        return self.settings.database_url.get_secret_value() if self.settings.database_url else ""

    @property
    def owner_url(self) -> str:
        return self.services.postgres.owner_url if self.services.postgres else self.database_url

    @contextlib.contextmanager
    def application(self) -> Iterator[Application]:
        """A fresh process: nothing is in its caches."""
        log = self.folder / "application.log"
        command = [sys.executable, "-m", "exchange.cli", "serve"]
        # A session of its own: Ctrl-C comes to us, and we end it.
        with (
            log.open("ab") as output,
            subprocess.Popen(
                command, env=self._environment(), stdout=output, stderr=output, start_new_session=True
            ) as process,
        ):
            application = Application(process, log)
            try:
                application.wait_ready(self.settings.origin)
                yield application
            finally:
                process.terminate()
                try:
                    process.wait(STOP_WITHIN_S)
                except subprocess.TimeoutExpired:
                    process.kill()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
        ours = {
            f"BERKAS_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in self.settings.model_dump(exclude_none=True).items()
        }
        python_path = os.pathsep.join((str(setup.checkout()), os.environ.get("PYTHONPATH", "")))
        return {**kept, **ours, "PYTHONPATH": python_path}


@contextlib.contextmanager
def throw_away_world(parent: Path) -> Iterator[World]:
    """``parent`` chooses the disk; its sync time is part of every figure.

    Raises ``BenchError`` off Linux, and where nothing can be written.
    """
    if not Path("/proc/self/stat").exists():
        raise BenchError("the benches read CPU time and memory from /proc: they need Linux")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise BenchError(f"cannot write in {parent}: name another folder with --place")
    with (
        sigterm_is_ctrl_c(),
        tempfile.TemporaryDirectory(prefix=".berkas-bench-", dir=parent, ignore_cleanup_errors=True) as name,
        embedded_services(Path(name)) as services,
    ):
        folder = Path(name)
        settings = _settings(folder, services)
        setup.migrate(settings)
        setup.note_running(settings)  # so that a command can act on this world while it is measured
        yield World(folder, settings, services)


def _settings(folder: Path, services: Services) -> Settings:
    if services.postgres is None or services.store is None:
        raise BenchError("the embedded servers did not start")
    root_key = folder / "keys" / "root.key"
    create_root_key(root_key)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Settings(
        mode="sandbox",
        listen=f"127.0.0.1:{port}",
        public_origin="",
        data_dir=folder,
        site=SITE,
        database_url=SecretStr(services.postgres.app_url),
        migration_database_url=SecretStr(services.postgres.owner_url),
        s3_endpoint=services.store.endpoint,
        s3_access_key=SecretStr(services.store.access_key),
        s3_secret_key=SecretStr(services.store.secret_key),
        s3_bucket="berkas",
        root_key=f"file:{root_key}",
        upload_limit_bytes=UPLOAD_LIMIT_BYTES,
        inspect_files=False,  # random bytes are no pictures; `bench gate` measures the gate
        readiness_per_officer_hour=PEOPLE_PER_HOUR,
        citizens_per_officer_hour=PEOPLE_PER_HOUR,
        citizens_per_client_hour=PEOPLE_PER_HOUR,
        citizens_per_agency_hour=PEOPLE_PER_HOUR,
        sequential_numbers_per_hour=PEOPLE_PER_HOUR,
        codes_per_hour=PEOPLE_PER_HOUR,
        original_services=SERVICE,  # `bench fetch` measures originals, `bench stamped` copies
        smtp_url=None,
    )


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on; the name before them may hold spaces."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ticks(pid: int) -> int:
    """utime, stime, and those of children that were waited for (proc(5), fields 14 to 17)."""
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15])


def _family(root: int) -> set[int]:
    """``root`` and its living descendants."""
    parents = {
        int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()
    }
    family = {root}
    grew = True
    while grew:
        children = {pid for pid, fields in parents.items() if fields and int(fields[1]) in family}
        grew = not children <= family
        family |= children
    return family
