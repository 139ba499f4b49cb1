"""What the tests have a limited worker do: things that it may, and things that it must not be able to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import Any, BinaryIO

kept: list[bytes] = []
DESCRIPTORS = 20_000  # the link keeps the number that it has in the service


def echo(payload: dict[str, Any], files: list[BinaryIO]) -> dict[str, Any]:
    return {
        "payload": payload,
        "files": [file.read(64).decode("latin-1") for file in files],
        "pid": os.getpid(),
    }


def write(payload: dict[str, Any], files: list[BinaryIO]) -> dict[str, Any]:
    files[0].write(b"x" * int(payload["bytes"]))
    files[0].flush()
    return {}


def surroundings(_payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    """``/proc`` cannot be opened here, so the descriptors are counted by asking for each."""
    descriptors = []
    for number in range(DESCRIPTORS):
        try:
            os.fstat(number)
        except OSError:
            continue
        descriptors.append(number)
    return {"environment": dict(os.environ), "descriptors": descriptors, "uid": os.geteuid()}


def attempts(payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    """Every way out; what each came to."""
    tried: dict[str, str] = {}
    for name, act in (
        ("read", lambda: Path(payload["path"]).read_bytes()),
        ("write", lambda: Path(payload["path"] + ".new").write_bytes(b"x")),
        ("delete", lambda: Path(payload["path"]).unlink()),
        ("socket", socket.socket),
        ("program", lambda: subprocess.run(["/bin/true"], check=False)),
        ("fork", os.fork),
        ("kill", lambda: os.kill(int(payload["pid"]), signal.SIGTERM)),
    ):
        try:
            act()
            tried[name] = "done"
        except OSError as error:
            tried[name] = type(error).__name__
    return tried


def burn(_payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    while True:
        pass


def sleep(payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    time.sleep(float(payload["s"]))
    return {}


def eat(_payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    while True:
        kept.append(bytes(16 * 1_048_576))


def crash(_payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    os._exit(3)


def babble(payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    """What a worker would say that somebody has taken over."""
    for number in range(3, DESCRIPTORS):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                body = json.dumps(payload["says"]).encode()
                os.write(number, len(body).to_bytes(4, "big") + body)
    return {}


def fail(_payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    raise ValueError("a secret of the file")


def chatter(_payload: dict[str, Any], _files: list[BinaryIO]) -> dict[str, Any]:
    return {"much": "x" * 2_000_000}
