"""What the rule tests read: the tracked files, the modules of the three rooms, their syntax trees."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("exchange", "auth", "storage")


def tracked() -> list[Path]:
    """Every file that is, or would be, in a commit. Without git: every file in no folder that a tool made."""
    names = _listed()
    if names is None:
        return sorted(_walked(ROOT))
    return sorted(ROOT / name for name in names if (ROOT / name).is_file())


def _listed() -> list[str] | None:
    # A checkout that belongs to another account (a mounted one, in a container) is still the one to look at.
    safe = f"safe.directory={ROOT}"
    try:
        listed = subprocess.run(
            ["git", "-c", safe, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or an unpacked archive
        return None
    return [name for name in listed.stdout.split("\0") if name]


def _walked(folder: Path) -> Iterator[Path]:
    ignored = [line.strip() for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()]
    for path in folder.iterdir():
        name = f"{path.name}/" if path.is_dir() else path.name
        if path.is_symlink() or name == ".git/" or any(fnmatch(name, pattern) for pattern in ignored):
            continue
        if path.is_dir():
            yield from _walked(path)
        else:
            yield path


def tracked_texts() -> Iterator[tuple[str, str]]:
    """(path, text); what does not decode is no text."""
    for path in tracked():
        try:
            yield name_of(path), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def sources(*rooms: str) -> list[Path]:
    """The Python files below ``rooms``, migrations' versions excepted: those are history and are not rewritten."""
    return [
        path
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        if not {"versions", "__pycache__"} & set(path.relative_to(ROOT).parts)
    ]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))


def called_name(node: ast.AST) -> str | None:
    """The last word of what is called: ``commit`` of ``session.commit()``; None for anything but a call."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None
