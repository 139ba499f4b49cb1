"""``make stack`` at a terminal: Ctrl-C, or being killed, leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.deploy.nginx import nginx_here
from tests.rules.house import ROOT

READY_S = 120
ENDED_S = 10
ROLES = {"nginx", "postgres", "worker", "serve"}

pytestmark = pytest.mark.skipif(
    nginx_here() is None, reason="the stack was left out: no nginx here (apt-get install nginx)"
)


def _begun(folder: Path) -> subprocess.Popen[bytes]:
    """In a session of its own, as a terminal's foreground job is in a group of its own. Raises ``AssertionError`` when it is not ready in time."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
    log = folder / "said.log"
    with log.open("wb") as said:
        stack = subprocess.Popen(
            [sys.executable, "-m", "tests.deploy.stack", folder / "stack"],
            cwd=ROOT,
            env={**environment, "BERKAS_DATA_DIR": str(folder / "data")},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    until_s = time.monotonic() + READY_S
    while "Ctrl-C stops everything" not in log.read_text():
        if stack.poll() is not None or time.monotonic() > until_s:
            stack.kill()
            raise AssertionError(log.read_text()[-2000:])
        time.sleep(0.1)
    return stack


def _gone(processes: list[psutil.Process]) -> list[str]:
    """The names of those that are still there after ``ENDED_S``."""
    _, alive = psutil.wait_procs(processes, timeout=ENDED_S)
    return [process.name() for process in alive]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kept between the cases: the second start goes on with what the first one left."""
    return tmp_path_factory.mktemp("stops")


@pytest.mark.parametrize(("number", "whole_group"), [(signal.SIGINT, True), (signal.SIGKILL, False)])
def test_nothing_stays(number: signal.Signals, whole_group: bool, folder: Path) -> None:
    """Ctrl-C goes to every process of the terminal's group at once, each of which may then end in any order; SIGKILL goes to the first alone."""
    stack = _begun(folder)
    processes = psutil.Process(stack.pid).children(recursive=True)
    words = {word for process in processes for word in (process.name(), *process.cmdline())}
    assert words >= ROLES
    began_s = time.monotonic()
    if whole_group:
        os.killpg(stack.pid, number)
    else:
        stack.send_signal(number)
    code = stack.wait(ENDED_S)
    assert _gone(processes) == []
    assert time.monotonic() - began_s < ENDED_S
    assert code == (0 if whole_group else -number)
    if whole_group:
        assert "The stack has stopped" in (folder / "said.log").read_text()
