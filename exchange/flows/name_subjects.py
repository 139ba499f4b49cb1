"""An officer writes down whom a paper names (N06): the paper itself, at the counter that took it in, is the evidence.

1. find the paper's newest copy, and the person
2. one batch item: caller, paper and person judged live; the row, the copy's list, an entry for the holder and one for the person
What a copy shows is the copy's: a newer one begins without names, so that nobody is told of a paper they no longer stand on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Officer
from auth.grants import first_refusal
from auth.representation import judge_naming
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.family import trail_needs, trails_of
from exchange.limits import Limits, Reach
from exchange.own_papers import own_paper
from exchange.requirements.numbers import mask_name
from storage.database import Database
from storage.documents import (
    NamedPerson,
    named_id,
    named_on,
)
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.subjects import ENROLMENTS, subject_identity
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the paper names. ``regions`` are mappings of page, x, y, width and height (fractions of the page)."""

    subject_ref: str
    role: str
    child_of: tuple[str, ...] = ()
    regions: tuple[Mapping[str, float], ...] = ()


Named = NamedPerson


@dataclass(frozen=True, slots=True)
class Shown:
    """A row with the masked name."""

    row: NamedPerson
    name: str


async def name_person(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    *,
    caller: Officer,
    document_id: str,
    person: Person,
    limits: Limits,
    now: datetime,
) -> NamedPerson:
    """Naming somebody again replaces what was written before. Raises ``AccessRefused`` after the refusal is on record."""
    paper = await own_paper(database, keyring, caller, document_id)
    copy, reference = paper.copy, person.subject_ref
    others = await trails_of(keyring, [reference])
    others = tuple(trail for trail in others if trail.subject_ref != paper.trail.subject_ref)
    reach = Reach(caller, [reference], limits, now)
    row = NamedPerson(
        id=named_id(copy.id if copy else "", reference),
        version_id=copy.id if copy else "",
        document_id=document_id,
        subject_ref=reference,
        role=person.role,
        child_of=Json(json.dumps(list(person.child_of))),
        regions=Json(json.dumps([dict(region) for region in person.regions])),
        named=True,
        named_by=caller.actor,
        named_at=now,
    )

    def judge(facts: Facts, now: datetime) -> Verdict:
        verdict = first_refusal(paper.judge(facts, now), reach.judge(facts))
        if not verdict.allowed or copy is None:
            return verdict
        if facts.get(ENROLMENTS, reference) is None:
            return Refused("subject_unknown")
        return judge_naming(
            copy.subject_ref,
            paper.people(facts),
            subject_ref=reference,
            role=person.role,
            child_of=person.child_of,
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        reach.count(facts, now)
        paper.keep(facts, replace(row, named_at=now))

    settled = await appender.submit(
        paper.work(
            judge,
            apply,
            lambda verdict: paper.events("named", others if verdict.allowed else (), role=person.role),
            [Need(ENROLMENTS, reference), *reach.needs, *trail_needs(others)],
            reach.count_refused,
        )
    )
    settled.verdict.enforce()
    if copy is None:
        raise AccessRefused("version_unknown")
    vault.forget(document_id, copy.version)
    return row


async def take_back(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    *,
    caller: Officer,
    document_id: str,
    subject_ref: str,
) -> None:
    """The paper does not name this person after all. Raises ``AccessRefused`` after the refusal is on record."""
    paper = await own_paper(database, keyring, caller, document_id)
    others = await trails_of(keyring, [subject_ref])
    others = tuple(trail for trail in others if trail.subject_ref != paper.trail.subject_ref)

    def found(facts: Facts) -> NamedPerson | None:
        rows = (row for row in paper.people(facts) if row.named and row.subject_ref == subject_ref)
        return next(rows, None)

    def judge(facts: Facts, now: datetime) -> Verdict:
        verdict = paper.judge(facts, now)
        return Refused("not_named") if verdict.allowed and found(facts) is None else verdict

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        row = found(facts)
        if row is not None:
            paper.keep(facts, replace(row, named=False, named_by=caller.actor, named_at=now))

    settled = await appender.submit(
        paper.work(
            judge,
            apply,
            lambda verdict: paper.events("unnamed", others if verdict.allowed else ()),
            trail_needs(others),
            lambda _facts, _now, _verdict: None,
        )
    )
    settled.verdict.enforce()
    if paper.copy is not None:
        vault.forget(document_id, paper.copy.version)


async def listed(
    database: Database, keyring: Keyring, appender: Appender, *, caller: Officer, document_id: str
) -> list[Shown]:
    """Whom the newest copy names, masked; the look is on record. Raises ``AccessRefused`` likewise."""
    paper = await own_paper(database, keyring, caller, document_id)
    settled = await appender.submit(
        paper.work(
            paper.judge,
            lambda _facts, _now, _verdict: None,
            lambda _verdict: paper.events("names_listed", ()),
            (),
            lambda _facts, _now, _verdict: None,
        )
    )
    settled.verdict.enforce()
    async with database.reading() as reading:
        rows = await named_on(reading, paper.copy.id if paper.copy else "")
        sealed = {row.subject_ref: await subject_identity(reading, row.subject_ref) for row in rows}
    return [Shown(row, await _masked(keyring, row.subject_ref, sealed[row.subject_ref])) for row in rows]


async def _masked(keyring: Keyring, subject_ref: str, sealed: bytes | None) -> str:
    """Empty when the person was erased."""
    try:
        identity = json.loads(await keyring.unseal(subject_ref, "identity", sealed or b""))
    except KeyMissing:
        return ""
    return mask_name(identity["name"])
