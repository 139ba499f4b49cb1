"""When counters are open: ``mon-fri 07:30-16:00, sat 08:00-12:00``, by the clock of the site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_HOUR_MINUTES = 60
_DAY_MINUTES = 24 * _HOUR_MINUTES


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """``spans`` are (days with Monday as 0, from, until), in minutes of the day."""

    spans: tuple[tuple[frozenset[int], int, int], ...]

    @classmethod
    def parse(cls, text: str) -> OpeningHours:
        """Raises ``ValueError`` for anything but the form above; ``24:00`` is the end of a day."""
        return cls(tuple(_span(part.strip()) for part in text.lower().split(",")))

    def is_open(self, local: datetime) -> bool:
        minute = local.hour * _HOUR_MINUTES + local.minute
        return any(local.weekday() in days and start <= minute < end for days, start, end in self.spans)


def _span(text: str) -> tuple[frozenset[int], int, int]:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("opening hours look like: mon-fri 07:30-16:00, sat 08:00-12:00")
    first, last, *clock = found.groups()
    names = [first, last or first]
    if not set(names) <= set(_DAYS) or _DAYS.index(names[0]) > _DAYS.index(names[1]):
        raise ValueError("days are mon to sun, the earlier one first")
    hours = [int(number) for number in clock]
    if max(hours[1], hours[3]) >= _HOUR_MINUTES:
        raise ValueError("an hour has 60 minutes")
    start, end = hours[0] * _HOUR_MINUTES + hours[1], hours[2] * _HOUR_MINUTES + hours[3]
    if not start < end <= _DAY_MINUTES:
        raise ValueError("opening hours end after they begin, on the same day")
    return frozenset(range(_DAYS.index(names[0]), _DAYS.index(names[1]) + 1)), start, end
