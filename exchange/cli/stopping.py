"""How a command that started servers ends: SIGTERM goes through the same doors as Ctrl-C, so that nothing stays behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def sigterm_is_ctrl_c() -> Iterator[None]:
    """Inside, SIGTERM and a closed terminal raise ``KeyboardInterrupt``; Python's own answer is to be gone at once.

    The web server's way of stopping is kept: it ends its requests first, and then sends itself what it had received.
    """
    if threading.current_thread() is not threading.main_thread():  # others cannot set what a signal does
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C, whose handler is asyncio's while it runs: that cancels the task. An exception raised from here can end up
    in a callback of compiled code, where nobody hears of it. (One interrupted start went on all the same; this is the
    likely cause, not a proven one: which signal it was is not known.)
    """
    if signal.getsignal(signal.SIGINT) in {signal.SIG_IGN, signal.SIG_DFL}:  # a shell's background job
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
