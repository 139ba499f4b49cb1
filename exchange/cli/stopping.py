"""How a command that started servers ends: SIGTERM goes through the same doors as Ctrl-C, so that nothing stays behind."""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SENT_AGAIN_AFTER_S = 0.05


@contextmanager
def sigterm_is_ctrl_c() -> Iterator[None]:
    """Inside, SIGTERM and a closed terminal raise ``KeyboardInterrupt``, which is never lost; Python's own answer to them is
    to be gone at once.

    The web server's way of stopping is kept: it ends its requests first, and then sends itself what it had received.
    """
    if threading.current_thread() is not threading.main_thread():  # others cannot set what a signal does
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    hook = sys.unraisablehook
    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, _interrupt)
    sys.unraisablehook = functools.partial(_sent_again, hook)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C, whose handler is asyncio's while it runs: that cancels the task."""
    if signal.getsignal(signal.SIGINT) in {signal.SIG_IGN, signal.SIG_DFL}:  # a shell's background job
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _sent_again(hook: Callable[[Any], Any], lost: Any) -> None:
    """An interrupt that arrives while the collector runs a callback is raised there, and Python drops it: a start went on
    although it was told to stop (seen in SQLAlchemy's weak references). It is sent once more, a moment later.
    """
    if issubclass(lost.exc_type, KeyboardInterrupt):
        threading.Timer(SENT_AGAIN_AFTER_S, os.kill, (os.getpid(), signal.SIGTERM)).start()
    else:
        hook(lost)
