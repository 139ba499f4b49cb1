"""./berkas itself: finds its place and a Python, makes its environment once, survives what interrupts it.

The quick tests give it an empty lock file, so that making the environment takes only the venv. `make
launcher-check` adds real first runs (BERKAS_SLOW_LAUNCHER=1).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
ECHO = """
import json, os, sys
print(json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "path": sys.path[:2], "prefix": sys.prefix}))
"""
slow = pytest.mark.skipif("BERKAS_SLOW_LAUNCHER" not in os.environ, reason="make launcher-check runs it")


def clone(folder: Path, *, real_locks: bool = False) -> Path:
    """A checkout whose command line only reports how it was called."""
    (folder / "exchange" / "cli").mkdir(parents=True)
    (folder / "exchange" / "__init__.py").touch()
    (folder / "exchange" / "cli" / "__init__.py").touch()
    (folder / "exchange" / "cli" / "__main__.py").write_text(ECHO)
    shutil.copy(SOURCE / "berkas", folder / "berkas")
    for name in ("requirements.lock", "requirements-dev.lock"):
        if real_locks:
            shutil.copy(SOURCE / name, folder / name)
        else:
            (folder / name).write_text("# nothing\n")
    return folder


def ready(checkout: Path) -> Path:
    """Gives the checkout an environment that looks finished, without making one."""
    environment = checkout / ".env-berkas"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    shutil.copy(checkout / "requirements.lock", environment / "made-from.lock")
    return checkout


def call(
    command: list[str | Path], *, cwd: Path | None = None, timeout: float = 100, **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
    return subprocess.run(
        command, cwd=cwd, env={**kept, "BERKAS_PYTHON": sys.executable, **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_is_posix_shell(shell: str) -> None:
    program = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
    assert subprocess.run([*program, SOURCE / "berkas"], check=False).returncode == 0
    assert os.access(SOURCE / "berkas", os.X_OK)


def test_names_no_host_and_no_machine_path() -> None:
    for name in ("berkas", "Makefile", ".ci/run", "requirements.lock", "requirements-dev.lock"):
        text = (SOURCE / name).read_text()
        for word in (
            "http:",
            "https:",
            " --index-url",
            " --find-links",
            "/" + "work/",
            "/" + "root/",
            "/" + "tmp/",
        ):
            assert word not in text, (name, word)


def test_lock_files_hold_versions_hashes_and_markers_only() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (SOURCE / name).read_text().splitlines()
        assert lines
        packages = [line for line in lines if not line.startswith("    ")]
        assert all("==" in line and line.endswith("\\") for line in packages)
        assert all(line.strip().startswith("--hash=sha256:") for line in lines if line.startswith("    "))
    runtime = {
        line.split()[0] for line in (SOURCE / "requirements.lock").read_text().splitlines() if "==" in line
    }
    dev = {
        line.split()[0]
        for line in (SOURCE / "requirements-dev.lock").read_text().splitlines()
        if "==" in line
    }
    assert runtime <= dev, "requirements-dev.lock was not made with requirements.lock: run `make lock`"


def test_runs_from_anywhere_and_through_links_with_the_callers_folder(tmp_path: Path) -> None:
    checkout = ready(clone(tmp_path / "a checkout with spaces"))
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "exchange").mkdir(parents=True)  # a trap: a folder of that name where the caller stands
    (elsewhere / "exchange" / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    (tmp_path / "link").symlink_to(checkout / "berkas")
    (elsewhere / "again").symlink_to("../link")
    ways: list[tuple[list[str | Path], Path]] = [
        ([checkout / "berkas"], elsewhere),
        (["./berkas"], checkout),
        (["sh", "berkas"], checkout),
        (["./again"], elsewhere),
        (["../link"], elsewhere),
    ]
    for command, cwd in ways:
        done = call([*command, "log", "verify", "--name=a b", "*"], cwd=cwd)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stderr == ""
        facts = json.loads(done.stdout)
        assert facts["argv"] == ["log", "verify", "--name=a b", "*"]
        assert facts["cwd"] == str(cwd.resolve())
        assert facts["path"][0] == str(checkout.resolve())
        assert facts["prefix"] == str((checkout / ".env-berkas").resolve())
    on_path = call(["link", "up"], cwd=elsewhere, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert json.loads(on_path.stdout)["argv"] == ["up"]


def test_old_or_missing_python_gets_a_sentence(tmp_path: Path) -> None:
    checkout = clone(tmp_path / "checkout")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "cmp", "readlink"):
        (tools / name).symlink_to(shutil.which(name) or name)
    none = call([checkout / "berkas", "up"], PATH=str(tools), BERKAS_PYTHON="")
    assert none.returncode == 1
    assert none.stderr == (
        "berkas: needs Python 3.11 or newer; no python3 was found; install one, or name it in BERKAS_PYTHON.\n"
    )
    old = tools / "python3"
    old.write_text('#!/bin/sh\ncase "$2" in *exit*) exit 1 ;; *) echo 3.9 ;; esac\n')
    old.chmod(0o755)
    refused = call([checkout / "berkas", "up"], PATH=str(tools), BERKAS_PYTHON="")
    assert refused.returncode == 1
    assert "needs Python 3.11 or newer; python3 is 3.9;" in refused.stderr
    assert not (checkout / ".env-berkas").exists()


def without_venv(folder: Path) -> Path:
    """A Python as Debian ships it: no ensurepip."""
    python = folder / "python-without-venv"
    python.write_text(
        f'#!/bin/sh\ncase "${{2:-}}" in *ensurepip*) exit 1 ;; *realpath*) echo "$0" ;; '
        f'*) exec "{sys.executable}" "$@" ;; esac\n'
    )
    python.chmod(0o755)
    return python


def test_missing_venv_module_gets_the_exact_command(tmp_path: Path) -> None:
    checkout = clone(tmp_path / "checkout")
    python = without_venv(tmp_path)
    done = call([checkout / "berkas", "up"], BERKAS_PYTHON=str(python), BERKAS_NO_APT="1")
    assert done.returncode == 1
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if Path("/etc/debian_version").exists():
        assert f"Run:  sudo apt-get install {package}\n" in done.stderr
    assert not (checkout / ".env-berkas").exists()


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/etc/debian_version").exists(), reason="only root on Debian installs"
)
def test_root_on_debian_installs_that_one_package(tmp_path: Path) -> None:
    checkout = clone(tmp_path / "checkout")
    python = without_venv(tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "apt-get").write_text(f'#!/bin/sh\necho "$*" >> "{tmp_path}/apt"\n')
    (tools / "apt-get").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    done = call([checkout / "berkas", "up"], BERKAS_PYTHON=str(python), PATH=path)
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    assert f"installing the Debian package {package}" in done.stderr
    calls = (tmp_path / "apt").read_text().splitlines()
    assert calls[0].endswith(" update")
    assert calls[1].endswith(f" install --no-install-recommends {package}")
    assert done.returncode == 1  # the stand-in installed nothing


def with_tools(folder: Path, *names: str) -> Path:
    """A PATH of these programs and what the launcher itself needs."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "cmp", "readlink", "id", "grep", *names):
        (tools / name).symlink_to(shutil.which(name) or "/bin/true")
    return tools


