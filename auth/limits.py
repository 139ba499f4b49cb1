"""How much of looking is too much (A62): the judges of ``exchange.limits``."""

from __future__ import annotations

from collections.abc import Sequence

from auth.verdict import ALLOWED, Refused, Verdict

DAYS_OF_A_MEAN = 30
# With fewer days than that somebody has no habit yet.
DAYS_AT_LEAST = 5


def judge_budget(used: int, limit: int) -> Verdict:
    """At most ``limit`` an hour: an officer who looks at everybody is stopped and stands in the ledger."""
    return ALLOWED if used < limit else Refused("budget_spent")


def judge_reach(citizens: int, limit: int) -> Verdict:
    """How many different people were looked at in this hour, with this act."""
    return ALLOWED if citizens <= limit else Refused("citizens_spent")


def judge_codes(sent: int, limit: int) -> Verdict:
    """How many one-time codes went out in this hour, to whomever (A25). A citizen's own three are judged before."""
    return ALLOWED if sent < limit else Refused("codes_spent_everywhere")


def judge_sequence(followed: int, limit: int) -> Verdict:
    """How many numbers in this hour were the next to one typed before."""
    return ALLOWED if followed <= limit else Refused("numbers_in_sequence")


def judge_outside_hours(citizens: int, limit: int, *, is_open: bool) -> Verdict:
    """While the counter is closed hardly anybody is served."""
    return ALLOWED if is_open or citizens <= limit else Refused("outside_hours")


def judge_own_mean(today: int, days_before: Sequence[int], times: int, floor: int) -> Verdict:
    """``days_before`` are the days of the last thirty on which anybody was reached. Below ``floor`` nobody is stopped: a quiet
    week must not make a busy day suspicious.
    """
    if len(days_before) < DAYS_AT_LEAST:
        return ALLOWED
    mean = sum(days_before) / len(days_before)
    return ALLOWED if today <= max(floor, times * mean) else Refused("above_own_mean")
