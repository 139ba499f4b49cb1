"""The operator puts on record where the law replaces consent, and takes it back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from auth.legal_bases import BY_LAW
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import administer
from exchange.requirements.catalogue import Catalogue
from storage.agencies import AGENCIES
from storage.database import Database
from storage.grounds import GROUNDS, LegalGround, all_grounds, ground_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender


async def add_ground(
    keyring: Keyring,
    appender: Appender,
    catalogue: Catalogue,
    *,
    agency_id: str,
    service: str,
    lawful_basis: str,
    reference: str,
    types: Collection[str],
    now: datetime,
) -> str:
    """``types`` are document types of the catalogue; the same agency, service and basis again replaces the older one. Raises
    ``AccessRefused``.
    """
    offered = catalogue.services.get(service)
    if offered is None or offered.agency != agency_id.partition("@")[0]:
        raise AccessRefused("service_unknown")
    known = catalogue.document_types
    if lawful_basis not in BY_LAW or not reference.strip() or not types or not set(types) <= known.keys():
        raise AccessRefused("ground_unfit")
    row = LegalGround(
        ground_id(agency_id, service, lawful_basis),
        agency_id,
        service,
        lawful_basis,
        reference.strip(),
        " ".join(sorted(types)),
        active=True,
        set_at=now,
    )

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(AGENCIES, agency_id) is not None else Refused("agency_unknown")

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        facts.put(GROUNDS, replace(row, set_at=now))

    details = {
        "act": "ground",
        "agency": agency_id,
        "service": service,
        "lawful_basis": lawful_basis,
        "reference": row.reference,
        "types": row.types,
    }
    needs = [Need(AGENCIES, agency_id), Need(GROUNDS, row.id)]
    await administer(keyring, appender, "agency", details, needs, judge, apply)
    return row.id


async def end_ground(keyring: Keyring, appender: Appender, *, row_id: str) -> None:
    """From the next request on; what was opened under it stays until its own end. Raises ``AccessRefused``."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        row = facts.get(GROUNDS, row_id)
        return ALLOWED if row is not None and row.active else Refused("ground_missing")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (row := facts.get(GROUNDS, row_id)) is not None:
            facts.put(GROUNDS, replace(row, active=False))

    details = {"act": "end_ground", "ground": row_id}
    await administer(keyring, appender, "agency", details, [Need(GROUNDS, row_id)], judge, apply)


async def list_grounds(database: Database) -> list[LegalGround]:
    async with database.reading() as reading:
        return await all_grounds(reading)
