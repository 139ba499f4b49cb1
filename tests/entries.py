"""Entries: a wire that holds each one which a test makes against the table of types, a static list of what each module adds, and the
document that is written of both (``make entries``).
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from exchange.entry_kinds import EVERY, KINDS, LINKED, MEMBERS, faults
from exchange.problems import PROBLEMS
from exchange.reasons import REASONS
from storage.ledger import entry, page
from tests.rules.house import ROOT, called_name, name_of, sources

DOCUMENT = ROOT / "deploy" / "ledger-entries.md"
# Calls whose argument at this place, or of this name, is a type of entry.
_TYPED: dict[str, tuple[int | None, str | None]] = {
    "Event": (0, "type"), "Work": (None, "kind"), "refusal": (0, "kind"), "note": (0, None), "demand_right": (None, "kind"),
    "administer": (2, "kind"), "replace": (None, "type"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def entries_wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails the test that made an entry which nobody declared. The ledger's own tests write toys, and so do those that say it
    (``@pytest.mark.toy_entries``): they need entries, and not what stands in them.
    """
    if request.node.nodeid.startswith("tests/storage/") or request.node.get_closest_marker("toy_entries"):
        yield
        return
    found: list[str] = []
    real = entry.canonical

    def looked_at(event: Mapping[str, Any]) -> bytes:
        found.extend(faults(event))
        return real(event)

    monkeypatch.setattr(page, "canonical", looked_at)
    yield
    if found:
        pytest.fail(f"{sorted(set(found))}: declare it in exchange/entry_kinds.py, then `make entries`")


def added_in(tree: ast.AST) -> tuple[set[str], set[str]]:
    """(types, acts) that this code hands to the ledger by a literal."""
    types: set[str] = set()
    acts: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            types |= _types(node)
            acts |= {text for word in node.keywords if word.arg == "act" for text in _texts(word.value)}
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            acts |= {text for key, value in pairs if _texts(key) == ["act"] for text in _texts(value)}
    return types, acts


def _types(node: ast.Call) -> set[str]:
    place, name = _TYPED.get(called_name(node) or "", (None, None))
    given = [word.value for word in node.keywords if word.arg == name]
    given += node.args[place : place + 1] if place is not None else []
    return {text for value in given for text in _texts(value)}


def _texts(node: ast.AST | None) -> list[str]:
    """A literal, or either side of a choice between two."""
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def added_by_module() -> dict[str, tuple[set[str], set[str]]]:
    """Of every module that names a type of entry."""
    found = {}
    for path in [*sources("exchange"), *sources("storage")]:
        types, acts = added_in(ast.parse(path.read_text(encoding="utf-8")))
        if types:
            found[name_of(path)] = (types, acts)
    return found


def document() -> str:
    lines = [
        "# The ledger's entries", "",
        "Written from `exchange/entry_kinds.py` by `make entries`; every entry that a test of this project makes is held against that table.", "",
        "An entry is `0x01` and the SHA-256 commitment to a salt and the event in canonical JSON (RFC 8785; `storage/ledger/entry.py`). The event is one JSON",
        "object. A refused act is the same type with `result: {allowed: false, reason}`; it may lack what was not known when it was refused.", "",
        "**How this evolves.** Types, acts and members may be added under `v` 1. None is taken away, none changes its meaning: what would mean something else",
        "gets another name, and where that is not enough `v` is raised. Whoever reads entries passes over members that they do not know.", "",
        "## Members of every entry", "", *_table(("member", "what it is"), EVERY.items()), "",
        "## Members of linked entries, and of acts of who decides for another", "", *_table(("member", "what it is"), LINKED.items()), "",
        "## Members with one meaning everywhere", "", *_table(("member", "what it is"), MEMBERS.items()), "",
        "## Types", "",
    ]  # fmt: skip
    for name, kind in KINDS.items():
        lines += [
            f"### {name}",
            "",
            f"{kind.what}. Trail: {kind.on}. Actors: {', '.join(kind.actors.split())}.",
            "",
        ]
        acts = ((f"`{act}`" if act else "(none)", what) for act, what in kind.acts.items())
        lines += [*_table(("act", "what happened"), acts), ""]
        always = ((f"`{member}`", "always, when allowed") for member in kind.always.split())
        sometimes = ((f"`{member}`", when) for member, when in sorted(kind.sometimes.items()))
        lines += [*_table(("member", "when"), [*always, *sometimes]), ""]
    modules = (
        (f"`{module}`", ", ".join(sorted(types)))
        for module, (types, _acts) in sorted(added_by_module().items())
    )
    lines += ["## Which module adds which", "", *_table(("module", "types"), modules), ""]
    lines += [
        "## Reasons of refusals",
        "",
        "Any type may be refused with the reasons of its judges; `judge_failed` and `unstorable` are the appender's own.",
        "",
    ]
    by_code: dict[str, list[str]] = defaultdict(list)
    for reason, code in REASONS.items():
        by_code[code].append(f"`{reason}`")
    told = ((code, PROBLEMS[code].title_en, ", ".join(sorted(by_code[code]))) for code in sorted(by_code))
    lines += _table(("code", "what the caller is told", "reasons"), told)
    return "\n".join(lines) + "\n"


def _table(head: tuple[str, ...], rows: Any) -> list[str]:
    told = list(rows)
    every = [head, tuple("---" for _ in head), *told] if told else []
    return [f"| {' | '.join(row)} |" for row in every]


if __name__ == "__main__":
    Path(DOCUMENT).write_text(document(), encoding="utf-8")
