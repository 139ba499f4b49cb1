"""A death ends everything that only the citizen could uphold (AKTA_KEMATIAN; UU 27/2022 art. 42).

1. an officer of the register of deaths reports it, with the death certificate on file, whose bytes are pinned by hash
2. another officer of the register confirms it: one batch item ends all live and frozen consents of the citizen, and those that the
   citizen gave for others; open requests end; each recipient gets its clock
3. from then on nothing is asked in the citizen's name. The family is told nothing
A report that was confirmed by mistake is undone by two persons as well: requests are possible again, consents are given anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from auth.callers import Officer
from auth.grants import CONSENT_CHANGES, changed, first_refusal
from auth.rights import judge_alive, judge_evidence, judge_other_officer, judge_report
from auth.roles import SERVE
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, demand_right, judged_caller
from exchange.family import trails_of
from exchange.received import Received, owed, received
from storage.consents import CONSENTS, REQUESTS, Consent
from storage.database import Database, Reading
from storage.documents import VERSIONS, version_id
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.work import Event, Trail, Work
from storage.rights import DEATHS, WITHDRAWALS, DeathReport, death_report_by_id, death_reports_of_agency

SHOWN = 100
CERTIFICATE = "AKTA_KEMATIAN"
DeathReported: TypeAlias = DeathReport


@dataclass(frozen=True, slots=True)
class Evidence:
    document_id: str
    version: int


async def report(
    keyring: Keyring,
    appender: Appender,
    *,
    subject_ref: str,
    evidence: Evidence,
    is_register: bool,
    by: Officer,
) -> DeathReport:
    """``is_register``: death certificates are what this agency issues. Raises ``AccessRefused`` after the refusal is on record."""
    try:
        trail, unknown = await keyring.trail(subject_ref), None
    except KeyMissing:
        trail, unknown = keyring.site_trail(), Refused("subject_unknown")
    report_id, paper = new_id("dr"), version_id(evidence.document_id, evidence.version)
    kept: list[DeathReport] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        return first_refusal(
            judged_caller(facts, by, now, SERVE),
            ALLOWED if is_register else Refused("register_of_another_agency"),
            unknown or ALLOWED,
            judge_alive(facts.group(DEATHS, "subject_ref", subject_ref)),
            judge_evidence(facts.get(VERSIONS, paper), subject_ref),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        version = facts.get(VERSIONS, paper)
        pinned = version.sha256 if version else ""
        kept[:] = [
            DeathReport(
                report_id, subject_ref, by.agency_id, evidence.document_id, evidence.version, pinned, by.actor, now, "open", "", None,
                "", "", None,
            )
        ]  # fmt: skip
        facts.put(DEATHS, kept[0])

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details = caller_details(by, act="report", doc={"id": evidence.document_id, "ver": evidence.version})
        details |= {"report": report_id, "sha256": kept[0].sha256} if verdict.allowed else {}
        return [Event("death", trail, by.actor, details)]

    settled = await appender.submit(
        Work(
            kind="death",
            caller=by.actor,
            trail=trail,
            load=[*caller_needs(by), Need(DEATHS, subject_ref, "subject_ref"), Need(VERSIONS, paper)],
            judge=judge,
            apply=apply,
            events=events,
        )
    )
    settled.verdict.enforce()
    return kept[0]


async def confirm(
    database: Database, keyring: Keyring, appender: Appender, *, report_id: str, by: Officer
) -> DeathReport:
    """By another officer than reported it. Raises ``AccessRefused``."""
    ending = await _Ending.prepared(database, keyring, report_id)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        current = facts.get(DEATHS, report_id)
        evidence = version_id(current.document_id, current.version) if current else ""
        return first_refusal(
            judge_report(current, by.agency_id, "open"),
            judge_other_officer(current.reported_by if current else "", by.actor),
            judge_evidence(facts.get(VERSIONS, evidence), current.subject_ref) if current else ALLOWED,
        )

    return await _decided(appender, ending, by, "confirm", judge)


async def reject(
    database: Database, keyring: Keyring, appender: Appender, *, report_id: str, by: Officer
) -> DeathReport:
    """By anybody of the register, who reported it too. Raises ``AccessRefused``."""
    ending = await _Ending.prepared(database, keyring, report_id)
    return await _decided(
        appender, ending, by, "reject",
        lambda facts, _now: judge_report(facts.get(DEATHS, report_id), by.agency_id, "open"),
    )  # fmt: skip


async def undo(
    database: Database, keyring: Keyring, appender: Appender, *, report_id: str, by: Officer
) -> DeathReport:
    """The first call asks for it, the second, by another officer, does it. Raises ``AccessRefused``."""
    ending = await _Ending.prepared(database, keyring, report_id)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        current = facts.get(DEATHS, report_id)
        return first_refusal(
            judge_report(current, by.agency_id, "confirmed"),
            judge_other_officer(current.undo_by if current else "", by.actor),
        )

    return await _decided(appender, ending, by, "undo", judge)


async def listed(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer
) -> list[DeathReport]:
    """The newest of the own agency. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, SERVE, kind="death", act="look")
    async with database.reading() as reading:
        return await death_reports_of_agency(reading, by.agency_id, SHOWN)


