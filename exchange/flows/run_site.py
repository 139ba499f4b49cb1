"""Administration: sites, agencies, what they offer, their officers. Who may act is a judged fact, so enrolling and
suspending are batch items with entries, also when an operator does them from the command line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from auth.keys import KeyRefused, bare_jwk, public_key_from_jwk
from auth.scopes import SCOPES
from auth.verdict import ALLOWED, Refused, Verdict
from storage.agencies import (
    AGENCIES,
    OFFICERS,
    Agency,
    DocumentTypeRow,
    Officer,
    ServiceRow,
    Site,
    all_agencies,
    all_officers,
    all_sites,
    officer_by_username,
)
from storage.clients import CLIENT_KEYS, CLIENTS, Client, ClientKey, all_clients
from storage.database import Database
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work

CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
ROLES = ("officer", "supervisor")


async def publish_catalogue(database: Database, document_types: Mapping[str, str]) -> None:
    """Make every document type of the catalogue known to the database (code -> Indonesian name)."""
    async with database.transaction() as transaction:
        for code, name in document_types.items():
            await transaction.session.merge(DocumentTypeRow(code=code, name_id=name))


async def add_site(database: Database, *, site_id: str, name: str, zone: str) -> None:
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
    """Returns the agency's id ``CODE@site``. Raises ``AccessRefused`` when it exists."""
    agency = Agency(f"{code}@{site_id}", code, site_id, name, active=True)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(AGENCIES, agency.id) is None else Refused("agency_exists")

    await _administer(
        keyring, appender, "agency", {"act": "add", "agency": agency.id}, [Need(AGENCIES, agency.id)], judge,
        lambda facts, _now, _verdict: facts.put(AGENCIES, agency),
    )  # fmt: skip
    await offer_services(database, agency_id=agency.id, services=services)
    return agency.id


async def offer_services(database: Database, *, agency_id: str, services: Sequence[str]) -> None:
    """Also for an agency whose enrolment was interrupted before this."""
    async with database.transaction() as transaction:
        for service in services:
            await transaction.session.merge(ServiceRow(agency_id=agency_id, code=service))


async def add_officer(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    username: str,
    name: str,
    agency_id: str,
    counter: str,
    role: str,
    password_hash: str,
) -> str:
    """Returns the officer's id. Raises ``AccessRefused`` for a taken username, an unknown agency or role."""
    async with database.reading() as reading:
        taken = await officer_by_username(reading, username)
    officer = Officer(new_id("off"), username, name, agency_id, counter, role, password_hash, active=True)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if role not in ROLES:
            return Refused("role_unknown")
        if taken is not None:
            return Refused("username_taken")
        return ALLOWED if facts.get(AGENCIES, agency_id) is not None else Refused("agency_unknown")

    await _administer(
        keyring, appender, "officer", {"act": "add", "officer": officer.id, "agency": agency_id, "role": role},
        [Need(AGENCIES, agency_id), Need(OFFICERS, officer.id)], judge,
        lambda facts, _now, _verdict: facts.put(OFFICERS, officer),
    )  # fmt: skip
    return officer.id


