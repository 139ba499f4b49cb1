"""Ctrl-C, SIGTERM and kill -9 at any moment of a start: the next start goes on, nothing stays behind."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from exchange.cli import setup
from exchange.settings import SettingsRefused
from storage.embedded.place import FolderLock
from tests.cli.conftest import Sandbox, free_listen

STOPPED_WITHIN_S = 10


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path / "data", free_listen())
    yield sandbox
    if sandbox.process is not None and sandbox.process.poll() is None:
        sandbox.stop()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A whole world that does not run."""
    sandbox = Sandbox(tmp_path_factory.mktemp("made") / "data", free_listen())
    sandbox.start()
    sandbox.stop()
    yield sandbox
    if sandbox.process is not None and sandbox.process.poll() is None:
        sandbox.stop()  # a test that failed left it running


def citizens_in(draft: Path) -> int:
    return len(json.loads(draft.read_text())["citizens"]) if draft.exists() else 0


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def left_over(sandbox: Sandbox) -> list[int]:
    """Servers on the sandbox's folders."""
    place = str(sandbox.data_dir)
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(place in word for word in process.info["cmdline"] or ())
    ]


def test_a_first_start_interrupted_again_and_again(fresh: Sandbox) -> None:
    """Found in a review: after Ctrl-C among the citizens every further start ended in a trace (agency_exists), and
    ``sandbox reset`` saw no sandbox.
    """
    draft = fresh.data_dir / "seeding.json"
    moments: list[tuple[Callable[[], object], int]] = [
        ((fresh.data_dir / "postgres" / "data.new").exists, signal.SIGINT),  # initdb is at work
        (draft.exists, signal.SIGTERM),  # agencies and officers
        (lambda: citizens_in(draft) >= 2, signal.SIGINT),
        (lambda: citizens_in(draft) >= 4, signal.SIGKILL),
    ]
    for moment, how in moments:
        process = fresh.begin()
        until(moment)
        took_s = fresh.stop(how)
        assert took_s < STOPPED_WITHIN_S
        if how != signal.SIGKILL:
            assert left_over(fresh) == []
            assert process.returncode == 130
    assert draft.stat().st_mode & 0o077 == 0
    assert "no sandbox here yet" in fresh.run("sandbox", "facts").stderr
    fresh.start()
    assert "Traceback" not in fresh.log.read_text()
    assert not draft.exists()
    facts = fresh.facts()
    assert [len(facts[name]) for name in ("officers", "citizens")] == [12, 20]
    assert len({citizen["nik"] for citizen in facts["citizens"]}) == 20
    assert json.loads(fresh.run("log", "verify", "--json").stdout)["problems"] == []
    assert fresh.run("demo").returncode == 0  # the passwords of the facts are those of the database


_LOSES_IT = """
import signal, time, weakref
from exchange.cli.stopping import sigterm_is_ctrl_c
class Collected: pass
with sigterm_is_ctrl_c():
    it = Collected()
    watched = weakref.ref(it, lambda _: signal.raise_signal(signal.SIGINT))
    try:
        del it
        for _ in range(300):
            time.sleep(0.01)
        print("went on")
    except KeyboardInterrupt:
        print("stopped")
"""


