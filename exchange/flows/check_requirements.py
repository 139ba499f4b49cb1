"""Readiness: is everything that a service requires on file? (M01 to M05)

1. find the citizen through the keyed index of the NIK, or by reference
2. evaluate the service on the metadata of what is on file; no object is opened
3. one batch item: caller and budget judged (every citizen counts), the look stands in each citizen's trail
4. only then the answer; of a sensitive type it says ``ask`` and nothing else
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from auth.callers import Caller
from auth.grants import first_refusal
from auth.limits import judge_budget
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.holdings import evaluated, own_service
from exchange.limits import Limits, Reach, typed_number
from exchange.requirements.catalogue import Catalogue, Service
from exchange.requirements.rules import Evaluation
from storage.database import Database
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.work import Event, Trail, Work
from storage.limits import BUDGETS, HourlyBudget
from storage.subjects import enrolled_by_nik


@dataclass(frozen=True, slots=True)
class Readiness:
    """``evaluation`` is unmasked: the route masks sensitive types before it answers."""

    subject_ref: str
    service: Service
    evaluation: Evaluation


async def find_subject(database: Database, keyring: Keyring, nik: str) -> str | None:
    async with database.reading() as reading:
        return await enrolled_by_nik(reading, keyring.nik_index(nik))


async def check(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    catalogue: Catalogue,
    *,
    caller: Caller,
    subject_ref: str | None,
    service_code: str,
    parties: Mapping[str, Sequence[str]],
    answers: Mapping[str, bool],
    limit_per_hour: int,
    limits: Limits,
    typed: str | None,
    today: date,
    now: datetime,
) -> Readiness:
    """``subject_ref`` None: the NIK ``typed`` is not enrolled. Raises ``AccessRefused`` after the refusal is on record."""
    refusal = None
    evaluation = None
    service = None
    citizens = dict.fromkeys((subject_ref, *(ref for refs in parties.values() for ref in refs)))
    trails = await _trails(keyring, list(citizens))
    try:
        service = await own_service(database, catalogue, caller, service_code)
    except AccessRefused as refused:
        # Before the citizen: a service that is not theirs tells nobody who is enrolled.
        refusal = Refused(refused.reason)
        trails = trails or [keyring.site_trail()]
    else:
        if subject_ref is None or trails is None:
            refusal = Refused("subject_unknown")
            trails = [keyring.site_trail()]
        else:
            evaluation = await evaluated(database, catalogue, service, subject_ref, parties, answers, today)
    number = None if typed is None else typed_number(keyring, caller, typed, limits, now)
    # Whoever is looked at counts, also who is not there: else a spent limit would tell the two apart.
    people = [ref or (number.number if number else "") for ref in citizens]
    reach = Reach(caller, people, limits, now, number)
    verdict = await _recorded(
        appender, caller, trails, len(citizens), service_code, refusal, limit_per_hour, reach, now
    )
    verdict.enforce()
    if subject_ref is None or service is None or evaluation is None:
        raise AccessRefused("subject_unknown")
    return Readiness(subject_ref, service, evaluation)


async def _trails(keyring: Keyring, refs: Sequence[str | None]) -> list[Trail] | None:
    """One trail for each citizen looked at; None when one of them is not enrolled."""
    try:
        return [await keyring.trail(ref) for ref in dict.fromkeys(refs) if ref is not None]
    except KeyMissing:
        return None


async def _recorded(
    appender: Appender,
    caller: Caller,
    trails: Sequence[Trail],
    looks: int,
    service_code: str,
    refusal: Refused | None,
    limit_per_hour: int,
    reach: Reach,
    now: datetime,
) -> Verdict:
    budget_id = f"{caller.id}/{now:%Y-%m-%dT%H}"

    def judge(facts: Facts, now: datetime) -> Verdict:
        budget = facts.get(BUDGETS, budget_id)
        verdicts = [
            judged_caller(facts, caller, now, service=service_code),
            judge_budget((budget.used if budget else 0) + looks - 1, limit_per_hour),
            reach.judge(facts),
        ]
        return first_refusal(*verdicts, *([refusal] if refusal else []))

    def look(facts: Facts) -> None:
        budget = facts.get(BUDGETS, budget_id)
        facts.put(BUDGETS, HourlyBudget(budget_id, (budget.used if budget else 0) + looks))

    def count(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        look(facts)
        reach.count(facts, now)

    def count_refused(facts: Facts, now: datetime, verdict: Verdict) -> None:
        """A look for an unknown NIK counts too: guessing is what the budget is for."""
        look(facts)
        reach.count_refused(facts, now, verdict)

    details = caller_details(caller, service=service_code)
    settled = await appender.submit(
        Work(
            kind="readiness",
            caller=caller.actor,
            trail=trails[0],
            load=[
                *caller_needs(caller),
                Need(BUDGETS, budget_id),
                *reach.needs,
                *(Need(SUBJECT_TRAILS, trail.subject_ref) for trail in trails),
            ],
            judge=judge,
            apply=count,
            apply_refused=count_refused,
            events=lambda _facts, _now, _verdict: [
                Event("readiness", trail, caller.actor, details) for trail in trails
            ],
        )
    )
    return settled.verdict
