"""The citizen's last word, on the own page: a case is closed, a frozen consent goes on. No officer can do either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from auth.grants import CONSENT_CHANGES, first_refusal
from auth.rights import judge_closing, judge_thaw
from auth.verdict import Verdict
from exchange.citizen import Holder, actor_of, by_needs, counted_as, judged_by
from storage.consents import CONSENTS
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.rights import CASES, RightsCase


async def close(keyring: Keyring, appender: Appender, *, case_id: str, by: Holder) -> None:
    """The citizen is content, or takes it back before it was answered. Raises ``AccessRefused``."""
    trail = await keyring.trail(by.link.subject_ref)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if (case := facts.get(CASES, case_id)) is not None:
            facts.put(CASES, _closed(case, now))

    await _settle(
        appender, by, trail, {"act": "close", "case": case_id}, [Need(CASES, case_id)],
        lambda facts: judge_closing(facts.get(CASES, case_id), by.link.subject_ref), apply,
    )  # fmt: skip


async def thaw(keyring: Keyring, appender: Appender, *, consent_id: str, by: Holder) -> None:
    """The consent goes on, and what was asked about it is closed with it. Raises ``AccessRefused``."""
    subject_ref = by.link.subject_ref
    trail = await keyring.trail(subject_ref)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        consent = facts.get(CONSENTS, consent_id)
        if consent is not None:
            facts.put(CONSENTS, replace(consent, state=CONSENT_CHANGES[consent.state, "thaw"]))
        for case in facts.group(CASES, "subject_ref", subject_ref):
            if case.consent_id == consent_id and case.state != "closed":
                facts.put(CASES, _closed(case, now))

    await _settle(
        appender, by, trail, {"act": "thaw", "consent": consent_id},
        [Need(CONSENTS, consent_id), Need(CASES, subject_ref, "subject_ref")],
        lambda facts: judge_thaw(facts.get(CONSENTS, consent_id), subject_ref), apply,
    )  # fmt: skip


def _closed(case: RightsCase, now: datetime) -> RightsCase:
    return replace(case, state="closed", outcome=case.outcome or "taken_back", closed_at=now)


async def _settle(
    appender: Appender,
    by: Holder,
    trail: Trail,
    details: dict[str, str],
    needs: list[Need],
    judged: Callable[[Facts], Verdict],
    apply: Callable[[Facts, datetime, Verdict], None],
) -> None:
    settled = await appender.submit(
        Work(
            kind="rights",
            caller=counted_as("rights", by),
            trail=trail,
            load=[*by_needs(by), *needs],
            judge=lambda facts, now: first_refusal(judged_by(facts, by, now), judged(facts)),
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event("rights", trail, actor_of(by), details)],
        )
    )
    settled.verdict.enforce()
