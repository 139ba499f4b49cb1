"""Formatter, linter and types, as ``make check`` runs them: what is not clean fails here and in CI too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules import house
from tests.rules.house import ROOT


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (("ruff", "format", "--check", "."), "make fmt"),
        (("ruff", "check", "."), "make fmt repairs some of it"),
        (("mypy",), "the types say what is wrong"),
    ],
    ids=["format", "lint", "types"],
)
def test_is_clean(command: tuple[str, ...], remedy: str) -> None:
    ran = run(*command)
    assert ran.returncode == 0, f"{' '.join(command)} ({remedy}):\n{ran.stdout[-3000:]}{ran.stderr[-1000:]}"


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (("ruff", "format", "--check"), "x = {'a':1}\n"),
        (("ruff", "check"), "import os\n"),
        (("mypy", "--config-file", str(ROOT / "pyproject.toml")), "def f(x):\n    return x\n"),
    ],
    ids=["format", "lint", "types"],
)
def test_the_tool_finds(command: tuple[str, ...], wrong: str, tmp_path: Path) -> None:
    """Under the settings of this checkout."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "wrong.py").write_text(wrong)
    assert run(*command, "wrong.py", cwd=tmp_path).returncode == 1


def test_the_rules_read_the_same_files_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    with_git = house.tracked()
    if house._listed() is None:
        pytest.skip("no git here: the walk is all there is")
    monkeypatch.setattr(house, "_listed", lambda: None)
    assert house.tracked() == with_git


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_checkout_of_another_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: git calls its ownership dubious, and every rule that reads the files ended in an error."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "one.txt").touch()
    for path in (tmp_path, tmp_path / ".git"):
        os.chown(path, 12345, 12345)
    monkeypatch.setattr(house, "ROOT", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # no setting of this account's helps
    assert house._listed() == ["one.txt"]
