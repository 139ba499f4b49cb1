"""What ``berkas up`` puts into the data directory, and how it goes again: by name. Whatever else lies there stays."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from exchange.cli.sandbox.facts import DRAFT, FACTS

# Glob patterns below the data directory. The facts go first: without them a half-removed world is taken for none.
FILES = (FACTS, DRAFT, "facts.new", "seeding.new", "running.json", "demo-up.log")
BELOW = {
    "postgres": (
        "data",
        "data.new",
        "postgres.json",
        "postgres.new",
        "initdb.password",
        "server.log",
        "lock",
    ),
    "store": ("data", "store.json", "store.new", "server.log", "lock"),
    "keys": ("root.key", ".root.key.*"),
    "clients": ("*-backend.jwk", "*-backend.new"),
}
# One of these is there from the first second of the first start on.
SIGNS = (FACTS, DRAFT, "postgres/lock", "postgres/postgres.json", "store/lock", "store/store.json")


def is_sandbox(place: Path) -> bool:
    """Whether a start of ``berkas up``, finished or not, left its marks here."""
    return any((place / sign).exists() for sign in SIGNS)


def remove(place: Path) -> list[str]:
    """Returns the names of what stays because it is not ours; without any the directory itself goes too."""
    _remove(place, FILES)
    for name, patterns in BELOW.items():
        _remove(place / name, patterns)
        with contextlib.suppress(OSError):  # a folder with something else in it stays
            (place / name).rmdir()
    with contextlib.suppress(OSError):
        place.rmdir()
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


def _remove(folder: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for path in folder.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
