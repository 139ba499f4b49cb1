"""How far long work has come: a bar on a terminal, a line each five seconds elsewhere. It goes to stderr: stdout is for the answer."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

LINE_PERIOD_S = 5.0


@contextlib.contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Gives a function that is called with how many were done since the last call."""
    if sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _Lines(what, total)


class _Lines:
    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._began_s = self._told_s = time.monotonic()

    def __call__(self, done: int) -> None:
        self._done += done
        now_s = time.monotonic()
        if now_s - self._told_s < LINE_PERIOD_S:
            return
        self._told_s = now_s
        of = f" of {self._total}" if self._total else ""
        rate = self._done / max(now_s - self._began_s, 0.001)
        print(f"{self._what}: {self._done}{of}, {rate:.0f} a second", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
