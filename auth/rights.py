"""Rights that are exercised (UU 27/2022 art. 5 to 13, 40 to 44): facts and ``now`` in, verdict out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Protocol

from auth.verdict import ALLOWED, Refused, Verdict

ANSWER_WITHIN = timedelta(hours=72)
"""Real hours, not working days (UU 27/2022 art. 30, 32, 40, 41)."""
REMINDED_AFTER = timedelta(hours=48)

# What a recipient may say, and how it may go on: who stopped, or kept by law, may delete later; nothing is taken back.
ANSWER_CHANGES = frozenset(
    {("", "stopped"), ("", "deleted"), ("", "kept"), ("stopped", "deleted"), ("kept", "deleted")}
)


class WithdrawalFact(Protocol):
    @property
    def agency_id(self) -> str: ...
    @property
    def answer(self) -> str: ...


def judge_answer(withdrawal: WithdrawalFact | None, agency_id: str, answer: str) -> Verdict:
    """A recipient answers for itself, once."""
    if withdrawal is None:
        return Refused("withdrawal_unknown")
    if withdrawal.agency_id != agency_id:
        return Refused("withdrawal_of_another_agency")
    may = (withdrawal.answer, answer) in ANSWER_CHANGES
    return ALLOWED if may else Refused("withdrawal_answered")


def reminders_due(deadline: datetime, now: datetime) -> int:
    """How many reminders the data officer should have had: one when a day is left, another when it is too late."""
    if now >= deadline:
        return 2
    return 1 if now >= deadline - ANSWER_WITHIN + REMINDED_AFTER else 0


OPEN_CASES = 20
"""As many as may wait of one citizen's own, and as many typed in at counters: more is a flood, and neither keeps the other out."""

# What each right may be about, and what its data officer may decide.
ABOUT: dict[str, frozenset[str]] = {
    "objection": frozenset({"consent", "entry"}),
    "correction": frozenset({"document", "identity"}),
    "erasure": frozenset({"document", "everything"}),
    "suspension": frozenset({"document", "agency", "everything"}),
    "copy": frozenset({"everything"}),
}
OUTCOMES: dict[str, frozenset[str]] = {
    "objection": frozenset({"explained", "wrong"}),
    "correction": frozenset({"corrected", "refused"}),
    "erasure": frozenset({"done", "refused"}),
    "suspension": frozenset({"done", "refused"}),
    "copy": frozenset({"done", "refused"}),
}
STOPS_READING = frozenset({"objection", "suspension"})
"""What freezes the consents that it is about, at once (art. 41)."""


