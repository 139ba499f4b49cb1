"""A citizen is enrolled at the first visit.

1. check the NIK (N1 to N11; an old region code is a warning)
2. one ordinary transaction: reference, keys, sealed identity
3. one batch item: the contacts, and the entry
A known NIK answers with the same reference and changes nothing. An enrolment that broke between 2 and 3 is finished
by the next attempt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from auth.callers import Caller
from auth.grants import first_refusal
from auth.verdict import Verdict
from exchange.acts import caller_details, caller_needs, judged_caller, refusal
from exchange.contacts import NewContact, SharedValues, contact_row
from exchange.limits import Limits, Reach, TypedNumber, standing, typed_number
from exchange.requirements.numbers import Nik
from storage.citizen_keys import insert_first_keys
from storage.database import Database
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.subjects import CONTACTS, ENROLMENTS, Enrolment, insert_subject, subject_by_nik


@dataclass(frozen=True, slots=True)
class Enrolled:
    subject_ref: str
    created: bool


async def enrol(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    caller: Caller,
    nik: Nik,
    name: str,
    birth_date: date | None,
    contacts: Sequence[NewContact],
    limits: Limits,
    now: datetime,
) -> Enrolled:
    """Raises ``AccessRefused`` when the caller may not act any more, or has reached too many citizens."""
    number = typed_number(keyring, caller, nik.number, limits, now)
    await _stopped_early(database, keyring, appender, caller, nik, number, limits, now)
    trail = await _subject(database, keyring, nik=nik, name=name, birth_date=birth_date, now=now)
    known = False
    reach = Reach(caller, [trail.subject_ref], limits, now, number)
    rows = [contact_row(keyring, trail, contact, caller, now) for contact in contacts]
    shared = SharedValues(keyring, caller, rows, now)

    def judge(facts: Facts, now: datetime) -> Verdict:
        return first_refusal(judged_caller(facts, caller, now), reach.judge(facts))

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        nonlocal known
        reach.count(facts, now)
        known = facts.get(ENROLMENTS, trail.subject_ref) is not None
        if known:
            return
        facts.put(ENROLMENTS, Enrolment(trail.subject_ref, caller.actor, now))
        for row in rows:
            facts.put(CONTACTS, replace(row, set_at=now))
        shared.note(facts, now)

    settled = await appender.submit(
        Work(
            kind="contact",
            caller=caller.actor,
            trail=trail,
            load=[*caller_needs(caller), *reach.needs, *shared.needs, Need(ENROLMENTS, trail.subject_ref)],
            judge=judge,
            apply=apply,
            apply_refused=reach.count_refused,
            events=lambda facts, _now, verdict: [
                Event(
                    "contact",
                    trail,
                    caller.actor,
                    caller_details(
                        caller,
                        act="enrol",
                        # A known citizen keeps the contacts there are; the entry says that the number was typed in.
                        known=True if known else None,
                        channels=None if known else [row.channel for row in rows],
                    ),
                ),
                *(shared.events(facts) if verdict.allowed and not known else []),
            ],
        )
    )
    settled.verdict.enforce()
    return Enrolled(trail.subject_ref, created=not known)


async def _stopped_early(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    caller: Caller,
    nik: Nik,
    number: TypedNumber,
    limits: Limits,
    now: datetime,
) -> None:
    """Who is over a limit makes no citizen of the number. Raises ``AccessRefused`` after the refusal is on record."""
    async with database.reading() as reading:
        known = await subject_by_nik(reading, keyring.nik_index(nik.number))
    reach = Reach(caller, [known or number.number], limits, now, number)
    verdict = await standing(database, reach)
    if not verdict.allowed:
        details = caller_details(caller, act="enrol")
        refused = refusal("contact", keyring.site_trail(), caller, verdict, details)
        await appender.submit(replace(refused, load=reach.needs, apply_refused=reach.count_refused))
        verdict.enforce()


async def _subject(
    database: Database, keyring: Keyring, *, nik: Nik, name: str, birth_date: date | None, now: datetime
) -> Trail:
    index = keyring.nik_index(nik.number)
    async with database.transaction() as transaction:
        known = await subject_by_nik(transaction, index)
        if known is None:
            subject_ref = new_id("sbj")
            keys, trail = await keyring.fresh_citizen(subject_ref, now)
            identity = {
                "nik": nik.number,
                "name": name,
                "birth_date": birth_date.isoformat() if birth_date else None,
            }
            sealed = seal_field(trail, "identity", json.dumps(identity).encode())
            if await insert_subject(
                transaction, subject_ref=subject_ref, nik_index=index, identity=sealed, now=now
            ):
                await insert_first_keys(transaction, keys)
                return trail
            known = await subject_by_nik(transaction, index)
    return await keyring.trail(str(known))
