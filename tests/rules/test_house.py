"""The house rules as tests; each message says why."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.errors import TABLE
from exchange.problems import PROBLEMS, REASONS

ROOT = Path(__file__).parents[2]
ROOMS = ("exchange", "auth", "storage")
LIMIT_LINES, TEST_LIMIT_LINES = 300, 500


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def _sources(*rooms: str) -> list[Path]:
    return [
        path
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        if "versions" not in path.parts and "__pycache__" not in path.parts
    ]


def test_no_file_is_longer_than_a_person_reads() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _sources(*ROOMS, "tests")
        if (lines := len(path.read_text().splitlines()))
        > (TEST_LIMIT_LINES if "tests" in path.parts else LIMIT_LINES)
    }
    assert long == {}


def test_every_tests_folder_is_a_package() -> None:
    """Without it ``import auth`` in a test would find the folder of tests."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def _machine_words() -> list[str]:
    # Put together here, so that this file does not contain what it looks for.
    places = [f"/{name}/" for name in ("tmp", "work", "root")]
    names = (
        ("pypi", "org"),
        ("python", "hosted"),
        ("registry", "npmjs"),
        ("proxy", "golang"),
        ("deb", "debian"),
    )
    hosts = [f"{first}{'' if first == 'python' else '.'}{second}" for first, second in names]
    return [*places, *hosts]


def test_no_path_of_a_machine_and_no_registry_host() -> None:
    found = []
    for path in _tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {word}" for word in _machine_words() if word in text]
    assert found == []


def test_only_the_database_door_commits() -> None:
    """A second place that commits is a second order of events."""
    wrong = []
    for path in _sources(*ROOMS):
        if path in {ROOT / "storage" / "database.py", ROOT / "storage" / "migrations" / "env.py"}:
            continue  # the door; and Alembic's own runner, which no request reaches
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in {"commit", "rollback", "begin"}:
                wrong.append(f"{path.relative_to(ROOT)}:{called.lineno}")
    assert wrong == []


def test_the_only_writers_of_judged_facts_are_batches() -> None:
    """DESIGN section 2: no UPDATE, INSERT or DELETE of a judged table in plain SQL (the outbox is no judged fact)."""
    from storage import schema
    from storage.ledger.facts import FactTable

    judged = {
        table.name
        for module in schema.TABLES
        for table in vars(module).values()
        if isinstance(table, FactTable) and table.name != "outbox"
    }
    assert len(judged) > 10
    pattern = re.compile(rf"(UPDATE|INSERT INTO|DELETE FROM)\s+({'|'.join(judged)})\b")
    wrong = [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path in _sources(*ROOMS)
        if "bench" not in path.parts
        for match in pattern.finditer(path.read_text())
    ]
    assert wrong == []


def _exceptions() -> Iterator[type[Exception]]:
    import importlib

    for path in _sources("auth", "storage", "exchange/requirements", "exchange/pages", "exchange/flows"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if "migrations" in name or name.endswith("__init__"):
            continue
        module = importlib.import_module(name)
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == name:
                yield value


# Never reaches a request: raised at start, or on the command line.
NOT_FOR_CALLERS = {
    "KeyRefused": "signing keys are loaded at start",
    "CatalogueError": "the catalogue is loaded at start",
    "RootKeyRefused": "the root key is read at start",
    "CheckpointRefused": "checkpoints are opened by verify",
    "EmbeddedServiceError": "embedded servers are started by the command line",
    "AccessRefused": "has its own handler: the reason decides",
}


def test_every_domain_error_is_in_the_one_table() -> None:
    missing = sorted({error.__name__ for error in _exceptions() if error not in TABLE} - set(NOT_FOR_CALLERS))
    assert missing == []


def _reasons() -> set[str]:
    reasons = set()
    for path in _sources(*ROOMS):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            first = node.args[0]
            if node.func.id in {"Refused", "AccessRefused"} and isinstance(first, ast.Constant):
                reasons.add(str(first.value))
    return reasons


def test_every_reason_has_a_code() -> None:
    reasons = _reasons()
    assert len(reasons) > 30
    assert sorted(reason for reason in reasons if reason not in REASONS) == []
    assert set(REASONS.values()) <= set(PROBLEMS)


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_code_is_documented(code: str) -> None:
    """U23: title and remedy in both languages; the first digit says the area."""
    problem = PROBLEMS[code]
    assert re.fullmatch(r"BK-[123459]\d{3}", code)
    assert all((problem.title, problem.title_en, problem.remedy, problem.remedy_en))
    assert 400 <= problem.status < 600


def test_the_map_and_the_tree_name_each_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = {
        word
        for word in re.findall(r"`([a-z_/0-9]+\.py|[a-z_/0-9]*__main__\.py)`", text)
        if word.startswith(ROOMS)
    }
    real = {str(path.relative_to(ROOT)) for path in _sources(*ROOMS) if path.name != "__init__.py"}
    assert sorted(real - named) == [], "modules that the map does not name"
    assert sorted(named - real) == [], "modules that the map names and the tree does not have"


def test_import_contracts() -> None:
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]


def test_the_schema_is_what_the_tables_say() -> None:
    from alembic.script import ScriptDirectory

    from storage import schema

    assert ScriptDirectory(str(schema.MIGRATIONS)).get_current_head() == schema.HEAD
