"""What a file may be: short, finished, and at home on every machine."""

from __future__ import annotations

import re

import pytest

from tests.rules.house import ROOMS, ROOT, name_of, sources, tracked_texts

LIMIT_LINES, TEST_LIMIT_LINES = 300, 500

# Put together here, so that this file does not contain what it looks for.
_LATER = re.compile(rf"\b({'|'.join(('TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'))})\b")
_PLACES = re.compile(rf"(?<![\w.~-])/({'|'.join(('t' + 'mp', 'wo' + 'rk', 'ro' + 'ot'))})(/|$)", re.MULTILINE)
_HOSTS = re.compile(
    r"(?<![\w-])([a-z0-9-]+[.])*("
    + "|".join(
        (
            "py" + "pi[.]org",
            "python" + "hosted[.]org",
            "npm" + "js[.](org|com)",
            "yarn" + "pkg[.]com",
            "proxy[.]go" + "lang[.]org",
            "sum[.]go" + "lang[.]org",
            "crates" + "[.]io",
            "(deb|security|snapshot|ftp|archive|cdn-fastly[.]deb)[.]deb" + "ian[.]org",
            "(archive|security|ports)[.]ubun" + "tu[.]com",
        )
    )
    + r")\b"
)


def unfinished(text: str) -> list[str]:
    return [found.group(0) for found in _LATER.finditer(text)]


def of_one_machine(text: str) -> list[str]:
    """Paths that exist on one machine only, and hosts of package registries: an index is the administrator's choice."""
    return [found.group(0) for pattern in (_PLACES, _HOSTS) for found in pattern.finditer(text)]


def test_no_file_is_longer_than_a_person_reads() -> None:
    """The model codebases have a median of 30 to 110 lines; files of thousands are what rots first (style.md 1)."""
    long = {
        name_of(path): lines
        for path in sources(*ROOMS, "tests")
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > (TEST_LIMIT_LINES if "tests" in path.parts else LIMIT_LINES)
    }
    assert long == {}, "split it by what people do, not by layer"


def test_nothing_is_left_for_later() -> None:
    found = {name: words for name, text in tracked_texts() if (words := unfinished(text))}
    assert found == {}, "do it, or write down in the docs that it is not done"


def test_no_path_of_a_machine_and_no_registry_host() -> None:
    found = {name: words for name, text in tracked_texts() if (words := of_one_machine(text))}
    assert found == {}


def test_every_folder_of_tests_is_a_package() -> None:
    """Without it ``import auth`` in a test finds the folder of tests (style.md, fact 7)."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py") if "__pycache__" not in path.parts}
    assert len(folders) > 5
    assert sorted(name_of(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_the_lock_files_carry_hashes() -> None:
    """A line without a hash would take whatever the index serves."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        pins = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text(encoding="utf-8").strip())
        assert len(pins) > 30
        assert [pin.splitlines()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cd /wo" + "rk/x", ["/wo" + "rk/"]),
        ("--home=/ro" + "ot", ["/ro" + "ot"]),
        ('"/tm' + 'p/berkas"', ["/tm" + "p/"]),
        ("https://files.python" + "hosted.org/a.whl", ["files.python" + "hosted.org"]),
        ("--index-url https://py" + "pi.org/simple", ["py" + "pi.org"]),
        ("GOPROXY=https://proxy.go" + "lang.org", ["proxy.go" + "lang.org"]),
        ("registry+https://index.cra" + "tes.io/", ["index.cra" + "tes.io"]),
        ("deb http://deb.deb" + "ian.org/debian", ["deb.deb" + "ian.org"]),
        ("https://github.com/x/tm" + "p/y and a/ro" + "ot/b", []),
        ("the root of the tree, work.py, ./tmp.py", []),
    ],
)
def test_the_rule_finds(text: str, found: list[str]) -> None:
    assert of_one_machine(text) == found


def test_the_rule_on_what_is_left_for_later_finds() -> None:
    assert unfinished("# TO" + "DO: later\n# FIX" + "ME\n") == ["TO" + "DO", "FIX" + "ME"]
    assert unfinished("Todo lists, BK-XX" + "XX") == []
