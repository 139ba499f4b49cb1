"""Kill -9 at any point, and a witness still never cosigns two histories (attack on the audit log: a witness that forgets)."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from storage.ledger.add_checkpoint import OK, Answer
from storage.ledger.cosignature import parted
from storage.witness.desk import Desk
from storage.witness.judging import judge, read
from storage.witness.memory import Memory
from tests.storage.witnessed import HONEST, LOG, ORIGIN, Tree, desk, made
from tests.witness_process import witnesses

FORK = Tree(fork=9)
LINES = 200  # more than one request runs through


class SignsFirst(Desk):
    """The wrong version: the cosignature has left when the state is written."""

    def signs(self, body: bytes, out: Callable[[bytes], Any]) -> None:
        found = read(body)
        assert not isinstance(found, Answer)
        said = judge(*found, self.logs(), self.memory.last(ORIGIN))
        if not isinstance(said, Answer):
            out(self.signer.line(parted(found[0].note)[0], 1).encode())
            self.memory.remember(ORIGIN, said.head)


class Honest(Desk):
    def signs(self, body: bytes, out: Callable[[bytes], Any]) -> None:
        answer = self.answer(body)
        if answer.status == OK:
            out(answer.body)


def _killed_at(line: int, folder: Path, kind: type[Honest | SignsFirst]) -> tuple[bytes, bool]:
    """What left a process that was killed when it reached the ``line``-th line of ours in the request, and whether it came so far."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def trace(frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal count
            if "/storage/witness/" not in frame.f_code.co_filename and frame.f_code.co_name != "signs":
                return None
            if event == "line":
                count += 1
                if count == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        memory = Memory(folder)
        made_of = desk(folder, memory)
        one = kind(made_of.signer, made_of.logs, memory, made_of.seconds)
        sys.settrace(trace)
        one.signs(HONEST.request(8, 12), lambda left: os.write(theirs, left))
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        left = pipe.read()
    return left, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _histories(folder: Path, line: int, kind: type[Honest | SignsFirst]) -> tuple[int, bool]:
    """How many of two histories were cosigned around one kill, and whether there was one."""
    made(folder)
    with Memory(folder) as memory:
        assert desk(folder, memory).answer(HONEST.request(0, 8)).status == 200
    left, killed = _killed_at(line, folder, kind)
    with Memory(folder) as memory:
        forked = desk(folder, memory).answer(FORK.request(8, 12)).status == 200
        # Whatever happened, the history that was signed goes on.
        one, old = (FORK, 12) if forked else (HONEST, memory.last(ORIGIN).size)
        assert desk(folder, memory).answer(one.request(old, 13)).status == 200
    return bool(left) + forked, killed


def _found(folder: Path, kind: type[Honest | SignsFirst]) -> list[int]:
    found = []
    for line in range(1, LINES):
        signed, killed = _histories(folder / str(line), line, kind)
        found.append(signed)
        if not killed:
            break
    assert not killed, "a request has more lines than are tried"
    assert len(found) > 30, "the kill did not reach the writing"
    return found


def test_killed_at_every_line(tmp_path: Path) -> None:
    """After each kill the fork is submitted: never both, and at last the honest one alone."""
    found = _found(tmp_path, Honest)
    assert max(found) == 1
    assert found[-1] == 1


def test_the_kills_find_a_witness_that_signs_first(tmp_path: Path) -> None:
    """The wrong version is seen failing: between its answer and its state both histories are cosigned."""
    assert max(_found(tmp_path, SignsFirst)) == 2


def _submitted(port: int, body: bytes) -> bool:
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("POST", "/add-checkpoint", body)
        return connection.getresponse().status == 200
    return False


@pytest.mark.parametrize("kills", [1])
def test_a_real_one_killed_under_two_histories(tmp_path: Path, kills: int) -> None:
    """Two callers push an honest log and its fork from every size, while the process is killed and started again."""
    signed: dict[str, set[int]] = {"honest": set(), "fork": set()}
    over = threading.Event()

    def push(name: str, tree: Tree, port: int) -> None:
        steps = [(old + 1, tree.request(old, old + 1)) for old in range(9, 20)]
        while not over.wait(0.02):  # while the witness is down, nobody spins
            signed[name] |= {size for size, body in steps if _submitted(port, body)}

    with witnesses(tmp_path, "saksi.test") as (one,):
        one.knows(LOG.vkey())
        assert _submitted(one.port, HONEST.request(0, 9))
        callers = [
            threading.Thread(target=push, args=(name, tree, one.port))
            for name, tree in (("honest", HONEST), ("fork", FORK))
        ]
        for caller in callers:
            caller.start()
        for _ in range(kills):
            one.kill()
            one.start()
        over.set()
        for caller in callers:
            caller.join()
    assert sum(map(bool, signed.values())) == 1, signed
