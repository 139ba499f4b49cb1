"""A citizen's contacts at the counter: looked at, added, removed.

1. the values are opened before the lock, and a message is prepared for each contact there is, and for the one it is about
2. one batch item: the officer, the limits, the change; what rested on a contact that goes; the messages; the entry
Whoever changes a contact says so to the citizen at every contact: a number that somebody slipped in is noticed by its owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.callers import Officer
from auth.contacts import judge_addition, judge_removal, kept
from auth.grants import first_refusal
from auth.roles import SERVE
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, demand_right, judged_caller, refusal
from exchange.contacts import NewContact, SharedValues, contact_row, masked
from exchange.factors import end_proofs, proofs_needs
from exchange.limits import Limits, Reach
from exchange.requirements.numbers import contact_value
from storage.database import Database
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Settled, Trail, Work
from storage.outbox import MESSAGES, Address, Message, addresses_of, new_message
from storage.subjects import CONTACTS, ENROLMENTS, Contact

Words = Callable[[str], str]
"""The text of the message about a change, from the channel that it concerns."""


@dataclass(frozen=True, slots=True)
class Shown:
    contact: Contact
    masked: str


async def listed(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    officer: Officer,
    subject_ref: str,
    limits: Limits,
    now: datetime,
) -> list[Shown]:
    """Newest first, masked; a look is an entry. Raises ``AccessRefused`` after the refusal is on record."""
    trail = await _trail(keyring, appender, officer, subject_ref, "look")
    addresses = await addresses_of(database, keyring, subject_ref)
    found: list[Contact] = []

    def look(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        found[:] = kept(facts.group(CONTACTS, "subject_ref", subject_ref))

    await _settled(appender, officer, trail, limits, now, {"act": "look"}, apply=look)
    shown = [(row, addresses.get(row.id)) for row in found]
    return [Shown(row, masked(row.channel, there.to)) for row, there in shown if there]


async def add(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    officer: Officer,
    subject_ref: str,
    contact: NewContact,
    limits: Limits,
    words: Words,
    now: datetime,
) -> Shown:
    """It may carry a code when it has rested. Raises ``AccessRefused`` after the refusal is on record."""
    trail = await _trail(keyring, appender, officer, subject_ref, "add")
    row = contact_row(keyring, trail, contact, officer, now)
    value = contact_value(contact.channel, contact.value)
    shared = SharedValues(keyring, officer, [row], now)
    there = await addresses_of(database, keyring, subject_ref)
    told = _told(trail, {**there, row.id: Address(row.channel, value)}, words(row.channel), now)

    def judge(facts: Facts, now: datetime) -> Verdict:
        own = facts.group(CONTACTS, "subject_ref", subject_ref)
        return judge_addition(own, row.channel, row.value_index, now)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        facts.put(CONTACTS, replace(row, set_at=now))
        _tell(facts, subject_ref, told)
        shared.note(facts, now)

    details = {"act": "add", "channel": row.channel}
    settled = await _settled(
        appender, officer, trail, limits, now, details,
        judge=judge, apply=apply, load=shared.needs, more=shared.events,
    )  # fmt: skip
    return Shown(replace(row, set_at=settled.receipt.at), masked(row.channel, value))


async def remove(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    officer: Officer,
    subject_ref: str,
    contact_id: str,
    limits: Limits,
    words: Words,
    now: datetime,
) -> None:
    """What a code sent there has proved in the last minutes ends with it. Raises ``AccessRefused`` after the refusal is on record."""
    trail = await _trail(keyring, appender, officer, subject_ref, "remove")
    there = await addresses_of(database, keyring, subject_ref)
    going = there.get(contact_id)
    told = _told(trail, there, words(going.channel), now) if going else {}

    def judge(facts: Facts, now: datetime) -> Verdict:
        return judge_removal(facts.group(CONTACTS, "subject_ref", subject_ref), contact_id, now)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        _tell(facts, subject_ref, told)
        for row in facts.group(CONTACTS, "subject_ref", subject_ref):
            if row.id == contact_id:
                facts.put(CONTACTS, replace(row, value=b"", value_index="", removed_at=now))
        end_proofs(facts, subject_ref, contact_id, now)

    details = {"act": "remove", "channel": going.channel if going else None}
    needs = proofs_needs(subject_ref)
    await _settled(appender, officer, trail, limits, now, details, judge=judge, apply=apply, load=needs)


async def _trail(keyring: Keyring, appender: Appender, officer: Officer, subject_ref: str, act: str) -> Trail:
    """Who serves no counter is not told who is enrolled. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, officer, SERVE, kind="contact", act=act)
    try:
        return await keyring.trail(subject_ref)
    except KeyMissing:
        unknown, details = Refused("subject_unknown"), caller_details(officer, act=act)
        await appender.submit(refusal("contact", keyring.site_trail(), officer, unknown, details))
        raise AccessRefused("subject_unknown") from None


async def _settled(
    appender: Appender,
    officer: Officer,
    trail: Trail,
    limits: Limits,
    now: datetime,
    details: Mapping[str, Any],
    *,
    judge: Callable[[Facts, datetime], Verdict] = lambda _facts, _now: ALLOWED,
    apply: Callable[[Facts, datetime, Verdict], None],
    load: Sequence[Need] = (),
    more: Callable[[Facts], Iterable[Event]] = lambda _facts: (),
) -> Settled[Verdict]:
    """One batch item. Who is not enrolled yet has no contacts to keep."""
    reach = Reach(officer, [trail.subject_ref], limits, now)

    def judged(facts: Facts, now: datetime) -> Verdict:
        there = facts.get(ENROLMENTS, trail.subject_ref) is not None
        may = judged_caller(facts, officer, now), reach.judge(facts)
        return first_refusal(*may, ALLOWED if there else Refused("subject_unknown"), judge(facts, now))

    def applied(facts: Facts, now: datetime, verdict: Verdict) -> None:
        reach.count(facts, now)
        apply(facts, now, verdict)

    def events(facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        entry = Event("contact", trail, officer.actor, caller_details(officer, **details))
        return [entry, *(more(facts) if verdict.allowed else ())]

    settled = await appender.submit(
        Work(
            kind="contact",
            caller=officer.actor,
            trail=trail,
            load=[
                *caller_needs(officer),
                *reach.needs,
                Need(ENROLMENTS, trail.subject_ref),
                Need(CONTACTS, trail.subject_ref, "subject_ref"),
                *load,
            ],
            judge=judged,
            apply=applied,
            apply_refused=reach.count_refused,
            events=events,
        )
    )
    settled.verdict.enforce()
    return settled


def _told(trail: Trail, addresses: Mapping[str, Address], text: str, now: datetime) -> dict[str, Message]:
    return {
        contact_id: new_message(trail, address, "notice", text, now)
        for contact_id, address in addresses.items()
    }


def _tell(facts: Facts, subject_ref: str, told: Mapping[str, Message]) -> None:
    """Every contact there is in this moment: the one that comes, and the one that goes."""
    for row in kept(facts.group(CONTACTS, "subject_ref", subject_ref)):
        if row.id in told:
            facts.put(MESSAGES, told[row.id])
