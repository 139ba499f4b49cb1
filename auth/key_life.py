"""When a signing key may come and go: the judges of ``exchange.flows.turn_keys``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from auth.verdict import ALLOWED, Refused, Verdict

# The longest life of a token or a ticket, and what clocks may differ by.
SIGNED_LIFE = timedelta(seconds=300 + 60)


class KeyFact(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def active_from(self) -> datetime: ...
    @property
    def retired_at(self) -> datetime | None: ...


def judge_introduction(known: Sequence[KeyFact], now: datetime) -> Verdict:
    """One key of a purpose waits at a time."""
    waits = any(key.retired_at is None and key.active_from > now for key in known)
    return Refused("key_waits") if waits else ALLOWED


def judge_retirement(kid: str, known: Sequence[KeyFact], now: datetime, *, revoked: bool) -> Verdict:
    """Once, and only when another key has signed for longer than what this one signed last can live."""
    if not any(key.id == kid and key.retired_at is None for key in known):
        return Refused("key_unknown")
    others = [key for key in known if key.id != kid and key.retired_at is None]
    overdue = any(now - key.active_from > SIGNED_LIFE for key in others)
    return ALLOWED if revoked or overdue else Refused("key_needed")
