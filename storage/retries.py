"""Once more, when the store says "not now": twice at most, after pauses that differ, and only as a part of all the work.

For what may be done twice: GET, DELETE, and a PUT whose stream nobody has touched yet. A store that is too slow, or answers
something else, is not asked again: whoever waits has waited long enough.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from storage.errors import StoreUnavailable

PAUSES_S = (0.04, 0.12)
# A store that refuses most of what it is asked is overloaded or gone, and asking thrice keeps it so.
CREDIT = 20.0
CREDIT_FOR_SUCCESS = 0.1

_draw = random.SystemRandom().uniform
T = TypeVar("T")


@dataclass(slots=True)
class Retries:
    """``credit`` is how many more times may be asked again; each success earns a tenth of one."""

    pauses_s: tuple[float, ...] = PAUSES_S
    credit: float = CREDIT

    async def run(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` returns; raises what its last try raises."""
        for pause_s in self.pauses_s:
            try:
                return self._earned(await ask())
            except StoreUnavailable as error:
                if not error.passing or self.credit < 1:
                    raise
            self.credit -= 1
            await asyncio.sleep(_draw(0.5, 1.5) * pause_s)
        return self._earned(await ask())

    def _earned(self, result: T) -> T:
        self.credit = min(CREDIT, self.credit + CREDIT_FOR_SUCCESS)
        return result
