"""One problem that a caller can be told (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """``remedy`` tells the caller what to do, in Indonesian, then English."""

    code: str
    status: int
    title: str
    title_en: str
    remedy: str
    remedy_en: str
    retryable: bool = False


def told(
    code: str, status: int, title: str, title_en: str, remedy: str, remedy_en: str, *, retry: bool = False
) -> Problem:
    return Problem(code, status, title, title_en, remedy, remedy_en, retry)
