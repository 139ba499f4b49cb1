"""A real witness in a process of its own, as an inspectorate starts it; killed and started again by who asks."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from storage.witness import home
from tests.rules.house import ROOT
from tests.tripwire import TRIPWIRE

READY_WITHIN_S = 60.0


class WitnessAt:
    """``url`` stays the same over restarts. ``name`` is the key's."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.vkey = home.create(folder, name).vkey()
        self.name = name
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def knows(self, vkey: str) -> None:
        home.know(self.folder, vkey)

    def start(self) -> Self:
        log = self.folder / "serve.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "exchange.cli", "witness", "serve"),
                    *("--folder", str(self.folder), "--listen", f"127.0.0.1:{self.port}"),
                ],
                cwd=ROOT,
                env=kept | {"PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=output,
            )
        TRIPWIRE.watch(log)
        until_s = time.monotonic() + READY_WITHIN_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < until_s, log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """As the machine does it when it stops: at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def witnesses(folder: Path, *names: str) -> Iterator[list[WitnessAt]]:
    """Made, started, and gone afterwards."""
    made = [WitnessAt(folder / name, name) for name in names]
    try:
        for one in made:
            one.start()
        yield made
    finally:
        for one in made:
            one.kill()
