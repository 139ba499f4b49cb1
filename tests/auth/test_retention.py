"""When a paper's time is over (L04, L24, L26): facts and ``now`` in, verdict out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from auth.retention import judge_open, judge_over, judge_unfinished, judge_unused, months_before


def day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


NOW = datetime(2026, 8, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "months", "before"),
    [
        (day(2026, 8, 31), 6, day(2026, 2, 28)),
        (day(2024, 8, 31), 6, day(2024, 2, 29)),
        (day(2026, 1, 15), 1, day(2025, 12, 15)),
        (day(2026, 12, 31), 12, day(2025, 12, 31)),
        (day(2028, 2, 29), 24, day(2026, 2, 28)),
        (day(2026, 3, 1), 600, day(1976, 3, 1)),
    ],
)
def test_months_end_with_the_month(moment: datetime, months: int, before: datetime) -> None:
    assert months_before(moment, months) == before


def test_the_last_moment_of_the_time() -> None:
    edge = months_before(NOW, 24)
    assert judge_over(edge, 24, NOW).allowed
    assert judge_over(edge + timedelta(microseconds=1), 24, NOW).reason == "paper_in_use"
    assert judge_unused(edge, 24, [], [], NOW).allowed


def test_a_destruction_that_is_not_there() -> None:
    assert judge_open(None).reason == judge_unfinished(None).reason == "destruction_unknown"
