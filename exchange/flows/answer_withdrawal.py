"""A recipient says what it did after a withdrawal: stopped, deleted, or kept by law (UU 27/2022 art. 40, 43).

1. its officers and its data officer see what is owed, from the moment of the withdrawal
2. the answer is one batch item: the clock stops, the entry stands in the citizen's list, the citizen is told
An answer is given once; who stopped, or kept by law, may delete later and say so. What was never received was answered by the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Officer
from auth.grants import first_refusal
from auth.rights import judge_answer
from auth.roles import WITHDRAW
from auth.verdict import AccessRefused, Verdict
from exchange.acts import caller_details, caller_needs, demand_right, judged_caller
from exchange.citizen import Letter
from storage.consents import ITEMS, ConsentItem, consent_by_id
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import addresses_of
from storage.rights import (
    WITHDRAWALS,
    Withdrawal,
    withdrawal_by_id,
    withdrawals_of_agency,
    withdrawals_owed,
)
from storage.voids import VoidReport, voids_by_id


@dataclass(frozen=True, slots=True)
class Answer:
    """``word`` is stopped, deleted or kept; ``article`` the law and article that orders to keep, else empty."""

    word: str
    article: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A withdrawal as its recipient sees it; ``types`` are the document types that were granted. ``paper`` is the document and version
    that was filed wrongly, where that is what it is about.
    """

    withdrawal: Withdrawal
    types: tuple[str, ...]
    paper: tuple[str, int] | None = None


Notice = Letter[[str, str, Answer, str]]
"""Made from the recipient's id, the kind of the withdrawal, the answer, and the request's id, whose number people know."""


async def listed(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    by: Officer,
    state: str,
    after: str,
    limit: int,
) -> list[Owed]:
    """Of the own agency: ``state`` open, overdue, answered or all. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, WITHDRAW, kind="withdraw", act="look")
    async with database.reading() as reading:
        if state in {"open", "overdue"}:
            rows = await withdrawals_owed(
                reading, by.agency_id, overdue=state == "overdue", after=after, limit=limit
            )
        else:
            rows = await withdrawals_of_agency(
                reading, by.agency_id, answered=state == "answered", after=after, limit=limit
            )
        items = await ITEMS.load(reading.raw, "consent_id", [row.consent_id for row in rows])
        voids = await voids_by_id(reading, [row.case_id for row in rows if row.kind == "voided"])
    return [_owed(row, items, voids.get(row.case_id)) for row in rows]


def _owed(row: Withdrawal, items: Sequence[ConsentItem], void: VoidReport | None) -> Owed:
    if void is not None:
        return Owed(row, (void.document_type,), (void.document_id, void.version))
    return Owed(row, _granted(items, row.consent_id))


def _granted(items: Sequence[ConsentItem], consent_id: str) -> tuple[str, ...]:
    granted = [item for item in items if item.consent_id == consent_id and item.decision == "granted"]
    return tuple(item.document_type for item in sorted(granted, key=lambda item: item.id))


async def answer(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    withdrawal_id: str,
    by: Officer,
    said: Answer,
    notice: Notice,
    now: datetime,
) -> Withdrawal:
    """Raises ``AccessRefused`` after the refusal is on record, alike for "not yours" and "not there"."""
    async with database.reading() as reading:
        found = await withdrawal_by_id(reading, withdrawal_id)
        consent = await consent_by_id(reading, found.consent_id) if found else None
    trail = await keyring.trail(found.subject_ref) if found else keyring.site_trail()
    address = await addresses_of(database, keyring, found.subject_ref) if found else {}
    posted = None
    if found is not None and consent is not None:
        about = (found.agency_id, found.kind, said, consent.request_id)
        posted = notice.write(keyring, trail, address.values(), now, *about)
    kept: list[Withdrawal] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        return first_refusal(
            judged_caller(facts, by, now, WITHDRAW),
            judge_answer(facts.get(WITHDRAWALS, withdrawal_id), by.agency_id, said.word),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        current = facts.get(WITHDRAWALS, withdrawal_id)
        if current is None:
            return
        kept[:] = [
            replace(current, answer=said.word, article=said.article, answered_by=by.actor, answered_at=now)
        ]
        facts.put(WITHDRAWALS, kept[0])
        if posted is not None:
            posted.keep(facts)

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details = caller_details(by, act="answer", withdrawal=withdrawal_id, answer=said.word)
        if found is not None and verdict.allowed:
            details |= {"consent": found.consent_id, "service": found.service}
            details |= {"article": said.article} if said.article else {}
        return [Event("withdraw", trail, by.actor, details)]

    settled = await appender.submit(
        Work(
            kind="withdraw",
            caller=by.actor,
            trail=trail,
            load=[
                *caller_needs(by),
                Need(WITHDRAWALS, withdrawal_id),
                *(posted.needs if posted else []),
            ],
            judge=judge,
            apply=apply,
            events=events,
        )
    )
    settled.verdict.enforce()
    if not kept:
        raise AccessRefused("withdrawal_unknown")
    return kept[0]
