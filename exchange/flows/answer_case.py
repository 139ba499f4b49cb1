"""An agency's data officer looks at the cases of citizens and answers them within 72 hours (UU 27/2022 art. 30, 32, 41, 43, 53).

The answer is one batch item: outcome, entry, message. A frozen consent stays frozen: the data officer may propose that it goes on, and
the citizen decides on the own page. An erasure that is granted destroys the keys in the same item (``exchange.erasing``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Officer
from auth.grants import first_refusal
from auth.rights import judge_case, judge_outcome
from auth.roles import RESOLVE
from auth.verdict import ALLOWED, AccessRefused, Verdict
from exchange.acts import caller_details, caller_needs, demand_right, judged_caller
from exchange.citizen import Letter
from exchange.erasing import TURNS_MET, Erasure, prepared
from storage.database import Database
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.outbox import addresses_of
from storage.rights import CASES, RightsCase, case_by_id, cases_of_agency


@dataclass(frozen=True, slots=True)
class Answer:
    """``text`` is what the citizen reads; ``thaw``: the frozen consent may go on, if the citizen agrees."""

    outcome: str
    text: str
    thaw: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A case with what the citizen wrote and what was answered."""

    case: RightsCase
    text: str
    answer: str


Notice = Letter[[RightsCase, str]]
"""Made from the case and its outcome."""


async def listed(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    by: Officer,
    state: str,
    after: str,
    limit: int,
) -> list[RightsCase]:
    """Of the own agency: ``state`` open, overdue, answered, closed or all. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, RESOLVE, kind="rights", act="look")
    async with database.reading() as reading:
        return await cases_of_agency(reading, by.agency_id, state=state, after=after, limit=limit)


async def open_case(
    database: Database, keyring: Keyring, appender: Appender, *, case_id: str, by: Officer
) -> Opened:
    """Reading what a citizen wrote stands in the citizen's list. Raises ``AccessRefused`` alike for "not yours" and "not there"."""
    found, trail = await _found(database, keyring, case_id)

    def judge(facts: Facts, now: datetime) -> Verdict:
        case = facts.get(CASES, case_id)
        return first_refusal(judged_caller(facts, by, now, RESOLVE), judge_case(case, by.agency_id))

    settled = await appender.submit(
        Work(
            kind="rights",
            caller=by.actor,
            trail=trail,
            load=[*caller_needs(by), Need(CASES, case_id)],
            judge=judge,
            events=lambda _facts, _now, _verdict: [
                Event("rights", trail, by.actor, caller_details(by, act="look", case=case_id))
            ],
        )
    )
    settled.verdict.enforce()
    if found is None:
        raise AccessRefused("case_unknown")
    return await opened(keyring, found)


async def opened(keyring: Keyring, case: RightsCase) -> Opened:
    async def text(purpose: str, sealed: bytes) -> str:
        return (await keyring.unseal(case.subject_ref, purpose, sealed)).decode() if sealed else ""

    return Opened(
        case, await text(f"case/{case.id}", case.text), await text(f"case-answer/{case.id}", case.answer)
    )


async def answer(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    case_id: str,
    by: Officer,
    said: Answer,
    notice: Notice,
    backups: timedelta,
    now: datetime,
) -> RightsCase:
    """``backups``: how long those of the database are kept. Raises ``AccessRefused`` after the refusal is on record."""
    found, trail = await _found(database, keyring, case_id)
    for _ in range(TURNS_MET):
        erasure = await _erasure(database, keyring, found, said, now)
        answering = await _answering(
            database, keyring, trail, case_id, found, by, said, notice, erasure, backups, now
        )
        settled = await appender.submit(answering.work)
        if settled.verdict.reason != "keys_changed":
            break
    settled.verdict.enforce()
    if erasure is not None:
        keyring.forget(trail.subject_ref)
    return answering.kept[0]


@dataclass(frozen=True, slots=True)
class _Answering:
    """The item, and the case as it left it."""

    work: Work[Verdict]
    kept: list[RightsCase]


async def _answering(
    database: Database,
    keyring: Keyring,
    trail: Trail,
    case_id: str,
    found: RightsCase | None,
    by: Officer,
    said: Answer,
    notice: Notice,
    erasure: Erasure | None,
    backups: timedelta,
    now: datetime,
) -> _Answering:
    posted, sealed = None, b""
    effective_at = now + backups if erasure else None
    if found is not None:
        address = await addresses_of(database, keyring, found.subject_ref)
        told = replace(found, effective_at=effective_at)
        posted = notice.write(keyring, trail, address.values(), now, told, said.outcome)
        sealed = seal_field(trail, f"case-answer/{case_id}", said.text.encode())
    kept: list[RightsCase] = []
    erased: list[str] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        case = facts.get(CASES, case_id)
        return first_refusal(
            judged_caller(facts, by, now, RESOLVE),
            judge_case(case, by.agency_id),
            judge_outcome(case, said.outcome) if case else ALLOWED,
            erasure.judge(facts) if erasure else ALLOWED,
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        case = facts.get(CASES, case_id)
        if case is None:
            return
        kept[:] = [
            replace(
                case,
                state="answered",
                outcome=said.outcome,
                answer=sealed,
                offers_thaw=said.thaw,
                answered_by=by.actor,
                answered_at=now,
                effective_at=effective_at,
            )
        ]
        facts.put(CASES, kept[0])
        erased[:] = erasure.apply(facts) if erasure else []
        if posted is not None:
            posted.keep(facts)

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details: dict[str, Any] = caller_details(by, act="answer", case=case_id, outcome=said.outcome)
        if verdict.allowed and effective_at is not None:
            details |= {"erased": list(erased), "effective_at": effective_at.isoformat()}
        return [Event("rights", trail, by.actor, details)]

    work = Work(
        kind="rights",
        caller=by.actor,
        trail=trail,
        load=[
            *caller_needs(by),
            Need(CASES, case_id),
            *(erasure.needs if erasure else []),
            *(posted.needs if posted else []),
        ],
        judge=judge,
        apply=apply,
        events=events,
    )
    return _Answering(work, kept)


async def _erasure(
    database: Database, keyring: Keyring, case: RightsCase | None, said: Answer, now: datetime
) -> Erasure | None:
    """What goes with this answer; whether the officer may is judged in the batch."""
    if case is None or case.kind != "erasure" or case.state != "open" or said.outcome != "done":
        return None
    document_id = case.about_id if case.about == "document" else None
    return await prepared(
        database, keyring, case.subject_ref, lambda row: document_id in {None, row.document_id}, now
    )


async def _found(database: Database, keyring: Keyring, case_id: str) -> tuple[RightsCase | None, Trail]:
    async with database.reading() as reading:
        found = await case_by_id(reading, case_id)
    return found, (await keyring.trail(found.subject_ref) if found else keyring.site_trail())