def ready_for_tests(folder: Path) -> Path:
    """A checkout whose pytest only reports how it was called, and with which MinIO."""
    checkout = ready(clone(folder))
    shutil.copy(checkout / "requirements-dev.lock", checkout / ".env-berkas" / "made-from-dev.lock")
    (checkout / "pytest.py").write_text(ECHO + "print(os.environ.get('BERKAS_TEST_MINIO'))\n")
    return checkout


def test_what_the_tests_lack_is_said(tmp_path: Path) -> None:
    checkout = ready_for_tests(tmp_path / "checkout")
    tools = with_tools(tmp_path, "curl", "git")
    done = call(
        [checkout / "berkas", "test", "-q"],
        PATH=str(tools), BERKAS_NO_APT="1", HOME=str(tmp_path), BERKAS_TEST_NGINX="/nowhere",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["argv"] == ["-q"]
    said = done.stderr.splitlines()
    assert [line.split()[2] for line in said] == ["chromium", "openssl", "nginx", "wrk", "softhsm2"]
    assert "left out: the README's commands (Debian: sudo apt-get install openssl)" in said[1]
    version = call([checkout / "berkas", "test", "--version"], PATH=str(tools), BERKAS_NO_APT="1")
    assert version.stderr == ""


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/etc/debian_version").exists(), reason="only root on Debian installs"
)
def test_root_on_debian_installs_what_the_tests_lack(tmp_path: Path) -> None:
    """One by one: a package that cannot be had does not keep the others away."""
    checkout = ready_for_tests(tmp_path / "checkout")
    tools = with_tools(tmp_path, "chromium", "git")
    (tools / "apt-get").write_text(
        f'#!/bin/sh\necho "$*" >> "{tmp_path}/apt"\ncase "$*" in *curl) exit 100 ;; *install*) '
        f"for name; do :; done; case $name in softhsm2) name=softhsm2-util ;; esac; "
        f'echo > "{tools}/$name"; /bin/chmod +x "{tools}/$name" ;; esac\n'
    )
    (tools / "apt-get").chmod(0o755)
    done = call(
        [checkout / "berkas", "test"], PATH=str(tools), HOME=str(tmp_path), BERKAS_TEST_NGINX="/nowhere"
    )
    assert done.returncode == 0, done.stderr
    calls = [line.split()[-1] for line in (tmp_path / "apt").read_text().splitlines()]
    assert calls == ["update", "curl", "openssl", "nginx", "wrk", "softhsm2"]
    assert [line for line in done.stderr.splitlines() if "left out" in line] == [
        "berkas: no curl here; left out: the README's commands (Debian: sudo apt-get install curl)"
    ]


