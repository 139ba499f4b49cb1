"""A paper that was filed under the wrong person, or is not what it is called, is voided by two officers (UU 27/2022 art. 29, 30, 46; L15, L28).

1. an officer of the agency that took it in reports one version of it: from then on it is served to nobody
2. another officer of that agency confirms: one batch item destroys what opens it, tells the citizen under whom it was filed and its owner,
   and starts the clock of each recipient under whose consent that very version was released
An older copy does not come back by itself: a newer one took its place, and whether it is the citizen's, and still right, nobody has
looked at since. A rejected report leaves everything as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from auth.callers import Officer
from auth.grants import first_refusal
from auth.rights import judge_reportable, judge_void
from auth.roles import SERVE
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import caller_needs, demand_right, judged_caller
from exchange.erasing import TURNS_MET
from exchange.family import trails_of
from exchange.own_papers import own_paper
from exchange.voiding import Ending, Letters, voided_event
from storage.database import Database
from storage.documents import CAME_IN, DISPUTED, VERSIONS, version_id
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Trail, Work
from storage.voids import VOIDS, VoidReport, void_by_id, voids_of_agency

SHOWN = 100
Voided: TypeAlias = VoidReport


@dataclass(frozen=True, slots=True)
class Wrong:
    """``reason`` is wrong_person or wrong_paper; ``belongs_to`` whose paper it is, empty for unknown."""

    reason: str
    belongs_to: str


async def report(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    document_id: str,
    version: int,
    wrong: Wrong,
    by: Officer,
) -> VoidReport:
    """Raises ``AccessRefused`` after the refusal is on record."""
    paper = await own_paper(database, keyring, by, document_id, version)
    owner = await _owner(keyring, wrong.belongs_to, paper.copy.subject_ref if paper.copy else "")
    void_id, row_id = new_id("vo"), version_id(document_id, version)
    kept: list[VoidReport] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        row = facts.get(VERSIONS, row_id) if paper.copy else None
        return first_refusal(paper.judge_own(facts, now), judge_reportable(row), owner)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        row = facts.get(VERSIONS, row_id)
        if row is None:
            return
        kept[:] = [
            VoidReport(
                void_id, row.id, row.document_id, row.version, row.type, row.subject_ref, by.agency_id, wrong.reason,
                wrong.belongs_to, row.state, "open", by.actor, now, "", None,
            )
        ]  # fmt: skip
        facts.put(VERSIONS, replace(row, state=DISPUTED))
        facts.put(VOIDS, kept[0])

    settled = await appender.submit(
        paper.work(
            judge,
            apply,
            lambda _verdict: paper.events("void_reported", (), reason=wrong.reason, report=void_id),
            [],
            lambda _facts, _now, _verdict: None,
        )
    )
    settled.verdict.enforce()
    return kept[0]


async def confirm(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    void_id: str,
    by: Officer,
    letters: Letters,
    now: datetime,
) -> VoidReport:
    """By another officer than reported it. Raises ``AccessRefused``."""
    for _ in range(TURNS_MET):
        ending = await Ending.prepared(database, keyring, void_id, by, letters, now)
        settled = await appender.submit(ending.work(by))
        if settled.verdict.reason != "keys_changed":
            break
    settled.verdict.enforce()
    keyring.forget(ending.trail.subject_ref)
    return ending.kept[0]


async def reject(
    database: Database, keyring: Keyring, appender: Appender, *, void_id: str, by: Officer
) -> VoidReport:
    """By anybody of the agency, who reported it too. The version is what it was. Raises ``AccessRefused``."""
    async with database.reading() as reading:
        found = await void_by_id(reading, void_id)
    trail = await _trail(keyring, found.subject_ref if found else "")
    kept: list[VoidReport] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        return first_refusal(
            judged_caller(facts, by, now, SERVE), judge_void(facts.get(VOIDS, void_id), by.agency_id)
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        current = facts.get(VOIDS, void_id)
        if current is None:
            return
        kept[:] = [replace(current, state="rejected", decided_by=by.actor, decided_at=now)]
        facts.put(VOIDS, kept[0])
        _come_back(facts, current)

    needs = [
        Need(VERSIONS, found.version_id),
        Need(VERSIONS, found.document_id, "document_id"),
    ] if found else []  # fmt: skip
    settled = await appender.submit(
        Work(
            kind="intake",
            caller=by.actor,
            trail=trail,
            load=[*caller_needs(by), Need(VOIDS, void_id), *needs],
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [voided_event(trail, by, "void_rejected", void_id, found)],
        )
    )
    settled.verdict.enforce()
    return kept[0]


async def listed(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer
) -> list[VoidReport]:
    """The newest of the own agency. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, SERVE, kind="intake", act="void_listed")
    async with database.reading() as reading:
        return await voids_of_agency(reading, by.agency_id, SHOWN)


def _come_back(facts: Facts, report: VoidReport) -> None:
    """What was current is current again, unless a newer copy came in meanwhile."""
    row = facts.get(VERSIONS, report.version_id)
    if row is None or row.state != DISPUTED:
        return  # erased meanwhile
    others = facts.group(VERSIONS, "document_id", report.document_id)
    newer = any(other.version > row.version and other.state in CAME_IN for other in others)
    facts.put(VERSIONS, replace(row, state="superseded" if newer else report.was))


async def _owner(keyring: Keyring, belongs_to: str, filed_under: str) -> Verdict:
    """May this citizen be the owner? Decided before the batch, told in it."""
    if not belongs_to:
        return ALLOWED
    if belongs_to == filed_under:
        return Refused("void_for_the_same")
    try:
        await keyring.trail(belongs_to)
    except KeyMissing:
        return Refused("subject_unknown")
    return ALLOWED


async def _trail(keyring: Keyring, subject_ref: str) -> Trail:
    return next(iter(await trails_of(keyring, [subject_ref] if subject_ref else [])), keyring.site_trail())
