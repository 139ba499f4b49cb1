"""``berkas witness`` as an inspectorate types it: three commands, and what each refuses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from storage.ledger.cosignature import CosignatureVerifier
from tests.commands import berkas
from tests.rules.house import ROOT
from tests.storage.witnessed import LOG, ORIGIN
from tests.witness_process import WitnessAt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "saksi"


def runs(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
    return berkas("witness", *words, "--folder", str(folder), env=kept | {"PYTHONPATH": str(ROOT)}, cwd=ROOT)


def test_made_told_and_shown(folder: Path) -> None:
    """No setting, no database, no store: what is printed is the verifier key, and nothing on standard output beside it."""
    made = runs("init", "saksi.inspektorat.test", folder=folder)
    assert made.returncode == 0, made.stderr
    assert CosignatureVerifier(made.stdout.strip()).name == "saksi.inspektorat.test"
    assert (folder / "key").read_text().split("+")[-1].strip() not in made.stdout + made.stderr
    assert runs("know", LOG.vkey(), folder=folder).stdout == f"knows {ORIGIN}\n"
    assert runs("show", folder=folder).stdout == f"{made.stdout}{ORIGIN} 0\n"


def test_what_it_refuses(folder: Path) -> None:
    """Each in one sentence and with exit code 1; a second `init` changes nothing."""
    for words, said in (
        (("serve",), "no key at"),
        (("show",), "no key at"),
        (("init", "dua kata"), "no spaces"),
        (("know", "x"), "not a log's verifier key"),
    ):
        refused = runs(*words, folder=folder)
        assert (refused.returncode, said in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    vkey = runs("init", "saksi.test", folder=folder).stdout
    again = runs("init", "saksi.test", folder=folder)
    assert (again.returncode, "keeps its key" in again.stderr) == (1, True)
    assert runs("show", folder=folder).stdout == vkey
    assert "takes a host and a port" in runs("serve", "--listen", "8090", folder=folder).stderr
    (folder / "state.json").unlink()
    lost = runs("serve", folder=folder)
    assert (lost.returncode, "must not sign" in lost.stderr) == (1, True)


def test_one_witness_is_one_process(tmp_path: Path) -> None:
    one = WitnessAt(tmp_path / "saksi", "saksi.test").start()
    try:
        second = runs("serve", "--listen", "127.0.0.1:1", folder=one.folder)
        assert (second.returncode, "one witness, one process" in second.stderr) == (1, True)
        shown = runs("show", folder=one.folder)
        assert (shown.returncode, shown.stdout) == (0, f"{one.vkey}\n")
    finally:
        one.kill()