def test_an_interrupt_in_a_callback_of_the_collector_is_not_lost() -> None:
    """Seen: a start of `up` that went on after Ctrl-C. Wrong version: nobody hears of a KeyboardInterrupt that is raised in
    a weak reference's callback."""
    ran = subprocess.run(
        [sys.executable, "-c", _LOSES_IT], capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout.strip() == "stopped"


def test_half_a_sandbox_can_be_reset(fresh: Sandbox) -> None:
    fresh.begin()
    until((fresh.data_dir / "postgres" / "data").exists)
    running = fresh.run("sandbox", "reset", "--yes")
    assert (running.returncode, "stop it first" in running.stderr) == (1, True)
    fresh.stop()
    assert fresh.run("sandbox", "reset", "--yes").returncode == 0
    assert not fresh.data_dir.exists()


def test_reset_removes_what_up_made_and_nothing_else(made: Sandbox, tmp_path: Path) -> None:
    """Seen failing: the whole folder went, whatever else lay in it."""
    copy = Sandbox(tmp_path / "data", made.listen)
    shutil.copytree(made.data_dir, copy.data_dir)
    for foreign in ("letter.txt", "keys/ssh.key", "photos/one.jpg"):
        (copy.data_dir / foreign).parent.mkdir(exist_ok=True)
        (copy.data_dir / foreign).write_text("dear")
    told = copy.run("sandbox", "reset", "--yes")
    assert told.returncode == 0, told.stderr
    assert "keys, letter.txt, photos was not made by" in told.stdout
    left = sorted(str(path.relative_to(copy.data_dir)) for path in copy.data_dir.rglob("*"))
    assert left == ["keys", "keys/ssh.key", "letter.txt", "photos", "photos/one.jpg"]


def test_reset_of_a_folder_that_is_no_sandbox(tmp_path: Path) -> None:
    """Names alone do not make one."""
    home = Sandbox(tmp_path / "data", free_listen())
    for foreign in ("keys/root.key", "store/data/goods.txt", "postgres/data/notes.txt"):
        (home.data_dir / foreign).parent.mkdir(parents=True)
        (home.data_dir / foreign).write_text("dear")
    told = home.run("sandbox", "reset", "--yes")
    assert (told.returncode, "no sandbox here" in told.stderr) == (1, True)
    assert len([path for path in home.data_dir.rglob("*") if path.is_file()]) == 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_every_way_of_asking_stops_the_servers_first(made: Sandbox, how: int) -> None:
    """Seen failing: after SIGTERM `up` was gone at once, and its servers ran on for a while."""
    made.start()
    assert left_over(made)
    assert made.stop(how) < STOPPED_WITHIN_S
    assert left_over(made) == []
    assert made.process is not None
    assert made.process.returncode == 0
    assert made.log.read_text().endswith("Berkas stopped.\n")


def test_a_second_ctrl_c_does_not_leave_a_server(made: Sandbox) -> None:
    made.start()
    assert made.process is not None
    for _ in range(20):
        made.process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    made.process.wait(STOPPED_WITHIN_S)
    assert left_over(made) == []


@pytest.mark.parametrize("after_s", [0.3, 0.9, 1.5, 2.2])
def test_ctrl_c_while_it_starts(made: Sandbox, after_s: float) -> None:
    made.begin()
    time.sleep(after_s)
    assert made.stop() < STOPPED_WITHIN_S
    assert left_over(made) == []


def test_log_verify_right_after_a_demo_with_a_sandbox_of_its_own(made: Sandbox) -> None:
    """What the README shows; no pause between the two."""
    told = made.run("demo")
    assert told.returncode == 0, told.stdout + told.stderr
    assert left_over(made) == []
    verified = made.run("log", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_world_whose_passwords_are_lost(made: Sandbox) -> None:
    """Its officers are in the database, the facts are not: one sentence, and what to do."""
    facts, kept = made.data_dir / "facts.json", made.data_dir / "facts.kept"
    facts.rename(kept)
    try:
        assert made.begin().wait(60) == 1
    finally:
        kept.rename(facts)
        (made.data_dir / "seeding.json").unlink()
    last = made.log.read_text().splitlines()[-1]
    assert last.startswith("berkas: the database holds officers of another world")
    assert "sandbox reset" in last
    assert "where a backup was restored, copy facts.json of its old data directory" in last
    assert left_over(made) == []


def test_a_database_that_somebody_holds_and_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start or a stop under way is waited for, but not for ever."""
    monkeypatch.setattr(setup, "CHANGING_WITHIN_S", 0.3)
    folder = tmp_path / "postgres"
    folder.mkdir()
    listen = free_listen()
    (folder / "postgres.json").write_text(json.dumps({"port": int(listen.rpartition(":")[2])}))
    lock = FolderLock(folder)
    lock.take()
    with pytest.raises(SettingsRefused, match="does not answer"):
        setup._runs(tmp_path, f"postgresql://a:b@{listen}/c")
    lock.release()
    assert not setup._runs(tmp_path, f"postgresql://a:b@{listen}/c")


def test_the_whole_can_be_started_again(made: Sandbox) -> None:
    made.start()
    assert made.run("doctor").returncode == 0
    assert made.stop() < STOPPED_WITHIN_S
    assert "Traceback" not in made.log.read_text()