@pytest.mark.parametrize(("named", "on_path", "built"), [(1, 1, 1), (0, 1, 1), (0, 0, 1), (0, 0, 0)])
def test_which_minio_the_tests_get(tmp_path: Path, named: int, on_path: int, built: int) -> None:
    """Seen failing: one on the PATH was not looked for."""
    checkout = ready_for_tests(tmp_path / "checkout")
    tools = with_tools(tmp_path, *(["minio"] if on_path else []))
    cached = tmp_path / "cache" / "bin" / "minio"
    if built:
        cached.parent.mkdir(parents=True)
        cached.symlink_to("/bin/true")
    done = call(
        [checkout / "berkas", "test", "-V"], PATH=str(tools), BERKAS_CACHE_DIR=str(tmp_path / "cache"),
        BERKAS_TEST_MINIO="/named" if named else "",
    )  # fmt: skip
    wanted = "/named" if named else str(tools / "minio") if on_path else str(cached) if built else ""
    assert done.stdout.splitlines()[1] == wanted


def test_ci_takes_the_minio_on_the_path_before_it_builds_one(tmp_path: Path) -> None:
    """Seen failing: with Go on the machine it built one for minutes although there was one."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(SOURCE / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "berkas").write_text('#!/bin/sh\necho "$1 with ${BERKAS_TEST_MINIO:-none}"\n')
    (tmp_path / "berkas").chmod(0o755)
    tools = with_tools(tmp_path, "minio", "bash", "env")
    (tools / "go").write_text("#!/bin/sh\nexit 1\n")
    (tools / "go").chmod(0o755)
    cache = str(tmp_path / "cache")
    done = call([tmp_path / ".ci" / "run"], PATH=str(tools), BERKAS_CACHE_DIR=cache)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"test with {tools}/minio"
    assert "building" not in done.stdout
    assert "SeaweedFS and MinIO" in done.stdout


def test_two_first_runs_take_turns_and_the_next_is_silent(tmp_path: Path) -> None:
    checkout = clone(tmp_path / "checkout")
    kept = {**os.environ, "BERKAS_PYTHON": sys.executable}
    both = [
        subprocess.Popen([checkout / "berkas", name], env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]  # fmt: skip
    answers = [one.communicate(timeout=100) for one in both]
    assert [one.returncode for one in both] == [0, 0], answers
    assert [json.loads(out)["argv"] for out, _ in answers] == [["one"], ["two"]]
    notes = "".join(err for _, err in answers)
    assert notes.count("making the Python environment") == 1
    began = time.monotonic()
    third = call([checkout / "berkas", "three"])
    assert (third.returncode, third.stderr) == (0, "")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("left", ["no stamp", "old lock", "no python", "old test lock"])
def test_what_an_interrupted_or_older_run_left_is_made_anew(tmp_path: Path, left: str) -> None:
    checkout = ready(clone(tmp_path / "checkout"))
    environment = checkout / ".env-berkas"
    (environment / "left-behind").touch()
    if left == "no stamp":
        (environment / "made-from.lock").unlink()
    elif left == "old lock":
        (environment / "made-from.lock").write_text("older==1\n")
    elif left == "no python":
        (environment / "bin" / "python").unlink()
        (environment / "bin" / "python").symlink_to("/nonexistent/python3")
    else:
        (environment / "made-from-dev.lock").write_text("older==1\n")
    done = call([checkout / "berkas", "up"])
    assert done.returncode == 0, done.stderr
    assert ("making the Python environment" in done.stderr) == (left != "old test lock")
    assert (environment / "left-behind").exists() == (left == "old test lock")


def test_a_folder_that_holds_something_else_is_not_wiped(tmp_path: Path) -> None:
    checkout = clone(tmp_path / "checkout")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "letter.txt").write_text("dear\n")
    done = call([checkout / "berkas", "up"], BERKAS_ENV_DIR=str(precious))
    assert done.returncode == 1
    assert "holds something else" in done.stderr
    assert (precious / "letter.txt").read_text() == "dear\n"


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    checkout = clone(tmp_path / "checkout")
    (checkout / "requirements.lock").write_text(f"berkas-no-such-package==1 --hash=sha256:{'0' * 64}\n")
    done = call([checkout / "berkas", "up"], PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "berkas-no-such-package" in done.stderr
    assert "installing packages failed; the command was: " in done.stderr
    assert not (checkout / ".env-berkas" / "made-from.lock").exists()


@slow
def test_a_real_first_run_even_after_a_killed_one(tmp_path: Path) -> None:
    checkout = clone(tmp_path / "checkout", real_locks=True)
    kept = {**os.environ, "BERKAS_PYTHON": sys.executable}
    killed = subprocess.Popen([checkout / "berkas", "up"], env=kept, start_new_session=True)
    time.sleep(6)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    began = time.monotonic()
    both = [subprocess.Popen([checkout / "berkas", "up"], env=kept) for _ in range(2)]
    assert [one.wait(200) for one in both] == [0, 0]
    assert time.monotonic() - began < 60
    tests = call([checkout / "berkas", "test", "--version"], timeout=200)
    assert tests.returncode == 0, tests.stderr
    assert "pytest" in tests.stdout + tests.stderr
    python = checkout / ".env-berkas" / "bin" / "python"
    subprocess.run([python, "-c", "import fastapi, asyncpg, minio, pytest, hypothesis"], check=True)
