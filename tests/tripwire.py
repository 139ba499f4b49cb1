"""The trip wire: no log line holds a NIK, a fixture person's name, a token or a link's code (D10, A53, A58, L36).

Every test runs under it: what is logged in this process, and the log of every sandbox that a test started.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from datetime import date

import pytest

from exchange.cli.sandbox.families import sandbox_world
from exchange.logs import JsonLines
from exchange.requirements.numbers import NumberError, parse_nik

TODAY = date(2026, 11, 24)
_SIXTEEN = re.compile(r"(?<![0-9])[0-9]{16}(?![0-9])")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")
_LINK = re.compile(r"(?<![a-z2-7])[a-z2-7]{45}(?![a-z2-7])", re.IGNORECASE)
NAMES = frozenset({"Warga Contoh", *(citizen.name for citizen in sandbox_world(TODAY).citizens)})


def leaks(text: str, names: Collection[str] = NAMES) -> list[str]:
    """What ``text`` gives away, by kind; never the thing itself (this ends in test output)."""
    found = ["nik" for digits in _SIXTEEN.findall(text) if _is_nik(digits)]
    found += ["token" for _ in _JWT.findall(text)]
    found += ["link code" for _ in _LINK.findall(text)]
    found += ["name" for name in names if name in text]
    return found


def _is_nik(digits: str) -> bool:
    try:
        parse_nik(digits, birth_date=None, today=TODAY)
    except NumberError:
        return False
    return True


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def log_tripwire() -> Iterator[None]:
    """Fails any test that logged something it must not, as the application would have written it."""
    kept = _Kept()
    loggers = [logging.getLogger(), logging.getLogger("berkas")]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(kept)
    loggers[1].setLevel(logging.DEBUG)
    yield
    loggers[0].removeHandler(kept)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    tripped = sorted({kind for line in kept.lines for kind in leaks(line)})
    assert tripped == [], "a log line gave something away"
