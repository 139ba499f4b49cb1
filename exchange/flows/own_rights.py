"""What a citizen sees of the own rights: cases, recipients with their clock, frozen consents, the papers that there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from storage.consents import Consent, consents_of, items_of
from storage.database import Database
from storage.documents import held_versions
from storage.rights import RightsCase, Withdrawal, case_by_id, cases_of, withdrawals_of

Case: TypeAlias = RightsCase
Clock: TypeAlias = Withdrawal


@dataclass(frozen=True, slots=True)
class Frozen:
    """A consent that waits for its citizen's word; ``types`` are the granted document types."""

    consent: Consent
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnRights:
    """Newest first. ``requests`` leads from each consent to its request, whose number people know; ``agencies`` hold a live consent."""

    cases: tuple[RightsCase, ...]
    withdrawals: tuple[Withdrawal, ...]
    frozen: tuple[Frozen, ...]
    requests: Mapping[str, str]
    agencies: tuple[str, ...]


async def own_rights(database: Database, subject_ref: str) -> OwnRights:
    async with database.reading() as reading:
        consents = await consents_of(reading, subject_ref)
        frozen = []
        for consent in consents:
            if consent.state == "frozen":
                items = await items_of(reading, consent.id)
                types = tuple(item.document_type for item in items if item.decision == "granted")
                frozen.append(Frozen(consent, types))
        return OwnRights(
            tuple(await cases_of(reading, subject_ref)),
            tuple(await withdrawals_of(reading, subject_ref)),
            tuple(frozen),
            {consent.id: consent.request_id for consent in consents},
            tuple(sorted({consent.agency_id for consent in consents if consent.state == "active"})),
        )


async def own_case(database: Database, *, case_id: str, subject_ref: str) -> RightsCase | None:
    """None alike for another's and none."""
    async with database.reading() as reading:
        case = await case_by_id(reading, case_id)
    return case if case is not None and case.subject_ref == subject_ref else None


async def own_papers(database: Database, subject_ref: str) -> tuple[tuple[str, str], ...]:
    """(document id, type) of what is on file."""
    async with database.reading() as reading:
        versions = await held_versions(reading, [subject_ref])
    return tuple(sorted((version.document_id, version.type) for version in versions))
