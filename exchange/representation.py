"""Another decides for a citizen: a parent, a guardian, a curator, whoever holds a power of attorney (M19; UU 27/2022 art. 25, 26).

Who proposes it names papers; their newest copies are pinned by version and SHA-256 in the request, in the consent record and in the
entries, and judged twice: when it is asked and when it is decided. The consent ends by itself when the subject comes of age or the
paper ends, whichever is first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from auth.grants import first_refusal
from auth.representation import (
    FOR_CHILDREN,
    Ages,
    Rules,
    judge_evidence,
    judge_letter,
    judge_relation,
    judge_self,
    reaches,
)
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.asking import Decider, Evidence
from exchange.family import trail_needs
from exchange.requirements.catalogue import Service
from exchange.requirements.numbers import likely_birth_date, mask_name, parse_nik
from storage.consents import REQUESTS, Consent, ConsentRequest
from storage.database import Database
from storage.documents import NAMED, VERSIONS, newest_ready, version_id
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Event, Trail
from storage.subjects import ENROLMENTS, subject_identity

CARD = "KTP"
LETTER = "power_of_attorney"


@dataclass(frozen=True, slots=True)
class Majority:
    """The two ages in years, on the calendar of the site. ``second_officer``: who wrote down what a paper shows may not ask."""

    own: int
    adult: int
    zone: str
    second_officer: bool


@dataclass(frozen=True, slots=True)
class Proposed:
    """Who shall decide, as the asker names it; ``evidence`` are document ids."""

    subject_ref: str
    relation: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Behalf:
    """For whom somebody decides: as a page says it before the factor (initials) and behind it (the masked name)."""

    relation: str
    initials: str
    name: str


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides on one request, with all that its batch must read and judge. ``trail`` is the decider's own, None when the
    citizen decides alone; ``until`` when the decision ends by itself.
    """

    subject_ref: str
    decider: Decider
    trail: Trail | None
    until: datetime | None
    needs: tuple[Need, ...]
    service: str
    _ages: tuple[Ages, Ages]
    _rules: Rules
    _majority: Majority
    _found: bool

    def judge(self, facts: Facts, asker: str, now: datetime) -> Verdict:
        ages, decider_ages = self._ages
        who = self.decider
        if self.trail is None:
            return judge_self(ages, self._rules, now)
        if who.subject_ref == self.subject_ref:
            return Refused("decider_is_the_citizen")
        if facts.get(ENROLMENTS, who.subject_ref) is None:
            return Refused("subject_unknown")
        held = facts.group(VERSIONS, "subject_ref", self.subject_ref)
        has_card = any(row.type == CARD and row.state == "ready" for row in held)
        return first_refusal(
            judge_relation(who.relation, ages, decider_ages, self._rules, has_card=has_card, now=now),
            ALLOWED if self._found else Refused("relation_not_shown"),
            _judge_papers(
                facts,
                self.subject_ref,
                who,
                self._majority.zone,
                now,
                asker if self._majority.second_officer else None,
            ),
            _judge_letter(facts, self.subject_ref, who, self.service),
        )


async def deciding(
    database: Database,
    keyring: Keyring,
    service: Service,
    subject_ref: str,
    proposed: Proposed | None,
    majority: Majority,
    now: datetime,
) -> Deciding:
    """Raises ``KeyMissing`` for somebody whom nobody knows."""
    own = await _ages(database, keyring, subject_ref, majority, now)
    rules = Rules(service.not_delegable, service.extras.get("guardian_consent") == "required")
    if proposed is None:
        alone = Decider(subject_ref)
        return Deciding(
            subject_ref, alone, None, None, (), service.code, (own, own), rules, majority, _found=True
        )
    trail = await keyring.trail(proposed.subject_ref)
    theirs = await _ages(database, keyring, proposed.subject_ref, majority, now)
    async with database.reading() as reading:
        copies = await newest_ready(reading, list(proposed.evidence))
    pins = tuple(Evidence(row.document_id, row.version, row.sha256) for row in copies.values())
    ends = [_end_of(row.valid_until, majority.zone) for row in copies.values() if row.valid_until]
    if proposed.relation in FOR_CHILDREN and own.adult_at is not None:
        ends.append(own.adult_at)
    needs = [
        Need(ENROLMENTS, proposed.subject_ref),
        Need(VERSIONS, subject_ref, "subject_ref"),
        Need(REQUESTS, subject_ref, "subject_ref"),
        *_paper_needs(pins),
        *trail_needs([trail]),
    ]
    return Deciding(
        subject_ref=subject_ref,
        decider=Decider(proposed.subject_ref, proposed.relation, pins),
        trail=trail,
        until=min(ends, default=None),
        needs=tuple(needs),
        service=service.code,
        _ages=(own, theirs),
        _rules=rules,
        _majority=majority,
        _found=len(pins) == len(set(proposed.evidence)),
    )


def represented(request: ConsentRequest | Consent) -> bool:
    """Does another than the citizen decide?"""
    return request.decider_ref != request.subject_ref


def pinned(request: ConsentRequest) -> tuple[Evidence, ...]:
    return tuple(Evidence(**paper) for paper in json.loads(request.evidence))


