"""Who may decide for another, and what shows it: facts and ``now`` in, verdict out.

The rules (UU 27/2022 art. 25 and 26; ``domain.md`` 4 "turning 17 or 18"): below ``own`` (17, the age of a KTP-el) a parent or a
guardian decides. From there to ``adult`` (18, a child under UU 35/2014) people decide themselves; a parent or guardian may still
do it until a KTP-el is on file. Where the catalogue says ``guardian_consent``, a parent or guardian decides up to ``adult``. From
then on nobody decides for another but a curator and who holds a power of attorney.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

from auth.facts import VersionFact
from auth.verdict import ALLOWED, Refused, Verdict

FOR_CHILDREN = frozenset({"parent", "guardian"})
# Which papers show a relation, and as what the decider stands on them; None: as a parent of the subject.
SHOWN_BY: dict[str, tuple[frozenset[str], str | None]] = {
    "parent": (frozenset({"KK", "AKTA_LAHIR"}), None),
    "guardian": (frozenset({"PENETAPAN"}), "guardian"),
    "curator": (frozenset({"PENETAPAN"}), "curator"),
    "power_of_attorney": (frozenset({"SURAT_KUASA"}), "proxy"),
}
MOST_NAMED = 40
MOST_PARENTS = 2


class EvidenceFact(VersionFact, Protocol):
    @property
    def version(self) -> int: ...
    @property
    def subject_ref(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def valid_until(self) -> date | None: ...
    @property
    def stale_event(self) -> str | None: ...


class NamedFact(Protocol):
    """``child_of`` is a JSON list of references."""

    @property
    def subject_ref(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def child_of(self) -> str: ...
    @property
    def named(self) -> bool: ...
    @property
    def named_by(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Ages:
    """When somebody reaches the two ages; None: nobody knows the birth date, and the person counts as grown up."""

    own_at: datetime | None
    adult_at: datetime | None


def reaches(birth_date: date | None, years: int, zone: str) -> datetime | None:
    """The first moment of that birthday at the site; who was born on 29 February has it on 1 March in other years."""
    if birth_date is None:
        return None
    try:
        day = birth_date.replace(year=birth_date.year + years)
    except ValueError:
        day = date(birth_date.year + years, 3, 1)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the catalogue says of the service."""

    not_delegable: bool
    guardian_consent: bool


def decides_from(ages: Ages, rules: Rules) -> datetime | None:
    """From when on this person may decide alone about this service."""
    return ages.adult_at if rules.guardian_consent else ages.own_at


def judge_self(ages: Ages, rules: Rules, now: datetime) -> Verdict:
    """May this person decide alone?"""
    since = decides_from(ages, rules)
    return Refused("guardian_decides") if since is not None and now < since else ALLOWED


def judge_relation(
    relation: str, ages: Ages, decider: Ages, rules: Rules, *, has_card: bool, now: datetime
) -> Verdict:
    """May somebody in this relation decide for the subject, by the ages of both and by the service? ``has_card``: the subject has
    a KTP-el on file.
    """
    child = ages.adult_at is not None and now < ages.adult_at
    if decider.adult_at is not None and now < decider.adult_at:
        return Refused("decider_too_young")
    if relation in FOR_CHILDREN:
        alone = judge_self(ages, rules, now).allowed
        return Refused("decides_alone") if not child or (alone and has_card) else ALLOWED
    if relation == "power_of_attorney" and rules.not_delegable:
        return Refused("not_delegable")
    # Nobody gives away by letter what they may not yet decide; a curator is for grown-ups, a child has a guardian.
    return (
        ALLOWED
        if judge_self(ages, rules, now).allowed and not (child and relation == "curator")
        else Refused("guardian_decides")
    )


def shows(
    relation: str, subject_ref: str, decider_ref: str, paper: EvidenceFact, people: Sequence[NamedFact]
) -> bool:
    """Does this paper, as it was read, show that the decider stands in ``relation`` to the subject? A ruling and a letter are the
    subject's own papers; a family card or a birth certificate may be on file with anybody whom it names.
    """
    types, role = SHOWN_BY[relation]
    rows = {row.subject_ref: row for row in people if row.named}
    if paper.type not in types:
        return False
    if role is not None:
        decider = rows.get(decider_ref)
        return paper.subject_ref == subject_ref and decider is not None and decider.role == role
    child = rows.get(subject_ref)
    parents = json.loads(child.child_of) if child is not None else []
    return decider_ref in parents and decider_ref in {*rows, paper.subject_ref}


def judge_evidence(
    relation: str,
    subject_ref: str,
    decider_ref: str,
    papers: Sequence[tuple[EvidenceFact | None, str, Sequence[NamedFact]]],
    *,
    today: date,
    asker: str | None = None,
) -> Verdict:
    """``papers`` are (row as it stands, the SHA-256 that was pinned, whom it names). Every one must stand unchanged, one must
    show the relation. ``asker``: whoever asks may not be the one who wrote down that the paper shows it.
    """
    if not papers:
        return Refused("relation_not_shown")
    for paper, sha256, _people in papers:
        if paper is None or paper.state != "ready" or paper.sha256 != sha256 or paper.stale_event is not None:
            return Refused("evidence_changed")
        if paper.valid_until is not None and paper.valid_until < today:
            return Refused("evidence_expired")
        if relation == "power_of_attorney" and paper.valid_until is None:
            return Refused("letter_without_end")
    showing = [
        people
        for paper, _, people in papers
        if paper and shows(relation, subject_ref, decider_ref, paper, people)
    ]
    if not showing:
        return Refused("relation_not_shown")
    concerned = {subject_ref, decider_ref}
    by_others = any(
        all(row.named_by != asker for row in people if row.named and row.subject_ref in concerned)
        for people in showing
    )
    return ALLOWED if asker is None or by_others else Refused("named_by_the_asker")


def judge_letter(used_for: Collection[str], service: str) -> Verdict:
    """A power of attorney is for one named purpose: ``used_for`` are the services for which this one was shown before."""
    return ALLOWED if set(used_for) <= {service} else Refused("letter_for_another_purpose")


def judge_naming(
    holder_ref: str,
    people: Collection[NamedFact],
    *,
    subject_ref: str,
    role: str,
    child_of: Sequence[str],
) -> Verdict:
    """May this person be written down as named by this copy?"""
    known = {row.subject_ref for row in people if row.named} | {holder_ref}
    if (subject_ref == holder_ref) != (role == "holder") or subject_ref in child_of:
        return Refused("role_unfit")
    if not known.issuperset(child_of) or len(child_of) > MOST_PARENTS:
        return Refused("parent_not_named")
    return ALLOWED if len(known | {subject_ref}) <= MOST_NAMED else Refused("too_many_named")
