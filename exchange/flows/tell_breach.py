"""Whom a breach touched, and that they are told (UU 27/2022 art. 46; L28).

1. the search: the ledger's own entries of that time, opened window by window; only references and document types come out
2. one batch item for each person, who sees it in the own trail; by message where there is a contact, else a letter is printed
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from auth.breaches import judge_open, judge_register
from auth.callers import Officer
from auth.grants import first_refusal
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import caller_needs
from exchange.breaches import Touched, breach_event, looked_up, may_keep, on_record, touched
from storage.agencies import OFFICERS
from storage.breaches import BREACH_PERSONS, BREACHES, Breach, BreachPerson, person_id, person_told
from storage.database import Database
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.history import rows_between
from storage.ledger.log import Appender
from storage.ledger.work import Work
from storage.outbox import MESSAGES, notices_to
from storage.subjects import subject_identity

ENTRIES_A_LOOK = 2_000


@dataclass(frozen=True, slots=True)
class Look:
    """One window of the search. ``next`` is where the following one begins, None at the end; ``erased`` counts entries that nobody
    can open any more.
    """

    persons: tuple[Touched, ...]
    scanned: int
    erased: int
    next: int | None


@dataclass(frozen=True, slots=True)
class Letter:
    """What a letter says, and to whom; ``name`` is plain: it goes on paper and nowhere else."""

    breach: Breach
    name: str


async def find_touched(
    database: Database, keyring: Keyring, appender: Appender, *, breach_id: str, by: Officer, after: int
) -> Look:
    """Raises ``AccessRefused``. The look itself is an entry."""
    breach = await looked_up(database, keyring, appender, breach_id, by, "search")
    async with database.reading() as reading:
        rows = await rows_between(reading, breach.from_at, breach.to_at, after=after, limit=ENTRIES_A_LOOK)
    found, erased = await touched(keyring, breach, rows)
    last = rows[-1]["idx"] if len(rows) == ENTRIES_A_LOOK else None
    return Look(tuple(found), len(rows), erased, last)


async def tell(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    breach_id: str,
    subject_refs: Sequence[str],
    text: Callable[[Breach], str],
    by: Officer,
    now: datetime,
) -> dict[str, str]:
    """Citizen -> message, letter (no contact: print it), told_before, not_touched. Raises ``AccessRefused`` when the caller may not, or the
    register is closed; nobody is told then.
    """
    breach = await looked_up(database, keyring, appender, breach_id, by, "tell")
    outcomes = await asyncio.gather(
        *(
            _tell_one(database, keyring, appender, breach, subject_ref, text(breach), by, now)
            for subject_ref in dict.fromkeys(subject_refs)
        )
    )
    return dict(outcomes)


async def letter(
    database: Database, keyring: Keyring, appender: Appender, *, breach_id: str, subject_ref: str, by: Officer
) -> Letter:
    """For who was found and told. The name is read for it: an entry on the citizen's own trail. Raises ``AccessRefused``."""
    breach = await looked_up(database, keyring, appender, breach_id, by, "letter")
    async with database.reading() as reading:
        person = await person_told(reading, breach_id, subject_ref)
        sealed = await subject_identity(reading, subject_ref)
    try:
        trail = await keyring.trail(subject_ref) if person else None
    except KeyMissing:
        trail = None
    known = ALLOWED if trail is not None and sealed is not None else Refused("person_not_touched")
    await on_record(appender, trail or keyring.site_trail(), by, "letter", breach_id, lambda _facts: known)
    identity = json.loads(await keyring.unseal(subject_ref, "identity", sealed or b""))
    return Letter(breach, identity["name"])


async def _tell_one(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    breach: Breach,
    subject_ref: str,
    text: str,
    by: Officer,
    now: datetime,
) -> tuple[str, str]:
    async with database.reading() as reading:
        rows = await rows_between(
            reading, breach.from_at, breach.to_at, after=-1, limit=ENTRIES_A_LOOK, subject_ref=subject_ref
        )
    found, _ = await touched(keyring, breach, rows)
    if not found:
        return subject_ref, "not_touched"
    trail = await keyring.trail(subject_ref)
    messages = await notices_to(database, keyring, trail, text, now)
    way = "message" if messages else "letter"
    row_id = person_id(breach.id, subject_ref)
    before = [False]

    def judge(facts: Facts, now: datetime) -> Verdict:
        row, officer = facts.get(BREACHES, breach.id), facts.get(OFFICERS, by.id)
        role = officer.role if officer else ""
        return first_refusal(
            may_keep(facts, by, now), judge_register(row, role, by.agency_id), judge_open(row)
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        before[0] = facts.get(BREACH_PERSONS, row_id) is not None
        if before[0]:
            return
        facts.put(BREACH_PERSONS, BreachPerson(row_id, breach.id, subject_ref, now, way))
        for message in messages:
            facts.put(MESSAGES, message)

    settled = await appender.submit(
        Work(
            kind="breach",
            caller=by.actor,
            trail=trail,
            load=[
                *caller_needs(by),
                Need(BREACHES, breach.id),
                Need(BREACH_PERSONS, row_id),
                *(Need(MESSAGES, message.id) for message in messages),
            ],
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [breach_event(trail, by, "told", breach.id)],
        )
    )
    settled.verdict.enforce()
    return subject_ref, "told_before" if before[0] else way
