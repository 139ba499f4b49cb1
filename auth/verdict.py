"""A verdict is a value: recorded and committed first, acted on afterwards.

Raising inside a transaction would erase the refusal together with the entry that tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass


class AccessRefused(Exception):
    """A refusal on its way to the caller, after it is on record. ``reason`` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Allowed:
    reason: None = None
    allowed: bool = True

    def enforce(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str
    allowed: bool = False

    def enforce(self) -> None:
        """Raises ``AccessRefused``."""
        raise AccessRefused(self.reason)


Verdict = Allowed | Refused

ALLOWED = Allowed()
