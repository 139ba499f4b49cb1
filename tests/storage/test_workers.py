"""Limited workers: a task gets what its limits say, has no way out, and its end is nobody else's (D9, A41, F37)."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import psutil
import pytest

from storage.workers import LimitedWorkers, Limits, TaskFailed, TaskOverran, WorkerLost, WorkersBusy
from storage.workers import pool as pool_module
from storage.workers.worker import Worker

NAMES = (
    "echo", "write", "surroundings", "attempts", "burn", "sleep", "eat", "crash", "fail", "chatter", "babble",
)  # fmt: skip
TASKS = {name: f"tests.storage.worker_tasks:{name}" for name in NAMES}
LIMITS = Limits(cpu_s=0.3, wall_s=2.0)
CONFINED = sys.platform == "linux" and platform.machine() in {"x86_64", "aarch64"}


@pytest.fixture
async def workers() -> AsyncIterator[LimitedWorkers]:
    pool = LimitedWorkers(TASKS, processes=1)
    try:
        yield pool
    finally:
        await pool.stop()


async def _pid(workers: LimitedWorkers) -> int:
    return int((await workers.run("echo", {}, LIMITS))["pid"])


async def test_a_warm_worker_answers_again_and_again(workers: LimitedWorkers) -> None:
    first = await workers.run("echo", {"a": [1, "ü"]}, LIMITS)
    assert first["payload"] == {"a": [1, "ü"]}
    assert await _pid(workers) == first["pid"] != os.getpid()


async def test_files_come_open_and_leave_closed(workers: LimitedWorkers) -> None:
    """More files than a worker may have open, one after the other: none stays open in it."""
    with tempfile.TemporaryFile() as one, tempfile.TemporaryFile() as two:
        one.write(b"first")
        two.write(b"second")
        for _ in range(40):
            for file in (one, two):
                file.seek(0)
            answer = await workers.run("echo", {}, LIMITS, [one.fileno(), two.fileno()])
            assert answer["files"] == ["first", "second"]


async def test_a_task_writes_no_more_than_it_may(workers: LimitedWorkers) -> None:
    with tempfile.TemporaryFile() as out:
        await workers.run("write", {"bytes": 5000}, Limits(output_bytes=5000), [out.fileno()])
        assert os.fstat(out.fileno()).st_size == 5000
        out.seek(0)
        with pytest.raises(TaskFailed):
            await workers.run("write", {"bytes": 6000}, Limits(output_bytes=5000), [out.fileno()])
        with pytest.raises(TaskFailed):
            await workers.run("write", {"bytes": 1}, LIMITS, [out.fileno()])
    assert await _pid(workers)


async def test_a_worker_is_told_nothing(workers: LimitedWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    """D9, A41: a fresh interpreter, not a fork: no setting, no secret, no descriptor of the service. Wrong version: the
    environment is inherited."""
    monkeypatch.setenv("BERKAS_S3_SECRET_KEY", "rahasia")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with tempfile.TemporaryFile() as secret:
        os.set_inheritable(secret.fileno(), True)
        found = await workers.run("surroundings", {}, LIMITS)
    assert set(found["environment"]) <= {"LC_ALL", "MALLOC_ARENA_MAX", "LC_CTYPE"}
    assert len(found["descriptors"]) == 5, "standard input, output, error, the link, and its own status"
    if os.geteuid() == 0:
        assert found["uid"] == 65_534


@pytest.mark.skipif(not CONFINED, reason="seccomp is Linux's, on the two processors whose numbers we know")
async def test_a_worker_has_no_way_out(workers: LimitedWorkers, tmp_path: Path) -> None:
    """A41: whoever takes over a parser reads no file, opens no socket, starts and ends no process. Wrong version:
    without the filter each of them is done (by root's nobody all but the file)."""
    secret = tmp_path / "root.key"
    secret.write_bytes(b"key")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o777)
    secret.chmod(0o666)
    tried = await workers.run("attempts", {"path": str(secret), "pid": os.getpid()}, LIMITS)
    assert tried == dict.fromkeys(
        ("read", "write", "delete", "socket", "program", "fork", "kill"), "PermissionError"
    )
    assert secret.read_bytes() == b"key"
    assert "seccomp" in await workers.warm()


@pytest.mark.parametrize(
    ("task", "what"), [("burn", "cpu"), ("sleep", "wall"), ("eat", "memory"), ("crash", "crash")]
)
async def test_a_task_that_takes_too_much_is_stopped(workers: LimitedWorkers, task: str, what: str) -> None:
    """A41, F37: told which limit it was; the next task finds a fresh worker."""
    before = await _pid(workers)
    began = time.monotonic()
    with pytest.raises(TaskOverran) as told:
        await workers.run(task, {"s": 60}, Limits(cpu_s=0.3, wall_s=1.0 if what == "wall" else 20.0))
    assert told.value.what == what
    assert time.monotonic() - began < 15
    assert await _pid(workers) != before
    assert not psutil.pid_exists(before)


