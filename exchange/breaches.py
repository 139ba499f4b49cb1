"""What keeping a breach register and writing to whom it touched share: who may, the entries, whose papers were seen."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auth.breaches import judge_register
from auth.callers import Officer
from auth.grants import first_refusal
from auth.roles import BREACH, judge_strong
from auth.verdict import AccessRefused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from storage.agencies import OFFICERS, SESSIONS
from storage.breaches import BREACHES, Breach, breach_by_id
from storage.database import Database
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.history import opened
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work

# What a reader may have learned something from. A question, a code or a withdrawal tells nothing about a paper.
TELLING = frozenset({"release", "redelivery", "readiness", "ticket", "intake"})


@dataclass(frozen=True, slots=True)
class Touched:
    """A citizen with entries of that time: their numbers in the ledger, and the document types in them."""

    subject_ref: str
    entries: tuple[int, ...]
    types: tuple[str, ...]


async def looked_up(
    database: Database, keyring: Keyring, appender: Appender, breach_id: str, by: Officer, act: str
) -> Breach:
    """The breach, after the look is on record. Raises ``AccessRefused``."""
    async with database.reading() as reading:
        breach = await breach_by_id(reading, breach_id)

    def judge(facts: Facts) -> Verdict:
        officer = facts.get(OFFICERS, by.id)
        return judge_register(facts.get(BREACHES, breach_id), officer.role if officer else "", by.agency_id)

    await on_record(appender, keyring.site_trail(), by, act, breach_id, judge)
    if breach is None:
        raise AccessRefused("breach_unknown")
    return breach


async def on_record(
    appender: Appender, trail: Trail, by: Officer, act: str, breach_id: str, judge: Callable[[Facts], Verdict]
) -> None:
    settled = await appender.submit(
        Work(
            kind="breach",
            caller=by.actor,
            trail=trail,
            load=[*caller_needs(by), Need(BREACHES, breach_id)],
            judge=lambda facts, now: first_refusal(may_keep(facts, by, now), judge(facts)),
            events=lambda _facts, _now, _verdict: [breach_event(trail, by, act, breach_id)],
        )
    )
    settled.verdict.enforce()


def may_keep(facts: Facts, by: Officer, now: datetime) -> Verdict:
    session = facts.get(SESSIONS, by.session_id)
    strong = judge_strong(shown=session is not None and session.strong)
    return first_refusal(judged_caller(facts, by, now, BREACH), strong)


def breach_event(trail: Trail, by: Officer, act: str, breach_id: str) -> Event:
    return Event("breach", trail, by.actor, caller_details(by, act=act, breach=breach_id))


async def touched(keyring: Keyring, breach: Breach, rows: Sequence[Any]) -> tuple[list[Touched], int]:
    """Whose entries are meant, and how many nobody can open any more."""
    numbers: dict[str, list[int]] = defaultdict(list)
    types: dict[str, dict[str, None]] = defaultdict(dict)
    erased = 0
    for row in rows:
        try:
            body = json.loads(opened(await keyring.trail(row["subject_ref"]), row)[1])
        except KeyMissing:
            erased += 1
            continue
        if _meant(breach, body):
            numbers[row["subject_ref"]].append(row["idx"])
            types[row["subject_ref"]].update(dict.fromkeys(_types(body)))
    found = [Touched(ref, tuple(seen), tuple(types[ref])) for ref, seen in numbers.items()]
    return found, erased


def _meant(breach: Breach, body: dict[str, Any]) -> bool:
    return (
        body["type"] in TELLING
        and body["result"]["allowed"]
        and breach.of_agency in {"", body.get("agency")}
        and breach.actor in {"", body["actor"]}
    )


def _types(body: dict[str, Any]) -> list[str]:
    named = body.get("document_type")
    return [named] if named else list(body.get("document_types", ()))
