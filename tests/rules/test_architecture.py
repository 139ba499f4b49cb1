"""ARCHITECTURE.md and the tree name each other; what the import contracts cannot say about names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from tests.rules.house import ROOMS, ROOT, name_of, nodes, sources, tracked

# Types that a route may know of storage (the contract lets the modules through, this rule the names).
WORDS_OF_STORAGE = {
    "exchange/routes/consent.py": {"ConsentRequest"},
    "exchange/routes/trail.py": {"CitizenLink"},
    "exchange/routes/intake.py": {"UploadBroken"},
}
_PATH = re.compile(r"`((?:[\w.-]+/)+(?:[\w.-]+\.\w+)?)`")


def _map() -> str:
    return (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def paths_named(text: str) -> set[str]:
    """Paths in backticks: with a folder and an ending, or a folder alone."""
    return set(_PATH.findall(text))


def test_the_map_names_every_module() -> None:
    named = paths_named(_map())
    real = {name_of(path) for path in sources(*ROOMS) if path.name != "__init__.py"}
    assert len(real) > 80
    assert sorted(real - named) == [], "give it its line in the map"


def test_every_path_that_the_map_names_exists() -> None:
    files = {name_of(path) for path in tracked()}
    folders = {f"{parent}/" for name in files for parent in _parents(name)}
    named = {path for path in paths_named(_map()) if path.split("/")[0] in {*ROOMS, "tests", "deploy"}}
    assert sorted(named - files - folders) == []


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def test_routes_take_only_words_from_storage() -> None:
    taken: dict[str, set[str]] = {}
    for path in sources("exchange/routes"):
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "storage":
                taken.setdefault(name_of(path), set()).update(name.name for name in node.names)
            elif isinstance(node, ast.Import) and any(
                name.name.split(".")[0] == "storage" for name in node.names
            ):
                taken.setdefault(name_of(path), set()).add("a whole module")
    assert taken == WORDS_OF_STORAGE


@pytest.mark.parametrize(
    ("program", "strangers"),
    [
        ("storage.ledger.verify.__main__", {"exchange", "auth", "fastapi", "minio", "aiohttp", "jose"}),
        ("auth.tokens", {"exchange", "storage", "fastapi", "sqlalchemy", "minio"}),
        ("exchange.requirements.catalogue", {"storage", "auth", "fastapi", "sqlalchemy", "minio"}),
        ("exchange.cli.commands", {"tests", "pytest", "httpx"}),
    ],
)
def test_what_a_program_loads(program: str, strangers: set[str]) -> None:
    """The contracts read the source; this sees what really comes in (DESIGN 6: verify loads nothing of ours but storage)."""
    code = f"import sys, {program}; print(*{{name.split('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert sorted(strangers & set(ran.stdout.split())) == []


def test_the_rule_finds_paths() -> None:
    text = (
        "| `auth/grants.py`, `exchange/flows/` | see `Refused`, `auth | storage`, `./berkas up` and `a.py` |"
    )
    assert paths_named(text) == {"auth/grants.py", "exchange/flows/"}
