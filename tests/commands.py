"""Commands of ours, each in a process of its own that is forked from one which has imported them.

An interpreter and its imports take 1.7 s; the suite runs some two hundred commands. What is forked has what a fresh one has: its arguments,
environment, folder and files, and the interpreter's own end. Services (``up``, ``serve``, ``worker``) and whatever is about a start itself
are started as an operator does it.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_REQUEST_BYTES = 1 << 17
_FILES = 4  # its input, output and errors, and where its end is told


def berkas(
    *arguments: str,
    env: Mapping[str, str],
    cwd: Path,
    input: str = "",  # noqa: A002 - the name is that of subprocess.run
    timeout: float = 180,
) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run`` of ``python -m exchange.cli``, its output captured as text."""
    told, tells = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with told:
            with tells:
                given.write(input.encode())
                given.seek(0)
                request = json.dumps({"arguments": arguments, "environment": dict(env), "folder": str(cwd)})
                files = [file.fileno() for file in (given, out, err, tells)]
                socket.send_fds(_nursery(), [request.encode()], files)
            code = _ended(told, timeout, arguments)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(arguments, code, *texts)


def _ended(told: socket.socket, timeout: float, arguments: tuple[str, ...]) -> int:
    """Its exit code, negative for a signal. Raises ``subprocess.TimeoutExpired`` once it was killed."""
    told.settimeout(timeout)
    pid = 0
    try:
        pid = int(told.recv(16))
        return int(told.recv(16))
    except TimeoutError:
        if pid:
            os.kill(pid, signal.SIGKILL)
        raise subprocess.TimeoutExpired(arguments, timeout) from None


@functools.cache
def _nursery() -> socket.socket:
    """The process that forks; it ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
        subprocess.Popen(
            [sys.executable, "-m", "tests.commands", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    return ours


def _next(orders: socket.socket) -> dict[str, Any] | None:
    """In the process of a command: what it shall do. None when nobody asks any more."""
    while True:
        request, files, _, _ = socket.recv_fds(orders, _REQUEST_BYTES, _FILES)
        if not request:
            return None
        if os.fork():
            for file in files:
                os.close(file)
            continue
        orders.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if pid := os.fork():
            _waits(pid, socket.socket(fileno=files[3]))
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
        for file in files:
            os.close(file)
        order: dict[str, Any] = json.loads(request)
        return order


def _waits(pid: int, tells: socket.socket) -> None:
    """The parent of one command, until it ends."""
    tells.send(b"%d" % pid)
    _, status = os.waitpid(pid, 0)
    tells.send(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _serve(orders: socket.socket) -> None:
    from exchange.cli import commands
    from exchange.cli.__main__ import main

    assert commands  # imported for those that are forked from here
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the suite is for the suite
    order = _next(orders)
    if order is None:
        return
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["berkas", *order["arguments"]]
    main()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
