"""Sites, agencies, what they offer, their officers and the officers' sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, select

from storage.database import Reading, Transaction
from storage.ledger.facts import FactTable


class Site(SQLModel, table=True):
    """One place of service. ``zone`` is an IANA time zone; ``id`` the Kemendagri district code without dot."""

    __tablename__ = "site"
    id: str = Field(primary_key=True, sa_type=sa.Text)
    name: str = Field(sa_type=sa.Text)
    zone: str = Field(sa_type=sa.Text)


class DocumentTypeRow(SQLModel, table=True):
    """The catalogue's document types as the database knows them: what a foreign key may point at."""

    __tablename__ = "document_type"
    code: str = Field(primary_key=True, sa_type=sa.Text)
    name_id: str = Field(sa_type=sa.Text)


class ServiceRow(SQLModel, table=True):
    """A service that an agency of this deployment offers."""

    __tablename__ = "service"
    agency_id: str = Field(primary_key=True, sa_type=sa.Text)
    code: str = Field(primary_key=True, sa_type=sa.Text)


@dataclass(frozen=True, slots=True)
class Agency:
    """``id`` is ``CODE@site``, for example ``DPMPTSP@6472``. ``agreement_until`` is when the agreement under which it takes part ends
    (None: no end is recorded).
    """

    id: str
    code: str
    site: str
    name: str
    active: bool
    agreement_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Officer:
    """``password_hash`` is an argon2id string (RFC 9106), empty until a password was chosen; ``email`` where notices go, sealed under
    the site's trail key, empty for nowhere; ``added_by`` the administrator who added this one, empty for the operator; ``admitted`` once another
    person let the officer in; ``held_by_site``: suspended from over the whole site, so that no agency lets the officer come back.
    """

    id: str
    username: str
    name: str
    agency_id: str
    counter: str
    role: str
    password_hash: str
    active: bool
    email: bytes = b""
    added_by: str = ""
    admitted: bool = True
    held_by_site: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """An officer's sign-in. ``id`` is a one-way function of the cookie, which is kept nowhere. ``provider_session`` is the identity
    provider's session behind it (``<issuer> <sid>``, without ``sid`` where it has none); None for a password. ``strong``: a second
    factor was shown in it.
    """

    id: str
    officer_id: str
    agency_id: str
    created_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    provider_session: str | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class OfficerIdentity:
    """Who an officer is at the office's identity provider; ``id`` is ``<issuer> <sub>``."""

    id: str
    officer_id: str
    added_at: datetime
    active: bool


AGENCIES = FactTable(Agency, "agency")
OFFICERS = FactTable(Officer, "officer", groups=("agency_id",), unique=("username",))
SESSIONS = FactTable(Session, "session", groups=("officer_id", "provider_session"))
IDENTITIES = FactTable(OfficerIdentity, "officer_identity", groups=("officer_id",))


async def name_document_types(transaction: Transaction, names: Mapping[str, str]) -> None:
    """Code -> Indonesian name, in one statement."""
    await transaction.raw.execute(
        "INSERT INTO document_type (code, name_id) SELECT * FROM unnest($1::text[], $2::text[]) "
        "ON CONFLICT (code) DO UPDATE SET name_id = excluded.name_id",
        list(names),
        list(names.values()),
    )


async def offer(transaction: Transaction, agency_id: str, services: Sequence[str]) -> None:
    await transaction.raw.execute(
        "INSERT INTO service (agency_id, code) SELECT $1, * FROM unnest($2::text[]) ON CONFLICT DO NOTHING",
        agency_id,
        list(services),
    )


async def officer_by_username(reading: Reading, username: str) -> Officer | None:
    rows = await OFFICERS.load(reading.raw, "username", [username])
    return rows[0] if rows else None


async def signed_in(reading: Reading, session_id: str) -> tuple[Session, Officer, Agency] | None:
    """The session with its officer and agency, for showing and logging; what it may do is judged in the batch."""
    sessions = await SESSIONS.load(reading.raw, "id", [session_id])
    if not sessions:
        return None
    officers = await OFFICERS.load(reading.raw, "id", [sessions[0].officer_id])
    agencies = await AGENCIES.load(reading.raw, "id", [sessions[0].agency_id])
    return (sessions[0], officers[0], agencies[0]) if officers and agencies else None


async def all_sites(transaction: Transaction) -> list[Site]:
    found = await transaction.session.exec(select(Site).order_by(Site.id))
    return list(found.all())


async def all_agencies(reading: Reading) -> list[Agency]:
    rows = await reading.raw.fetch("SELECT id FROM agency ORDER BY id")
    return await AGENCIES.load(reading.raw, "id", [row["id"] for row in rows])


async def all_officers(reading: Reading) -> list[Officer]:
    rows = await reading.raw.fetch("SELECT id FROM officer ORDER BY username")
    return await OFFICERS.load(reading.raw, "id", [row["id"] for row in rows])


async def officers_of(reading: Reading, agency_id: str) -> list[Officer]:
    return await OFFICERS.load(reading.raw, "agency_id", [agency_id])


async def offered_services(reading: Reading, agency_id: str) -> set[str]:
    rows = await reading.raw.fetch("SELECT code FROM service WHERE agency_id = $1", agency_id)
    return {row["code"] for row in rows}


async def site(transaction: Transaction, site_id: str) -> Site | None:
    return await transaction.session.get(Site, site_id)
