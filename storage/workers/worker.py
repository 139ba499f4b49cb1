"""The service's hand on one worker process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.workers.frames import LENGTH_BYTES, FrameBroken, length_of, packed, read_body
from storage.workers.limits import (
    MEMORY_CEILING_BYTES,
    Limits,
    TaskFailed,
    TaskOverran,
    WorkerLost,
    WorkersBusy,
)

START_LIMIT_S = 20.0
_ROOT = str(Path(__file__).parents[2])
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from storage.workers.child import main; main(int(sys.argv[2]))"
# A fresh interpreter that is told nothing: no setting, no key, no proxy, no path of ours.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}


class Worker:
    """One process, one task at a time. After any exception from ``run`` it is dead."""

    def __init__(self, process: subprocess.Popen[bytes], link: socket.socket) -> None:
        self._process = process
        self._link = link
        self.tasks_done = 0
        self.peak_bytes = 0
        self.given_up: list[str] = []

    @classmethod
    async def start(cls, tasks: Mapping[str, str]) -> Worker:
        """Raises ``WorkersBusy`` when no process can be had."""
        try:
            worker = await asyncio.to_thread(_spawned)
        except OSError as error:
            raise WorkersBusy("no process") from error
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await worker.greet(tasks)
        except (TimeoutError, OSError, FrameBroken, KeyError) as error:
            await worker.kill()
            raise WorkersBusy("the worker did not start") from error
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def greet(self, tasks: Mapping[str, str]) -> None:
        """Wait until it has imported its tasks and given up its rights."""
        await self._send({"tasks": dict(tasks), "memory_bytes": MEMORY_CEILING_BYTES}, [])
        self.given_up = list((await self._received())["given_up"])

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    async def run(
        self, name: str, payload: Mapping[str, Any], limits: Limits, files: Sequence[int]
    ) -> dict[str, Any]:
        """Raises ``TaskOverran``, ``WorkerLost``, ``TaskFailed``; only the last leaves the worker alive."""
        message = {
            "task": name,
            "payload": dict(payload),
            "cpu_s": limits.cpu_s,
            "memory_bytes": limits.memory_bytes,
            "output_bytes": limits.output_bytes,
        }
        try:
            async with asyncio.timeout(limits.wall_s):
                await self._send(message, files)
                answer = await self._received()
        except TimeoutError:
            await self.kill()
            raise TaskOverran("wall") from None
        except (OSError, FrameBroken):
            raise _why(await self.kill()) from None
        except BaseException:  # a caller that was cancelled: nobody will read this answer
            await asyncio.shield(self.kill())
            raise
        self.tasks_done += 1
        peak_bytes, result = answer.get("peak_bytes", 0), answer.get("result")
        if "overran" in answer:
            await self.kill()
            raise TaskOverran(str(answer["overran"]))
        if not isinstance(peak_bytes, int) or not (isinstance(result, dict) or "failed" in answer):
            await self.kill()  # it says what no worker says: somebody else speaks
            raise TaskOverran("crash")
        self.peak_bytes = peak_bytes
        if "failed" in answer:
            raise TaskFailed(str(answer["failed"]))
        return dict(result or {})

    async def kill(self) -> int:
        """End it; returns how it ended, by its own doing when it was dead already."""
        self._link.close()
        with contextlib.suppress(ProcessLookupError):
            if await asyncio.to_thread(_ended_itself, self._process) is None:
                self._process.kill()
        return await asyncio.to_thread(self._process.wait)

    async def _send(self, message: dict[str, Any], files: Sequence[int]) -> None:
        head, body = packed(message)
        socket.send_fds(self._link, [head], list(files))
        await asyncio.get_running_loop().sock_sendall(self._link, body)

    async def _received(self) -> dict[str, Any]:
        return read_body(await self._exactly(length_of(await self._exactly(LENGTH_BYTES))))

    async def _exactly(self, size: int) -> bytes:
        got = bytearray()
        while len(got) < size:
            part = await asyncio.get_running_loop().sock_recv(self._link, size - len(got))
            if not part:
                raise FrameBroken("the worker is gone")
            got += part
        return bytes(got)


def _spawned() -> Worker:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", _BOOT, _ROOT, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd=os.sep,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is the service's, which ends its workers itself
        )
    ours.setblocking(False)
    return Worker(process, ours)


def _ended_itself(process: subprocess.Popen[bytes]) -> int | None:
    """A process whose end of the link closed is about to be reaped; one that hangs is not waited for."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(0.2)
    return None


def _why(ended: int) -> Exception:
    if ended in {-signal.SIGKILL, -signal.SIGTERM}:
        return WorkerLost("killed from outside")
    if ended in {-signal.SIGPROF, -signal.SIGXCPU}:
        return TaskOverran("cpu")
    return TaskOverran("crash")
