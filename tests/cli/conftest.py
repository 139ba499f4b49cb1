"""One sandbox for the command-line tests, started as an operator starts it: ``berkas up``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.commands import berkas
from tests.tripwire import leaks

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 90


@dataclass
class Sandbox:
    """``run`` is ``./berkas`` with this sandbox's environment (the launcher has its own tests)."""

    data_dir: Path
    listen: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
        return kept | {
            "BERKAS_DATA_DIR": str(self.data_dir),
            "BERKAS_LISTEN": self.listen,
            "PYTHONPATH": str(ROOT),
        }

    @property
    def log(self) -> Path:
        return self.data_dir.parent / "up.log"

    def begin(self) -> subprocess.Popen[bytes]:
        """``berkas up``, not waited for."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "exchange.cli", "up"],
                env=self.environment,
                stdout=output,
                stderr=output,
                cwd=self.data_dir.parent,
            )
        return self.process

    def start(self) -> float:
        """Seconds until the first page can be read."""
        began_s = time.monotonic()
        process = self.begin()
        while True:
            try:
                with urlopen(f"http://{self.listen}/health/ready", timeout=2):
                    return time.monotonic() - began_s
            except (URLError, OSError):
                assert process.poll() is None, self.log.read_text()[-3000:]
                assert time.monotonic() - began_s < READY_WITHIN_S, self.log.read_text()[-3000:]
                time.sleep(0.1)

    def stop(self, how: int = signal.SIGINT) -> float:
        assert self.process is not None
        began_s = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(30)
        return time.monotonic() - began_s

    def run(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return berkas(*arguments, env=self.environment, cwd=self.data_dir.parent, **more)

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.run("sandbox", "facts", "--json").stdout)
        return facts


def free_listen() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox") / "data", free_listen())
    sandbox.start()
    yield sandbox
    if sandbox.process is not None and sandbox.process.poll() is None:
        sandbox.stop()
    given_away = sorted({kind for line in sandbox.log.read_text().splitlines() for kind in leaks(line)})
    assert given_away == [], "the sandbox's log gave something away"
