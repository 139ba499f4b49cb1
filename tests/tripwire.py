"""The trip wire: no log holds a NIK, a fixture person's name, a token, a link's code, a one-time code, a password, a session's
cookie or form token, or a telephone number (D10, A53, A58, L36).

Every test runs under it. It looks at each record that the application logged in this process, as the application would
have written it; at the log of every process that was given to ``watch``, after each test; and at the end of the run at
every log file that any started process left in pytest's folder, so that one nobody thought of is looked at too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from exchange.cli.sandbox.families import sandbox_world
from exchange.logs import JsonLines
from exchange.requirements.numbers import NumberError, parse_nik
from tests.world import CANARIES, NAME

TODAY = date(2026, 11, 24)
# By name: a data folder of a server holds files of its own that end in .log and are no logs.
LOG_NAMES = ("server.log", "up.log", "demo-up.log", "demo-strict.log", "serve.log", "application.log")
_SIXTEEN = re.compile(r"(?<![0-9])[0-9]{16}(?![0-9])")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")
_LINK = re.compile(r"(?<![a-z2-7])[a-z2-7]{45}(?![a-z2-7])", re.IGNORECASE)
# Six digits close behind a word for it; bounded, so that neither a time's fraction nor a longer number is taken for one.
_ONE_TIME = re.compile(
    r"\b(?:otp|kode|code|passcode|sandi sekali pakai)\b(?:\W+\w+){0,2}?\W{1,12}(?<![0-9.:])[0-9]{3} ?[0-9]{3}(?![0-9.])",
    re.IGNORECASE,
)
_SANDBOX = sandbox_world(TODAY)
NAMES = frozenset(
    {NAME, *(person.name for person in _SANDBOX.citizens), *(person.name for person in _SANDBOX.officers)}
)


def leaks(text: str, names: Collection[str] = NAMES) -> list[str]:
    """What ``text`` gives away, by kind; never the thing itself (this ends in test output).

    Read as it stands and with URL encoding undone: behind ``%22`` sixteen digits look like eighteen.
    """
    read = {text, unquote_plus(text)} if "%" in text or "+" in text else {text}
    kinds = (kind for variant in read for kind in _kinds(variant, names))
    return sorted(set(kinds))


def _kinds(text: str, names: Collection[str]) -> Iterator[str]:
    if any(_is_nik(digits) for digits in _SIXTEEN.findall(text)):
        yield "nik"
    if _JWT.search(text):
        yield "token"
    if _LINK.search(text):
        yield "link code"
    if _ONE_TIME.search(text):
        yield "one-time code"
    if any(canary in text for canary in CANARIES):
        yield "secret"
    spoken = " ".join(text.casefold().split())
    if any(name.casefold() in spoken for name in names):
        yield "name"


def _is_nik(digits: str) -> bool:
    try:
        parse_nik(digits, birth_date=None, today=TODAY)
    except NumberError:
        return False
    return True


class Tripwire(logging.Handler):
    """Lines of this process since the last look, and how far each watched file was read."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonLines())
        self._lines: list[str] = []
        self._read: dict[Path, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def install(self) -> None:
        """From here on. The level of other people's loggers stays: the application writes them from WARNING on."""
        root = logging.getLogger()
        if self not in root.handlers:
            root.addHandler(self)
        logging.getLogger("berkas").setLevel(logging.DEBUG)

    def cut(self) -> bool:
        """Did something take the wire away (``logs.configure`` replaces the root's handlers)?"""
        return self not in logging.getLogger().handlers

    def watch(self, log: Path) -> None:
        """Look at what a started process writes to ``log``, from now on after every test."""
        self._read.setdefault(log.resolve(), 0)

    def tripped(self) -> list[str]:
        """Kinds given away since the last look, with the file's name for those of another process."""
        lines, self._lines = self._lines, []
        found = {kind for line in lines for kind in leaks(line)}
        for log in self._read:
            found |= {f"{kind} in {log.name}" for kind in self._new_leaks(log)}
        return sorted(found)

    def left_behind(self, folder: Path) -> list[str]:
        """Kinds in the log files below ``folder`` that nobody watched."""
        return sorted(
            f"{kind} in {log.relative_to(folder)}"
            for name in LOG_NAMES
            for log in folder.rglob(name)
            if log.is_file() and log.resolve() not in self._read
            for kind in leaks(log.read_text(encoding="utf-8", errors="replace"))
        )

    def _new_leaks(self, log: Path) -> list[str]:
        try:
            with log.open("rb") as file:
                file.seek(self._read[log])
                content = file.read()
        except OSError:
            return []
        found = leaks(content.decode("utf-8", errors="replace"))
        # An unfinished line is read again when it is finished; one that gave something away is told once.
        self._read[log] += len(content) if found else content.rfind(b"\n") + 1
        return found


TRIPWIRE = Tripwire()
TRIPWIRE.install()  # when the suite is loaded: servers start in fixtures that come before any fixture of a test


@pytest.fixture(autouse=True)
def log_tripwire(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tripwire]:
    """Fails any test during which something was logged that must not be. Tests of started processes call ``watch``."""
    _look_at_the_end(request, tmp_path_factory)
    TRIPWIRE.install()
    yield TRIPWIRE
    assert not TRIPWIRE.cut(), "this test took the trip wire's handler off the root logger"
    assert TRIPWIRE.tripped() == [], "a log gave something away"


_END = pytest.StashKey[bool]()


def _look_at_the_end(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Once a run, when the last test is over."""
    if _END in request.session.stash:
        return
    request.session.stash[_END] = True

    def look() -> None:
        found = TRIPWIRE.left_behind(tmp_path_factory.getbasetemp())
        assert found == [], "the log of a started process gave something away"

    request.session.addfinalizer(look)
