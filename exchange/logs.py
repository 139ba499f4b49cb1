"""The operational log: one JSON line for each event, on standard error.

It knows routes by their template, never by their address (a citizen's address holds the link's code), and errors by
their type and place, never by their message (a driver's message may quote a value). uvicorn's own access log stays
off for the same reason.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}
_FRAMES = 6
_BLANK = vars(logging.LogRecord("berkas.access", logging.INFO, "", 0, "request", (), None))


class JsonLines(logging.Formatter):
    """Level, logger, event and the ``extra`` members of a record."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.msg if record.name.startswith("berkas") else record.name,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["where"] = _places(record.exc_info[2])
        return orjson.dumps(line, default=str).decode()


class RequestRecord(logging.LogRecord):
    """One request's record: a blank one filled in, since what the constructor looks up (thread, process, place) is in no line
    and takes half of the time of a line.
    """

    def __init__(self, members: dict[str, Any]) -> None:
        self.__dict__.update(_BLANK, created=time.time(), **members)


def configure(level: str = "INFO") -> None:
    """Send every logger of the process through ``JsonLines``; libraries only from WARNING on."""
    # Nothing of this is in a line, and looking for it is a third of its cost (logging HOWTO, Optimization).
    logging._srcfile = None  # noqa: SLF001 - documented there
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("berkas").setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "aiohttp", "sqlalchemy"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
