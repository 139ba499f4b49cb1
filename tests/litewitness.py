"""A witness that we did not write: ``litewitness`` of filippo.io/torchwood, in a process of its own, with its key in an ssh-agent."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

READY_WITHIN_S = 30.0
_EMPTY_ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def litewitness_binary() -> Path | None:
    """``make litewitness`` builds one; a run without it says so."""
    cache = Path(os.environ.get("BERKAS_CACHE_DIR") or Path.home() / ".cache" / "berkas")
    found = os.environ.get("BERKAS_TEST_LITEWITNESS") or shutil.which(
        "litewitness", path=f"{os.environ['PATH']}:{cache / 'bin'}"
    )
    agent = shutil.which("ssh-agent") and shutil.which("ssh-add")
    return Path(found) if found and agent else None


@dataclass(frozen=True)
class LiteWitness:
    url: str
    vkey: str
    database: Path

    def knows(self, origin: str, vkey: str) -> None:
        """What ``witnessctl add-log`` writes."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, _EMPTY_ROOT))
            connection.execute("INSERT INTO key VALUES (?, ?)", (origin, vkey))


@contextlib.contextmanager
def litewitness(binary: Path, folder: Path, name: str) -> Iterator[LiteWitness]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    with contextlib.ExitStack() as stack:
        # A socket's path has 107 letters at most.
        agent = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "agent"
        _runs(stack, ["ssh-agent", "-D", "-a", str(agent)], folder / "agent.log")
        _until(agent.exists)
        key = Ed25519PrivateKey.generate()
        file = folder / "key.pem"
        file.touch(0o600)
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        subprocess.run(
            ["ssh-add", "-q", str(file)], env={**os.environ, "SSH_AUTH_SOCK": str(agent)}, check=True
        )
        log, database = folder / "litewitness.log", folder / "litewitness.db"
        public = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()
        command = [
            *(str(binary), f"-name={name}", f"-ssh-agent={agent}", f"-key={public}"),
            *(f"-db={database}", f"-listen={listen}"),
        ]
        _runs(stack, command, log)
        _until(lambda: "vkey=" in log.read_text() and _answers(listen))
        found = re.search(r'vkey="?([^\s"]+)', log.read_text())
        assert found
        yield LiteWitness(f"http://{listen}", found[1], database)


def _runs(stack: contextlib.ExitStack, command: list[str], log: Path) -> None:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    stack.callback(process.wait)
    stack.callback(process.kill)


def _answers(listen: str) -> bool:
    host, _, port = listen.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False


def _until(holds: Callable[[], bool]) -> None:
    until_s = time.monotonic() + READY_WITHIN_S
    while not holds():
        assert time.monotonic() < until_s, "litewitness did not start"
        time.sleep(0.02)
