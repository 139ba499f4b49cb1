"""Administration: sites, agencies, what they offer. Who may act is a judged fact, so enrolling and
suspending are batch items with entries, also when an operator does them from the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from auth.callers import Officer
from auth.grants import first_refusal
from auth.roles import STOP, judge_over_site
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import administer
from exchange.naming import judge_names
from storage.agencies import (
    AGENCIES,
    OFFICERS,
    Agency,
    Site,
    all_agencies,
    all_sites,
    name_document_types,
    offer,
)
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender


async def publish_catalogue(database: Database, document_types: Mapping[str, str]) -> None:
    """Make every document type of the catalogue known to the database (code -> Indonesian name)."""
    async with database.transaction() as transaction:
        await name_document_types(transaction, document_types)


async def add_site(database: Database, *, site_id: str, name: str, zone: str) -> None:
    """Raises ``AccessRefused`` for a name that citizens should not read."""
    judge_names(name).enforce()
    async with database.transaction() as transaction:
        await transaction.session.merge(Site(id=site_id, name=name, zone=zone))


async def add_agency(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    code: str,
    site_id: str,
    name: str,
    services: Sequence[str],
) -> str:
    """Returns the agency's id ``CODE@site``. Raises ``AccessRefused`` when it exists, or its name is unfit."""
    agency = Agency(f"{code}@{site_id}", code, site_id, name, active=True)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        new = ALLOWED if facts.get(AGENCIES, agency.id) is None else Refused("agency_exists")
        return first_refusal(judge_names(name), new)

    await administer(
        keyring, appender, "agency", {"act": "add", "agency": agency.id}, [Need(AGENCIES, agency.id)], judge,
        lambda facts, _now, _verdict: facts.put(AGENCIES, agency),
    )  # fmt: skip
    await offer_services(database, agency_id=agency.id, services=services)
    return agency.id


async def offer_services(database: Database, *, agency_id: str, services: Sequence[str]) -> None:
    """Also for an agency whose enrolment was interrupted before this."""
    async with database.transaction() as transaction:
        await offer(transaction, agency_id, services)


async def set_agency_active(
    keyring: Keyring, appender: Appender, *, agency_id: str, active: bool, by: Officer | None = None
) -> None:
    """Suspend or resume a whole agency; an officer (``by``) only suspends: resuming takes two persons. Raises ``AccessRefused``."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        row = facts.get(OFFICERS, by.id) if by else None
        known = ALLOWED if facts.get(AGENCIES, agency_id) is not None else Refused("agency_unknown")
        return known if row is None else first_refusal(judge_over_site(row.role), known)

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (agency := facts.get(AGENCIES, agency_id)) is not None:
            facts.put(AGENCIES, replace(agency, active=active))

    details = {"act": "resume" if active else "suspend", "agency": agency_id}
    needs = [Need(AGENCIES, agency_id)]
    await administer(keyring, appender, "agency", details, needs, judge, apply, by=by, right=STOP)


async def set_agreement(
    keyring: Keyring, appender: Appender, *, agency_id: str, until: datetime | None
) -> None:
    """From then on the agency's officers and machines are refused, everywhere. Raises ``AccessRefused``."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(AGENCIES, agency_id) is not None else Refused("agency_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (agency := facts.get(AGENCIES, agency_id)) is not None:
            facts.put(AGENCIES, replace(agency, agreement_until=until))

    details = {"act": "agreement", "agency": agency_id, "until": until.isoformat() if until else "open"}
    await administer(keyring, appender, "agency", details, [Need(AGENCIES, agency_id)], judge, apply)


async def list_sites(database: Database) -> list[Site]:
    async with database.transaction() as transaction:
        return await all_sites(transaction)


async def list_agencies(database: Database) -> list[Agency]:
    async with database.reading() as reading:
        return await all_agencies(reading)
