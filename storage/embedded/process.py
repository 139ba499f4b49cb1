"""Child processes of the embedded servers: start as the right user, find orphans, stop.

A server must not outlive Berkas, and a pid in a file proves nothing: a process counts as ours only when its
command line names our program and our data directory.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from storage.embedded.place import Cancel, ServerUser, closed_folder, search_capability

_jobs: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]] = (
    queue.SimpleQueue()
)
NICE = 10
_spawner_lock = threading.Lock()
_spawners: dict[int, threading.Thread] = {}  # by process id, because threads do not survive a fork


def _run_jobs() -> None:
    while True:
        job, future = _jobs.get()
        try:
            future.set_result(job())
        except BaseException as error:  # noqa: BLE001 - handed to the caller through the future
            future.set_exception(error)


def _in_spawner(job: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Runs `job` on one thread that lives as long as this process.

    Linux sends the parent-death signal when the *thread* that forked ends (prctl(2)), so a server started on
    a short-lived worker thread would be stopped in the middle of its work.
    """
    with _spawner_lock:
        if os.getpid() not in _spawners:
            thread = threading.Thread(target=_run_jobs, name="berkas-spawner", daemon=True)
            _spawners[os.getpid()] = thread
            thread.start()
    future: Future[subprocess.Popen[bytes]] = Future()
    _jobs.put((job, future))
    return future.result()


def command_as(
    user: ServerUser | None,
    command: Sequence[str | Path],
    *,
    paths: Sequence[Path],
    death_signal: str | None = None,
) -> tuple[list[str], dict[str, object]]:
    """The argument list and the `Popen` keywords that run `command` as `user`.

    `user` None means: as we are. `paths` are what the server must reach: where a parent folder is closed to
    its user, it gets the one capability to pass through (DAC_READ_SEARCH) and nothing else.
    `death_signal` (a name such as INT) is what the child gets when we die.
    """
    plain = [str(part) for part in command]
    setpriv = shutil.which("setpriv")
    if setpriv is None:  # not Linux: no parent-death signal; the next start finds the orphan
        if user is None:
            return plain, {}
        return plain, {"user": user.uid, "group": user.gid, "extra_groups": []}
    options: list[str] = []
    if user is not None:
        options += [f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups", "--no-new-privs"]
        closed = next(filter(None, (closed_folder(path, user) for path in paths)), None)
        if closed is not None:
            capability = search_capability(closed, user)
            # Without the securebit access(2), which MinIO asks, does not count capabilities.
            options += [f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}"]
            options += ["--securebits=+no_setuid_fixup"]
    if death_signal is not None:
        options.append(f"--pdeathsig={death_signal}")
    return ([setpriv, *options, "--", *plain] if options else plain), {}


def start(
    user: ServerUser | None,
    command: Sequence[str | Path],
    *,
    cwd: Path,
    log: Path,
    environment: dict[str, str],
    paths: Sequence[Path],
    death_signal: str,
) -> subprocess.Popen[bytes]:
    """Starts a server in its own session, so that Ctrl-C in the terminal reaches only Berkas.

    Its output goes to the end of `log` (made 0600). Raises `OSError` when it cannot be executed.
    """
    arguments, keywords = command_as(user, command, paths=paths, death_signal=death_signal)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def popen() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            arguments,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            **keywords,
        )

    try:
        return _in_spawner(popen)
    finally:
        os.close(descriptor)


def give_way(child: subprocess.Popen[bytes]) -> None:
    """Lets everything else of this machine go first when the processors are busy.

    Linux shares them out between sessions before it looks at a nice value (sched(7), autogroup), so both are set. Where that
    is refused the server runs as it is.
    """
    with contextlib.suppress(OSError):
        while first := [
            thread for thread in _threads(child) if os.getpriority(os.PRIO_PROCESS, thread) < NICE
        ]:
            for thread in first:  # a value holds for one thread, and for those that it starts from then on
                os.setpriority(os.PRIO_PROCESS, thread, NICE)
    with contextlib.suppress(OSError):
        Path(f"/proc/{child.pid}/autogroup").write_text(str(NICE), encoding="ascii")


def _threads(child: subprocess.Popen[bytes]) -> list[int]:
    """Its threads by their ids on Linux; elsewhere the process, which stands for all of them."""
    tasks = Path(f"/proc/{child.pid}/task")
    return [int(entry.name) for entry in tasks.iterdir()] if tasks.exists() else [child.pid]


def run(
    user: ServerUser | None,
    command: Sequence[str | Path],
    *,
    cwd: Path,
    environment: dict[str, str],
    paths: Sequence[Path],
    stdin: bytes = b"",
    timeout_seconds: float = 60,
    cancel: Cancel | None = None,
) -> tuple[int, str]:
    """Runs a short tool (initdb) to its end; returns its exit code and everything it printed.

    Raises `subprocess.TimeoutExpired` after `timeout_seconds`, `EmbeddedServiceError` when cancelled; the tool is ended.
    """
    arguments, keywords = command_as(user, command, paths=paths, death_signal="KILL")
    keywords |= {"cwd": cwd, "env": environment, "start_new_session": True}

    def popen() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            arguments, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, **keywords
        )

    child = _in_spawner(popen)

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # what it started holds its output open too

    try:
        with cancel.ends(end) if cancel else contextlib.nullcontext():
            output, _ = child.communicate(stdin, timeout=timeout_seconds)
    except BaseException:
        end()
        child.wait()
        raise
    return child.returncode, output.decode(errors="replace")


def stop(child: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Sends each signal in turn and waits its seconds, until the child has ended; SIGKILL is the last step."""
    for name, seconds in (*steps, (signal.SIGKILL, 1.0)):
        if child.poll() is not None:
            return
        child.send_signal(name)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def _command_lines() -> list[tuple[int, list[str]]]:
    """Every visible process with its arguments; /proc is readable even where root may not trace (containers)."""
    if not Path("/proc/self/cmdline").exists():
        listing = subprocess.run(
            ["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False
        )
        rows = (line.split(None, 1) for line in listing.stdout.splitlines())
        return [(int(row[0]), row[1].split(" ")) for row in rows if len(row) == 2]  # noqa: PLR2004
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            raw = Path(entry.path, "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        found.append((int(entry.name), raw.decode(errors="replace").rstrip("\0").split("\0")))
    return found


def servers_on(program: str, data_argument: str) -> list[int]:
    """Process ids of every `program` whose command line holds `data_argument` as one whole argument."""
    return [
        pid
        for pid, arguments in _command_lines()
        if Path(arguments[0]).name == program and data_argument in arguments[1:] and pid != os.getpid()
    ]


def stop_orphans(program: str, data_argument: str, steps: Sequence[tuple[signal.Signals, float]]) -> int:
    """Stops servers that an earlier Berkas left behind on our data; returns how many there were.

    Only call it while holding the lock of the data directory: then no living Berkas owns them.
    """
    first = servers_on(program, data_argument)
    for name, seconds in (*steps, (signal.SIGKILL, 5.0)):
        left = servers_on(program, data_argument)
        if not left:
            break
        for pid in left:
            try:
                os.kill(pid, name)
            except ProcessLookupError:
                continue
        end = time.monotonic() + seconds
        while time.monotonic() < end and servers_on(program, data_argument):
            time.sleep(0.05)
    return len(first)