def decision_needs(request: ConsentRequest, trails: Sequence[Trail]) -> list[Need]:
    """What ``judge_still`` looks at, and the other trails on which the decision stands."""
    letters = [Need(REQUESTS, request.subject_ref, "subject_ref")] if request.relation == LETTER else []
    return [*_paper_needs(pinned(request)), *letters, *trail_needs(trails)]


def judge_still(facts: Facts, request: ConsentRequest, zone: str, now: datetime) -> Verdict:
    """At the decision: do the very papers still show what they showed when it was asked? A letter is for what was decided first."""
    if not represented(request):
        return ALLOWED
    if now >= request.valid_until:
        return Refused("evidence_expired")
    decider = Decider(request.decider_ref, request.relation, pinned(request))
    return first_refusal(
        _judge_papers(facts, request.subject_ref, decider, zone, now, None),
        _judge_letter(facts, request.subject_ref, decider, request.service),
    )


def _judge_letter(facts: Facts, subject_ref: str, who: Decider, service: str) -> Verdict:
    """By the services for which this very letter was shown before, and decided."""
    if who.relation != LETTER:
        return ALLOWED
    pins = {(paper.document_id, paper.version) for paper in who.evidence}
    used_for = {
        row.service
        for row in facts.group(REQUESTS, "subject_ref", subject_ref)
        if row.relation == LETTER
        and row.state in {"granted", "partial", "withdrawn"}
        and pins & {(paper.document_id, paper.version) for paper in pinned(row)}
    }
    return judge_letter(used_for, service)


async def behalf_of(database: Database, keyring: Keyring, request: ConsentRequest | Consent) -> Behalf | None:
    """None when the citizen decides alone. Raises ``KeyMissing`` when that citizen was erased."""
    if not represented(request):
        return None
    identity = await _identity(database, keyring, request.subject_ref)
    initials = " ".join(f"{word[0]}." for word in identity["name"].split())
    return Behalf(request.relation, initials, mask_name(identity["name"]))


def granted_by(keyring: Keyring, request: ConsentRequest) -> dict[str, Any]:
    """For the record: the decider by the pseudonym for this agency, and the pinned papers."""
    return {
        "id": keyring.pseudonym(request.agency_id, request.decider_ref),
        "relation": request.relation,
        "relation_evidence": [asdict(paper) for paper in pinned(request)],
    }


def told_to_both(
    event: Event, decider: Trail | None, relation: str, evidence: Sequence[Evidence]
) -> list[Event]:
    """The entry of the subject, who acted for them and on what papers; and the one of who decides."""
    if decider is None:
        return [event]
    papers = [asdict(paper) for paper in evidence]
    by = {"relation": relation, "decider": decider.pseudonym, "relation_evidence": papers}
    actor = "representative" if event.actor == "citizen" else event.actor
    theirs = {"relation": relation, "for_another": event.trail.pseudonym}
    return [
        Event(event.type, event.trail, actor, {**event.details, **by}),
        Event(event.type, decider, event.actor, {**event.details, **theirs}),
    ]


def _judge_papers(
    facts: Facts, subject_ref: str, who: Decider, zone: str, now: datetime, asker: str | None
) -> Verdict:
    papers = []
    for paper in who.evidence:
        row_id = version_id(paper.document_id, paper.version)
        papers.append((facts.get(VERSIONS, row_id), paper.sha256, facts.group(NAMED, "version_id", row_id)))
    today = now.astimezone(ZoneInfo(zone)).date()
    return judge_evidence(who.relation, subject_ref, who.subject_ref, papers, today=today, asker=asker)


def _paper_needs(papers: Sequence[Evidence]) -> list[Need]:
    rows = [version_id(paper.document_id, paper.version) for paper in papers]
    return [need for row in rows for need in (Need(VERSIONS, row), Need(NAMED, row, "version_id"))]


def _end_of(day: date, zone: str) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


async def _ages(
    database: Database, keyring: Keyring, subject_ref: str, majority: Majority, now: datetime
) -> Ages:
    """From the birth date that was given at enrolment, else the one that the NIK makes likely (N8). Where the two differ (N9) the later
    one counts: what an officer types makes no child grown up.
    """
    identity = await _identity(database, keyring, subject_ref)
    today = now.astimezone(ZoneInfo(majority.zone)).date()
    nik = parse_nik(identity["nik"], birth_date=None, today=today)
    given = date.fromisoformat(identity["birth_date"]) if identity["birth_date"] else None
    likely = likely_birth_date(nik, today)
    dates = [given] if given in nik.birth_dates else [given, likely]
    birth_date = max((day for day in dates if day), default=None)
    return Ages(
        reaches(birth_date, majority.own, majority.zone), reaches(birth_date, majority.adult, majority.zone)
    )


async def _identity(database: Database, keyring: Keyring, subject_ref: str) -> Mapping[str, Any]:
    async with database.reading() as reading:
        sealed = await subject_identity(reading, subject_ref)
    if sealed is None:
        raise KeyMissing("citizen")
    identity: Mapping[str, Any] = json.loads(await keyring.unseal(subject_ref, "identity", sealed))
    return identity
