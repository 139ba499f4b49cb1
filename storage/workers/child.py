"""The inside of a worker: a fresh interpreter that imports its tasks, gives up its rights, then works task by task.

A task is ``function(payload: dict, files: list[BinaryIO]) -> dict``. Its module imports everything that it will ever need
when it is imported: afterwards no file can be opened.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from storage.workers.confine import ceilings, confine
from storage.workers.frames import FILES_LIMIT, LENGTH_BYTES, FrameBroken, length_of, packed, read_body

Task = Callable[[dict[str, Any], list[BinaryIO]], dict[str, Any]]


def main(descriptor: int) -> None:
    """Serve until the service closes its end."""
    with socket.socket(fileno=descriptor) as link:
        hello, _ = _received(link)
        ceilings(int(hello["memory_bytes"]))
        tasks = {name: _imported(place) for name, place in hello["tasks"].items()}
        peak = _Peak()
        _send(link, {"ready": True, "given_up": confine()})
        with contextlib.suppress(ConnectionError):
            while True:
                message, files = _received(link)
                _send(link, _done(tasks, message, files) | {"peak_bytes": peak.bytes()})


def _imported(place: str) -> Task:
    module, _, name = place.partition(":")
    task: Task = getattr(importlib.import_module(module), name)
    return task


def _done(tasks: dict[str, Task], message: dict[str, Any], files: list[BinaryIO]) -> dict[str, Any]:
    """Never the text of an exception: it may quote the file."""
    _limited(message)
    try:
        answer: dict[str, Any] = {"result": tasks[message["task"]](message["payload"], files)}
        packed(answer)
    except MemoryError:
        answer = {"overran": "memory"}
    except Exception as error:  # noqa: BLE001 - whatever a parser raises is an answer about the file
        answer = {"failed": type(error).__name__}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        for file in files:
            with contextlib.suppress(OSError):
                file.close()
    return answer


class _Peak:
    """The most memory that this process ever had. Linux counts the service's own into ``ru_maxrss`` of whatever it starts, so there
    the line of ``/proc`` is read, from a file that is opened while one still can be.
    """

    def __init__(self) -> None:
        self._status = os.open("/proc/self/status", os.O_RDONLY) if sys.platform == "linux" else -1

    def bytes(self) -> int:
        if self._status == -1:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak if sys.platform == "darwin" else peak * 1024
        lines = os.pread(self._status, 4_096, 0).split(b"VmHWM:")
        return int(lines[1].split()[0]) * 1024


def _limited(message: dict[str, Any]) -> None:
    """Soft limits of this one task. Nobody handles SIGPROF: it ends the process."""
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (min(int(message["memory_bytes"]), hard), hard))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(message["output_bytes"]), hard))
    signal.setitimer(signal.ITIMER_PROF, float(message["cpu_s"]))


def _send(link: socket.socket, message: dict[str, Any]) -> None:
    link.sendall(b"".join(packed(message)))


def _received(link: socket.socket) -> tuple[dict[str, Any], list[BinaryIO]]:
    """The next message with its files; leaves when the service is gone."""
    head, descriptors, _, _ = socket.recv_fds(link, LENGTH_BYTES, FILES_LIMIT)
    files: list[BinaryIO] = [os.fdopen(descriptor, "r+b", closefd=True) for descriptor in descriptors]
    head += _exactly(link, LENGTH_BYTES - len(head)) if head else b""
    if not head:
        raise SystemExit(0)
    return read_body(_exactly(link, length_of(head))), files


def _exactly(link: socket.socket, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        part = link.recv(size - len(got))
        if not part:
            raise FrameBroken("the service is gone")
        got += part
    return bytes(got)