class CaseFact(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def subject_ref(self) -> str: ...
    @property
    def agency_id(self) -> str: ...
    @property
    def asked_by(self) -> str: ...
    @property
    def state(self) -> str: ...


class FrozenFact(Protocol):
    @property
    def subject_ref(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def lawful_basis(self) -> str: ...


def open_cases(cases: Collection[CaseFact], actor: str) -> int:
    """Of one citizen: those of their own hand, or those of all officers."""
    own = actor == "citizen"
    return sum(case.state == "open" and (case.asked_by == "citizen") == own for case in cases)


def judge_asking(kind: str, about: str, open_cases: int) -> Verdict:
    if about not in ABOUT.get(kind, frozenset()):
        return Refused("right_unfit")
    return ALLOWED if open_cases < OPEN_CASES else Refused("cases_full")


def can_freeze(consent: FrozenFact) -> bool:
    """A live consent. What rests on law is not the citizen's to stop: its objection is answered (art. 20(2))."""
    return consent.state == "active" and consent.lawful_basis == "consent"


def judge_case(case: CaseFact | None, agency_id: str) -> Verdict:
    """Whose case is it? Those of another agency are told like those that do not exist."""
    if case is None:
        return Refused("case_unknown")
    return ALLOWED if case.agency_id == agency_id else Refused("case_of_another_agency")


def judge_outcome(case: CaseFact, outcome: str) -> Verdict:
    """Once, and in the words that its kind has."""
    if case.state != "open":
        return Refused("case_answered")
    return ALLOWED if outcome in OUTCOMES[case.kind] else Refused("outcome_unfit")


def judge_erasure(held: Collection[str]) -> Verdict:
    """Nothing is destroyed while a law or a court wants one of the versions kept (art. 44(1)d); ``held`` are those."""
    return Refused("legal_hold") if held else ALLOWED


def judge_hold(placed: Collection[str], order: str, *, own: bool) -> Verdict:
    """``placed``: the orders on the versions that there are, "" for none; ``order`` "" lifts. Only the agency that answers for what is
    stored (``own``) may, and no order takes another one's place.
    """
    if not own or not placed:
        return Refused("version_unknown")
    if order:
        return Refused("hold_there") if any(placed) else ALLOWED
    return ALLOWED if any(placed) else Refused("hold_missing")


def judge_closing(case: CaseFact | None, subject_ref: str) -> Verdict:
    """The citizen ends it, answered or not."""
    if case is None:
        return Refused("case_unknown")
    if case.subject_ref != subject_ref:
        return Refused("case_of_another_citizen")
    return ALLOWED if case.state != "closed" else Refused("case_answered")


def judge_thaw(consent: FrozenFact | None, subject_ref: str) -> Verdict:
    """Only its citizen lets a frozen consent go on."""
    if consent is None:
        return Refused("consent_unknown")
    if consent.subject_ref != subject_ref:
        return Refused("consent_of_another_citizen")
    return ALLOWED if consent.state == "frozen" else Refused("consent_not_frozen")


class DeathFact(Protocol):
    @property
    def agency_id(self) -> str: ...
    @property
    def reported_by(self) -> str: ...
    @property
    def undo_by(self) -> str: ...
    @property
    def state(self) -> str: ...


class EvidenceFact(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def subject_ref(self) -> str: ...
    @property
    def state(self) -> str: ...


def judge_alive(reports: Collection[DeathFact]) -> Verdict:
    """Whose death is on record is asked for nothing, and asks for nothing."""
    return Refused("subject_deceased") if any(report.state == "confirmed" for report in reports) else ALLOWED


def judge_evidence(paper: EvidenceFact | None, subject_ref: str) -> Verdict:
    """The death certificate of this very citizen, on file."""
    fits = (
        paper is not None
        and (paper.type, paper.subject_ref, paper.state) == ("AKTA_KEMATIAN", subject_ref, "ready")
    )  # fmt: skip
    return ALLOWED if fits else Refused("death_evidence_missing")


def judge_report(report: DeathFact | None, agency_id: str, state: str) -> Verdict:
    """Of the own agency, and waiting for this step."""
    if report is None:
        return Refused("death_report_unknown")
    if report.agency_id != agency_id:
        return Refused("death_report_of_another_agency")
    return ALLOWED if report.state == state else Refused("death_report_decided")


def judge_other_officer(first: str, second: str) -> Verdict:
    return Refused("second_officer_needed") if first == second else ALLOWED


class VoidFact(Protocol):
    @property
    def agency_id(self) -> str: ...
    @property
    def state(self) -> str: ...


class StatedFact(Protocol):
    @property
    def state(self) -> str: ...


def judge_reportable(version: StatedFact | None) -> Verdict:
    """What is served, or was before a newer copy came: everything else has its own reason already."""
    if version is None:
        return Refused("version_unknown")
    return ALLOWED if version.state in {"ready", "superseded"} else Refused(f"version_{version.state}")


def judge_void(report: VoidFact | None, agency_id: str) -> Verdict:
    """Of the own agency, and waiting for its decision."""
    if report is None:
        return Refused("void_unknown")
    if report.agency_id != agency_id:
        return Refused("void_of_another_agency")
    return ALLOWED if report.state == "open" else Refused("void_decided")


def judge_event(*, known: bool, own: bool, happened_on: date, today: date) -> Verdict:
    """``known``: some paper changes on it; ``own``: a service of this agency makes a new copy of one that does."""
    if not known:
        return Refused("event_unknown")
    if not own:
        return Refused("event_of_another_agency")
    return ALLOWED if happened_on <= today else Refused("event_in_the_future")
