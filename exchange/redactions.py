"""What a redacted copy shows of a paper with several people: the rows of one of them, and nothing of the others (L18).

Nobody guesses where people stand: an officer of the agency that took the paper in marked all places where anybody does, and each
person's own. Whatever lies inside a marked place is covered but for the one person's rows, so somebody whom nobody named is covered too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from auth.verdict import ALLOWED, Refused, Verdict
from exchange.renditions.orders import Region
from storage.consents import consent_by_id
from storage.database import Database
from storage.documents import AREAS, NAMED, NamedPerson, PeopleAreas, version_id
from storage.ledger.facts import Facts, Need


@dataclass(frozen=True, slots=True)
class Redaction:
    """``row`` is the version; ``member`` whose rows are seen. Areas and people as they were read: a batch compares them with its own."""

    row: str
    member: str
    areas: PeopleAreas | None
    people: tuple[NamedPerson, ...]

    @property
    def needs(self) -> list[Need]:
        return [Need(AREAS, self.row), Need(NAMED, self.row, "version_id")]

    def judge(self, facts: Facts) -> Verdict:
        now = facts.get(AREAS, self.row), _in_order(facts.group(NAMED, "version_id", self.row))
        if now != (self.areas, self.people):
            return Refused("subjects_changed")
        return ALLOWED if self.hidden and self.shown else Refused("people_not_marked")

    @property
    def hidden(self) -> tuple[Region, ...]:
        return regions_of(self.areas.regions) if self.areas else ()

    @property
    def shown(self) -> tuple[Region, ...]:
        return _rows(person for person in self.people if person.subject_ref == self.member)

    @property
    def others(self) -> tuple[Region, ...]:
        """Covered also where they reach into the member's rows."""
        return _rows(person for person in self.people if person.subject_ref != self.member)


async def redaction_of(database: Database, consent_id: str, document_id: str, version: int) -> Redaction:
    """For the one whom the consent is about."""
    row = version_id(document_id, version)
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
        areas = await AREAS.load(reading.raw, "id", [row])
        people = await NAMED.load(reading.raw, "version_id", [row])
    member = consent.subject_ref if consent else ""
    return Redaction(row, member, areas[0] if areas else None, _in_order(people))


def regions_of(kept: str) -> tuple[Region, ...]:
    return tuple(Region(**region) for region in json.loads(kept))


def _in_order(people: Iterable[NamedPerson]) -> tuple[NamedPerson, ...]:
    return tuple(sorted((person for person in people if person.named), key=lambda person: person.id))


def _rows(people: Iterable[NamedPerson]) -> tuple[Region, ...]:
    return tuple(region for person in people for region in regions_of(person.regions))
