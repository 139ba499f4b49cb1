"""Go's checksum database code as a verifier that we did not write (tests/storage/sumdb): built once, outside of the repository, where Go is."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "storage" / "sumdb"
BUILD_LIMIT_S = 300


@functools.cache
def _place() -> Path:
    """Its name changes with its source, so that an old program is never taken for a new one."""
    cache = Path(os.environ.get("BERKAS_CACHE_DIR") or Path.home() / ".cache" / "berkas")
    source = b"".join(path.read_bytes() for path in sorted(SOURCE.iterdir()) if path.is_file())
    return cache / "bin" / f"sumdb-{hashlib.sha256(source).hexdigest()[:12]}"


def _failed() -> Path:
    return _place().with_suffix(".failed")


def sumdb_leg() -> str:
    """For the head and the end of a run: what checks our log."""
    if _place().is_file():
        return f"Go's sumdb ({_place()})"
    if shutil.which("go") is None:
        return "the leg of Go's sumdb is left out (no go on the PATH)"
    if _failed().is_file():
        return f"the leg of Go's sumdb is left out (not built: {_failed().read_text(encoding='utf-8')})"
    return "Go's sumdb is built when a test first asks"


def sumdb_program() -> Path | None:
    """Builds it where it is not there yet; None where that cannot be done, and ``sumdb_leg`` says why."""
    place, go = _place(), shutil.which("go")
    if place.is_file() or go is None:
        return place if place.is_file() else None
    place.parent.mkdir(parents=True, exist_ok=True)
    _failed().unlink(missing_ok=True)
    building = place.with_suffix(f".{os.getpid()}")  # a build that is cut off never leaves half a program
    command = [go, "build", "-trimpath", "-buildvcs=false", "-o", str(building), "."]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    try:
        subprocess.run(
            command, cwd=SOURCE, env=environment, check=True, capture_output=True, text=True, timeout=BUILD_LIMIT_S
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        _failed().write_text(f"more than {BUILD_LIMIT_S} s", encoding="utf-8")
        return None
    except subprocess.CalledProcessError as error:
        _failed().write_text(str(error.stderr).strip().splitlines()[-1], encoding="utf-8")
        return None
    building.replace(place)
    return place


class Sumdb:
    """The program at work; it keeps the leaves that it was given."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def close(self) -> None:
        self._process.communicate(timeout=10)

    def asked(self, do: str, **what: Any) -> dict[str, Any]:
        """Its answer; ``Error`` is empty where everything holds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"Do": do, **what}, default=self.encoded) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    @staticmethod
    def encoded(raw: bytes) -> str:
        """Bytes as they go in and come out."""
        return base64.b64encode(raw).decode()

    def error(self, do: str, **what: Any) -> str:
        return str(self.asked(do, **what)["Error"])