async def test_memory_has_a_ceiling_that_no_task_lifts(workers: LimitedWorkers) -> None:
    """The kernel's limit, not a promise: a task that asks for more gets 512 MB."""
    with pytest.raises(TaskOverran) as told:
        await workers.run("eat", {}, Limits(memory_bytes=8 * 2**30))
    assert told.value.what == "memory"


@pytest.mark.parametrize(
    "says", [[], {}, {"result": None}, {"result": [1]}, {"result": {}, "peak_bytes": "x"}, {"peak_bytes": 1}]
)
async def test_a_worker_that_says_what_no_worker_says_is_ended(workers: LimitedWorkers, says: object) -> None:
    """D9. Wrong version: the service stumbles over the answer, and the worker goes on."""
    before = await _pid(workers)
    with pytest.raises(TaskOverran):
        await workers.run("babble", {"says": says}, LIMITS)
    assert await _pid(workers) != before
    assert not psutil.pid_exists(before)


async def test_what_a_parser_says_stays_in_the_worker(workers: LimitedWorkers) -> None:
    """G18: the class of an exception, never its text; the worker lives on."""
    before = await _pid(workers)
    with pytest.raises(TaskFailed) as told:
        await workers.run("fail", {}, LIMITS)
    assert (told.value.kind, str(told.value)) == ("ValueError", "ValueError")
    with pytest.raises(TaskFailed):
        await workers.run("chatter", {}, LIMITS)
    assert await _pid(workers) == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_worker_killed_from_outside(workers: LimitedWorkers, number: signal.Signals) -> None:
    """F37: not the input's fault, so the caller may try again; the next task works."""
    pid = await _pid(workers)
    running = asyncio.create_task(workers.run("sleep", {"s": 60}, LIMITS))
    await asyncio.sleep(0.2)
    os.kill(pid, number)
    with pytest.raises(WorkerLost):
        await running
    assert await _pid(workers) != pid


async def test_a_worker_that_died_idle_is_replaced_unseen(workers: LimitedWorkers) -> None:
    pid = await _pid(workers)
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    assert await _pid(workers) != pid


async def test_a_caller_that_goes_away_takes_its_task_along(workers: LimitedWorkers) -> None:
    """F36: the worker does not go on for nobody, and its answer is not given to the next."""
    pid = await _pid(workers)
    running = asyncio.create_task(workers.run("sleep", {"s": 60}, Limits(wall_s=60)))
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await workers.run("echo", {"n": 2}, LIMITS))["payload"] == {"n": 2}
    assert not psutil.pid_exists(pid)


async def test_a_queue_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A64: an own bounded pool; who waits too long is told to come again."""
    monkeypatch.setattr(pool_module, "WAIT_LIMIT_S", 0.2)
    workers = LimitedWorkers(TASKS, processes=1, waiting=1)
    await workers.warm()
    busy = asyncio.create_task(workers.run("sleep", {"s": 1}, LIMITS))
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(workers.run("echo", {}, LIMITS))
    await asyncio.sleep(0.05)
    with pytest.raises(WorkersBusy, match="too many wait"):
        await workers.run("echo", {}, LIMITS)
    with pytest.raises(WorkersBusy, match="none became free"):
        await waiting
    await busy
    await workers.stop()
    with pytest.raises(WorkersBusy):
        await workers.run("echo", {}, LIMITS)


async def test_a_worker_is_let_go_after_its_share(
    workers: LimitedWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of the files before ends with the process; its successor is warm before, so that nobody waits for a start."""
    monkeypatch.setattr(pool_module, "TASKS_EACH", 3)
    slow, starting = asyncio.Event(), Worker.start

    async def start(tasks: Mapping[str, str]) -> Worker:
        await slow.wait()
        return await starting(tasks)

    first = await _pid(workers)
    monkeypatch.setattr(Worker, "start", start)
    assert {await _pid(workers) for _ in range(9)} == {first}
    slow.set()
    async with asyncio.timeout(20):
        while await _pid(workers) == first:  # noqa: ASYNC110 - the successor's start
            await asyncio.sleep(0.02)
        while psutil.pid_exists(first):  # noqa: ASYNC110 - its end
            await asyncio.sleep(0.02)


async def test_the_services_own_memory_is_not_a_workers(workers: LimitedWorkers) -> None:
    """What a worker took is its own: else each is let go after one file of a service that has grown. Wrong version: ``ru_maxrss``, into
    which Linux counts the process that started it."""
    grown = b"x" * (pool_module.RETIRED_ABOVE_BYTES + 50_000_000)
    pid = await _pid(workers)
    assert await _pid(workers) == pid
    assert 0 < workers.peak_bytes < len(grown) // 2


async def test_nothing_is_left_when_the_pool_stops() -> None:
    workers = LimitedWorkers(TASKS, processes=2)
    await workers.warm()
    pids = {
        child.pid
        for child in psutil.Process().children()
        if "storage.workers.child" in " ".join(child.cmdline())
    }
    assert len(pids) >= 2
    await workers.stop()
    left = {pid for pid in pids if psutil.pid_exists(pid)}
    assert len(pids) - len(left) >= 2
