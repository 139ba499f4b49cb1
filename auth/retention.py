"""When what is stored here is destroyed because nobody needs it any more (UU 27/2022 art. 16(2), 42 to 44; UU 43/2009; L04, L24, L26, L52)."""

from __future__ import annotations

import calendar
from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from auth.verdict import ALLOWED, Refused, Verdict

LIVE = frozenset({"active", "frozen"})
"""A frozen consent may go on: the paper is kept for it."""
ABOUT_ALL = frozenset({"everything", "agency"})
"""Open cases about these are about every paper of their citizen."""


class ConsentFact(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def valid_until(self) -> datetime: ...


class RequestFact(Protocol):
    @property
    def state(self) -> str: ...
    @property
    def expires_at(self) -> datetime: ...


class CaseFact(Protocol):
    @property
    def state(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def about_id(self) -> str: ...
    @property
    def consent_id(self) -> str: ...


class WithdrawalFact(Protocol):
    @property
    def consent_id(self) -> str: ...
    @property
    def answer(self) -> str: ...


class DestructionFact(Protocol):
    @property
    def state(self) -> str: ...
    @property
    def proposed_by(self) -> str: ...


def months_before(moment: datetime, months: int) -> datetime:
    """The same day of an earlier month, or that month's last: 31 August less six months is 28 or 29 February."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def judge_unused(
    last_used_at: datetime,
    months: int,
    covering: Collection[ConsentFact],
    requests: Collection[RequestFact],
    now: datetime,
) -> Verdict:
    """``months`` without use, and nothing under way: ``covering`` are the consents that granted it, ``requests`` those that ask for it."""
    consented = any(row.state in LIVE and row.valid_until > now for row in covering)
    asked = any(row.state == "pending" and row.expires_at > now for row in requests)
    if consented or asked:
        return Refused("paper_in_use")
    return judge_over(last_used_at, months, now)


def judge_over(last_used_at: datetime, months: int, now: datetime) -> Verdict:
    return ALLOWED if last_used_at <= months_before(now, months) else Refused("paper_in_use")


def judge_no_case(
    document_id: str,
    covering: Collection[str],
    cases: Collection[CaseFact],
    withdrawals: Collection[WithdrawalFact],
) -> Verdict:
    """No case is pending about it (art. 44(1)c), and no recipient owes an answer. ``covering``: ids of the consents that granted it."""
    asked = any(
        case.state == "open"
        and (
            case.about in ABOUT_ALL
            or (case.about == "document" and case.about_id == document_id)
            or case.consent_id in covering
        )
        for case in cases
    )
    owed = any(not row.answer and row.consent_id in covering for row in withdrawals)
    return Refused("case_pending") if asked or owed else ALLOWED


def judge_keeper(agency_id: str, keeper: str) -> Verdict:
    """Only who answers for what is stored destroys it."""
    return ALLOWED if agency_id == keeper else Refused("keeper_only")


def judge_open(destruction: DestructionFact | None) -> Verdict:
    if destruction is None:
        return Refused("destruction_unknown")
    return ALLOWED if destruction.state == "open" else Refused("destruction_decided")


def judge_unfinished(destruction: DestructionFact | None) -> Verdict:
    """Waits for approval, or was approved and did not come to its end."""
    if destruction is None:
        return Refused("destruction_unknown")
    return ALLOWED if destruction.state in {"open", "approved"} else Refused("destruction_decided")


def judge_trail_over(last_at: datetime, years: int, now: datetime) -> Verdict:
    """The record of who looked is kept for ``years`` after its last entry (the archive schedule's, L52)."""
    return ALLOWED if last_at <= months_before(now, 12 * years) else Refused("paper_in_use")


def judge_nothing_open(
    consents: Collection[ConsentFact],
    requests: Collection[RequestFact],
    cases: Collection[CaseFact],
    withdrawals: Collection[WithdrawalFact],
    now: datetime,
) -> Verdict:
    """Nobody waits for anything of this citizen, and nothing given by them is in force."""
    in_force = any(row.state in LIVE and row.valid_until > now for row in consents)
    asked = any(row.state == "pending" and row.expires_at > now for row in requests)
    if in_force or asked:
        return Refused("paper_in_use")
    owed = any(case.state == "open" for case in cases) or any(not row.answer for row in withdrawals)
    return Refused("case_pending") if owed else ALLOWED
