"""The refusal budget: a caller that hammers must not fill the ledger.

Beyond 60 refusals a minute a caller is turned away before the queue (429) and one aggregate entry a minute tells
how many were (DESIGN section 2).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from storage.errors import TooManyRefusals

REFUSALS_PER_MINUTE = 60
MINUTE_S = 60


@dataclass(slots=True)
class _Count:
    minute: int
    refused: int = 0
    turned_away: int = 0


class RefusalBudget:
    """Counts of this process; ``clock`` gives seconds that never go back."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, per_minute: int = REFUSALS_PER_MINUTE
    ) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._counts: dict[str, _Count] = {}
        self._owed: list[tuple[str, int]] = []

    def check(self, caller: str) -> None:
        """Raises ``TooManyRefusals`` with the seconds that are left of this minute."""
        count = self._counts.get(caller)
        now_s = self._clock()
        if count is None or count.minute != int(now_s // MINUTE_S) or count.refused < self._per_minute:
            return
        count.turned_away += 1
        raise TooManyRefusals(retry_after_s=MINUTE_S - int(now_s % MINUTE_S))

    def note(self, caller: str) -> None:
        if not caller:
            return
        minute = int(self._clock() // MINUTE_S)
        count = self._counts.get(caller)
        if count is None or count.minute != minute:
            self._settle(caller, count)
            count = self._counts[caller] = _Count(minute)
        count.refused += 1

    def forgive(self, caller: str) -> None:
        """What was counted beforehand was no refusal."""
        if (count := self._counts.get(caller)) is not None:
            count.refused = 0

    def owed(self) -> list[tuple[str, int]]:
        """Callers turned away in minutes that are over, with how often; each is told once."""
        minute = int(self._clock() // MINUTE_S)
        for caller in [caller for caller, count in self._counts.items() if count.minute != minute]:
            self._settle(caller, self._counts.pop(caller))
        owed, self._owed = self._owed, []
        return owed

    def owe(self, caller: str, count: int) -> None:
        """Told later: the ledger could not write."""
        self._owed.append((caller, count))

    def _settle(self, caller: str, count: _Count | None) -> None:
        if count is not None and count.turned_away:
            self._owed.append((caller, count.turned_away))