@dataclass(frozen=True, slots=True)
class _Ending:
    """What a report is about, looked up before the batch. ``others`` are whom the citizen decided for; ``seen`` what was received by
    the list of each.
    """

    report_id: str
    report: DeathReport | None
    trail: Trail
    others: dict[str, Trail]
    seen: dict[str, Received]

    @classmethod
    async def prepared(cls, database: Database, keyring: Keyring, report_id: str) -> _Ending:
        async with database.reading() as reading:
            found = await death_report_by_id(reading, report_id)
            consents = await _upheld(reading, found.subject_ref) if found else []
        if found is None:
            return cls(report_id, None, keyring.site_trail(), {}, {})
        people = sorted({consent.subject_ref for consent in consents} | {found.subject_ref})
        # Whose list was erased is told nothing, and has nothing that could be looked up.
        trails = {trail.subject_ref: trail for trail in await trails_of(keyring, people)}
        async with database.reading() as reading:
            seen = {ref: await received(reading, trail) for ref, trail in trails.items()}
        trail = trails.pop(found.subject_ref, keyring.site_trail())
        return cls(report_id, found, trail, trails, seen)

    @property
    def needs(self) -> list[Need]:
        if self.report is None:
            return [Need(DEATHS, self.report_id)]
        ref = self.report.subject_ref
        return [
            Need(DEATHS, self.report_id),
            Need(VERSIONS, version_id(self.report.document_id, self.report.version)),
            *(Need(CONSENTS, ref, column) for column in ("subject_ref", "decider_ref")),
            Need(REQUESTS, ref, "subject_ref"),
            *(Need(SUBJECT_TRAILS, other) for other in self.others),
        ]

    def end(self, facts: Facts, now: datetime) -> list[Consent]:
        """Every consent that ends, in the batch's own view."""
        ref = self.report.subject_ref if self.report else ""
        found = {row.id: row for row in facts.group(CONSENTS, "subject_ref", ref)}
        found |= {row.id: row for row in facts.group(CONSENTS, "decider_ref", ref)}
        ended = [row for row in found.values() if (row.state, "end") in CONSENT_CHANGES]
        for consent in ended:
            facts.put(CONSENTS, replace(consent, state=CONSENT_CHANGES[consent.state, "end"]))
            facts.put(
                WITHDRAWALS,
                owed(new_id("wd"), consent, "ended", now, nothing=self._nothing(facts, consent)),
            )
        for request in facts.group(REQUESTS, "subject_ref", ref):
            if state := changed(request.state, "expire"):
                facts.put(REQUESTS, replace(request, state=state))
        return ended

    def _nothing(self, facts: Facts, consent: Consent) -> bool:
        trail = self.others.get(consent.subject_ref, self.trail)
        seen = self.seen.get(consent.subject_ref)
        return seen is not None and seen.nothing_under(facts, trail, consent.id)


async def _upheld(reading: Reading, subject_ref: str) -> Sequence[Consent]:
    return [
        consent
        for column in ("subject_ref", "decider_ref")
        for consent in await CONSENTS.load(reading.raw, column, [subject_ref])
        if (consent.state, "end") in CONSENT_CHANGES
    ]


async def _decided(
    appender: Appender,
    ending: _Ending,
    by: Officer,
    act: str,
    judge: Callable[[Facts, datetime], Verdict],
) -> DeathReport:
    kept: list[DeathReport] = []
    ended: list[Consent] = []

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        ended.clear()
        current = facts.get(DEATHS, ending.report_id)
        if current is None:
            return
        kept[:] = [_after(current, act, by, now)]
        facts.put(DEATHS, kept[0])
        if act == "confirm":
            ended.extend(ending.end(facts, now))

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details: dict[str, Any] = caller_details(by, act=act, report=ending.report_id)
        if not verdict.allowed or not ended:
            return [Event("death", ending.trail, by.actor, details)]
        told = [Event("death", ending.trail, by.actor, {**details, "consents": [row.id for row in ended]})]
        for ref, trail in ending.others.items():
            theirs = [row.id for row in ended if row.subject_ref == ref]
            mandate = caller_details(by, act="mandate_ended", consents=theirs)
            told += [Event("death", trail, by.actor, mandate)] if theirs else []
        return told

    settled = await appender.submit(
        Work(
            kind="death",
            caller=by.actor,
            trail=ending.trail,
            load=[*caller_needs(by), *ending.needs],
            judge=lambda facts, now: first_refusal(judged_caller(facts, by, now, SERVE), judge(facts, now)),
            apply=apply,
            events=events,
        )
    )
    settled.verdict.enforce()
    if not kept:
        raise AccessRefused("death_report_unknown")
    return kept[0]


def _after(current: DeathReport, act: str, by: Officer, now: datetime) -> DeathReport:
    """The report as this step leaves it."""
    if act != "undo":
        state = "confirmed" if act == "confirm" else "rejected"
        return replace(current, state=state, decided_by=by.actor, decided_at=now)
    if not current.undo_by:
        return replace(current, undo_by=by.actor)
    return replace(current, state="undone", undone_by=by.actor, undone_at=now)
