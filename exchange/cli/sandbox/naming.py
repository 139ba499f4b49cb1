"""Whom the family papers of the sandbox name, written down as a counter would: every KK, and the children's birth certificates."""

from __future__ import annotations

from collections.abc import Sequence

from auth.callers import Officer
from exchange.answers import limits_of
from exchange.cli.sandbox.register import Citizen
from exchange.deps import Parts, clock
from exchange.flows import name_subjects
from exchange.flows.name_subjects import Person
from storage.documents import held_versions
from storage.subjects import enrolled_by_nik


async def name_families(parts: Parts, officer: Officer, citizens: Sequence[Citizen]) -> None:
    """Begun anew after an interruption: who is named already is named again."""
    references = {citizen.nik: await _reference(parts, citizen.nik) for citizen in citizens}
    for holder in citizens:
        household = [one for one in citizens if one.family_card == holder.family_card]
        async with parts.database.reading() as reading:
            held = await held_versions(reading, [references[holder.nik]])
        for paper in held:
            if paper.type == "KK":
                named = household
            elif paper.type == "AKTA_LAHIR" and holder.parents:
                named = [one for one in household if one.nik in {holder.nik, *holder.parents}]
            else:
                continue
            for one in named:  # parents come first in a household
                person = _person(one, holder, household, references)
                if person is not None:
                    await _name(parts, officer, paper.document_id, person)


def _person(
    one: Citizen, holder: Citizen, household: Sequence[Citizen], references: dict[str, str]
) -> Person | None:
    """None for a holder of whom the paper shows no parents: there is nothing to write down."""
    child_of = tuple(references[nik] for nik in one.parents)
    if one.nik == holder.nik:
        return Person(references[one.nik], "holder", child_of) if child_of else None
    is_parent = any(one.nik in other.parents for other in household)
    role = "child" if child_of else "parent" if is_parent else "member"
    return Person(references[one.nik], role, child_of)


async def _name(parts: Parts, officer: Officer, document_id: str, person: Person) -> None:
    await name_subjects.name_person(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        caller=officer,
        document_id=document_id,
        person=person,
        limits=limits_of(parts),
        now=clock(),
    )


async def _reference(parts: Parts, nik: str) -> str:
    async with parts.database.reading() as reading:
        return str(await enrolled_by_nik(reading, parts.keyring.nik_index(nik)))
