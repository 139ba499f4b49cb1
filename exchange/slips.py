"""The printed slip of a request that is answered without a phone: everything that stands on it, read from the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from auth.assistance import VISIT
from exchange.acts import name_of
from exchange.decided import AskedItem, asked_items
from exchange.requirements.numbers import mask_name, mask_nik
from storage.agencies import AGENCIES, OFFICERS, Agency
from storage.assistance import AssistedDecision, assisted_of
from storage.consents import Consent, ConsentRequest, consent_by_id, items_of
from storage.database import Database, Reading
from storage.keyring import Keyring
from storage.subjects import subject_identity


@dataclass(frozen=True, slots=True)
class Slip:
    """``holder`` and ``nik`` are masked: the slip leaves the counter on paper. ``recorded`` is the newest record, None while there is
    none; ``names`` leads from the ids of the officers who acted to their names. ``consent`` and ``decisions`` (path -> granted) are
    there once a second officer confirmed.
    """

    request: ConsentRequest
    agency: Agency
    asker: str
    items: tuple[AskedItem, ...]
    holder: str
    nik: str
    recorded: AssistedDecision | None
    names: Mapping[str, str]
    consent: Consent | None
    decisions: Mapping[str, bool]

    @property
    def granted(self) -> frozenset[str]:
        """The paths that stand in the newest record."""
        return frozenset(json.loads(self.recorded.items)) if self.recorded else frozenset()


def visit_ends(request: ConsentRequest) -> datetime:
    """Until when an assisted consent can be used: one visit, a day at most, counted from the asking."""
    return min(request.valid_until, request.created_at + VISIT)


async def read_slip(database: Database, keyring: Keyring, request: ConsentRequest) -> Slip:
    """Raises ``KeyMissing`` after the citizen's trail was erased."""
    async with database.reading() as reading:
        agency = (await AGENCIES.load(reading.raw, "id", [request.agency_id]))[0]
        asker = await name_of(reading, request.asked_by)
        items = await asked_items(reading, request)
        recorded = await assisted_of(reading, request.id)
        names = await _names(reading, recorded)
        consent = await consent_by_id(reading, request.consent_id) if request.consent_id else None
        decided = await items_of(reading, consent.id) if consent else []
        sealed = await subject_identity(reading, request.subject_ref)
    identity = json.loads(await keyring.unseal(request.subject_ref, "identity", sealed or b""))
    return Slip(
        request=request,
        agency=agency,
        asker=asker,
        items=items,
        holder=mask_name(identity["name"]),
        nik=mask_nik(identity["nik"]),
        recorded=recorded,
        names=names,
        consent=consent,
        decisions={
            item.path: row.decision == "granted" for item, row in zip(items, decided, strict=bool(decided))
        },
    )


async def _names(reading: Reading, recorded: AssistedDecision | None) -> dict[str, str]:
    if recorded is None:
        return {}
    rows = await OFFICERS.load(reading.raw, "id", [recorded.recorded_by, recorded.decided_by])
    return {row.id: row.name for row in rows}