async def set_officer_active(
    database: Database, keyring: Keyring, appender: Appender, *, username: str, active: bool
) -> None:
    """Suspend or resume; effective from the next batch on every replica. Raises ``AccessRefused``."""
    async with database.reading() as reading:
        row = await officer_by_username(reading, username)
    officer_id = row.id if row else ""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(OFFICERS, officer_id) is not None else Refused("officer_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (officer := facts.get(OFFICERS, officer_id)) is not None:
            facts.put(OFFICERS, replace(officer, active=active))

    act = "resume" if active else "suspend"
    await _administer(
        keyring,
        appender,
        "officer",
        {"act": act, "officer": officer_id},
        [Need(OFFICERS, officer_id)],
        judge,
        apply,
    )


async def set_agency_active(keyring: Keyring, appender: Appender, *, agency_id: str, active: bool) -> None:
    """Suspend or resume a whole agency. Raises ``AccessRefused``."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(AGENCIES, agency_id) is not None else Refused("agency_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (agency := facts.get(AGENCIES, agency_id)) is not None:
            facts.put(AGENCIES, replace(agency, active=active))

    act = "resume" if active else "suspend"
    await _administer(
        keyring,
        appender,
        "agency",
        {"act": act, "agency": agency_id},
        [Need(AGENCIES, agency_id)],
        judge,
        apply,
    )


async def add_client(
    keyring: Keyring, appender: Appender, *, client_id: str, agency_id: str, name: str, scopes: Sequence[str]
) -> None:
    """Register an agency's back end; it cannot do anything before it has a key. Raises ``AccessRefused``."""
    client = Client(client_id, agency_id, name, " ".join(scopes), active=True)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if not CLIENT_ID.fullmatch(client_id):
            return Refused("client_unknown")
        if facts.get(AGENCIES, agency_id) is None:
            return Refused("agency_unknown")
        if not scopes or not set(scopes) <= SCOPES.keys():
            return Refused("scope_unknown")
        return ALLOWED if facts.get(CLIENTS, client_id) is None else Refused("client_exists")

    await _administer(
        keyring, appender, "agency", {"act": "add_client", "agency": agency_id, "client": client_id, "scopes": client.scopes},
        [Need(AGENCIES, agency_id), Need(CLIENTS, client_id)], judge,
        lambda facts, _now, _verdict: facts.put(CLIENTS, client),
    )  # fmt: skip


async def set_client_active(keyring: Keyring, appender: Appender, *, client_id: str, active: bool) -> None:
    """Suspend or resume; its tokens too, with the next request on every replica. Raises ``AccessRefused``."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(CLIENTS, client_id) is not None else Refused("client_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (client := facts.get(CLIENTS, client_id)) is not None:
            facts.put(CLIENTS, replace(client, active=active))

    details = {"act": "resume_client" if active else "suspend_client", "client": client_id}
    await _administer(
        keyring, appender, "agency", details, [Need(CLIENTS, client_id)], judge, apply
    )  # fmt: skip


async def add_client_key(
    keyring: Keyring, appender: Appender, *, client_id: str, kid: str, jwk: Mapping[str, object]
) -> None:
    """Only a P-256 public key (A12), and one that the client never had: a key that was withdrawn must not come back under
    another name. Raises ``AccessRefused``.
    """
    try:
        key = public_key_from_jwk(jwk)
        kept = Json(json.dumps(bare_jwk(key), sort_keys=True)) if CLIENT_ID.fullmatch(kid) else None
    except KeyRefused:
        kept = None
    key_id = f"{client_id}/{kid}"

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if kept is None:
            return Refused("client_key_refused")
        if facts.get(CLIENTS, client_id) is None:
            return Refused("client_unknown")
        had = facts.group(CLIENT_KEYS, "client_id", client_id)
        if any(key.id == key_id or key.jwk == kept for key in had):
            return Refused("client_key_exists")
        return ALLOWED

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if kept is not None:
            facts.put(CLIENT_KEYS, ClientKey(key_id, client_id, kid, kept, now, active=True))

    await _administer(
        keyring, appender, "key", {"act": "add", "client": client_id, "kid": kid},
        [Need(CLIENTS, client_id), Need(CLIENT_KEYS, client_id, "client_id")], judge, apply,
    )  # fmt: skip


async def withdraw_client_key(keyring: Keyring, appender: Appender, *, client_id: str, kid: str) -> None:
    """With the next request it signs nobody in. Its name is never used again. Raises ``AccessRefused``."""
    key_id = f"{client_id}/{kid}"

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(CLIENT_KEYS, key_id) is not None else Refused("client_key_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (key := facts.get(CLIENT_KEYS, key_id)) is not None:
            facts.put(CLIENT_KEYS, replace(key, active=False))

    await _administer(
        keyring, appender, "key", {"act": "withdraw", "client": client_id, "kid": kid},
        [Need(CLIENT_KEYS, key_id)], judge, apply,
    )  # fmt: skip


async def list_sites(database: Database) -> list[Site]:
    async with database.transaction() as transaction:
        return await all_sites(transaction)


async def list_agencies(database: Database) -> list[Agency]:
    async with database.reading() as reading:
        return await all_agencies(reading)


async def list_officers(database: Database) -> list[Officer]:
    async with database.reading() as reading:
        return await all_officers(reading)


async def list_clients(database: Database) -> list[tuple[Client, list[ClientKey]]]:
    async with database.reading() as reading:
        return await all_clients(reading)


async def _administer(
    keyring: Keyring,
    appender: Appender,
    kind: str,
    details: Mapping[str, str],
    load: Sequence[Need],
    judge: Callable[[Facts, datetime], Verdict],
    apply: Callable[[Facts, datetime, Verdict], None],
) -> None:
    trail = keyring.site_trail()
    settled = await appender.submit(
        Work(
            kind=kind,
            caller="operator",
            trail=trail,
            load=load,
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event(kind, trail, "operator", details)],
        )
    )
    settled.verdict.enforce()
