"""What a sender is given, and what it says when it could not hand it over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """``id`` is the outbox's: the same each time the message is tried, so that a second copy is known as one."""

    id: str
    channel: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    written_at: datetime


class NotSent(Exception):
    """``cause`` is a stable word for log and row: never an address, a text, or what a server said. ``final``: no further try
    can help. Otherwise the next is made after ``retry_after_s`` at the earliest.
    """

    def __init__(self, cause: str, *, final: bool = False, retry_after_s: float = 0.0) -> None:
        super().__init__(cause)
        self.cause = cause
        self.final = final
        self.retry_after_s = retry_after_s


class Sender(Protocol):
    """``keeps``: the row itself is the delivery."""

    keeps: bool

    async def send(self, letter: Letter) -> None:
        """Raises ``NotSent``. May be called many times at once."""

    async def close(self) -> None: ...
