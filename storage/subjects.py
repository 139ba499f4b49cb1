"""Citizens: a random reference, sealed identity, contacts.

A NIK is found through a keyed HMAC and kept sealed (D10); the reference is random, so that no id tells anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.database import Reading, Transaction
from storage.ledger.facts import FactTable, Json


class Subject(SQLModel, table=True):
    """``identity`` is JSON (nik, name, birth_date) sealed under the citizen's trail key."""

    __tablename__ = "subject"
    ref: str = Field(primary_key=True, sa_type=sa.Text)
    nik_index: bytes = Field(unique=True)
    identity: bytes
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Contact:
    """A channel of a citizen. ``value`` is sealed under the trail key; ``channel`` is sms, whatsapp or email; ``set_at`` by the clock of
    the batch. ``verified_at``: a one-time code that was sent there was typed rightly, for the first time. A contact that was
    removed keeps its row without its value, so that a day's changes can be counted.
    """

    id: str
    subject_ref: str
    channel: str
    value: bytes
    value_index: str
    set_by: str
    set_at: datetime
    verified_at: datetime | None = None
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The citizen's first visit is on record; ``id`` is the reference."""

    id: str
    enrolled_by: str
    enrolled_at: datetime


@dataclass(frozen=True, slots=True)
class CitizenPasskey:
    """A citizen's WebAuthn credential; ``id``, ``public_key`` and ``used`` as in ``storage.factors.Passkey``. One that was removed is
    never registered again. ``set_by`` is who set the contact that its registration rested on, itself or by an earlier passkey; empty for
    an identity of the state.
    """

    id: str
    subject_ref: str
    public_key: bytes
    sign_count: int
    added_at: datetime
    used: Json
    active: bool
    set_by: str

    @property
    def owner(self) -> str:
        return self.subject_ref


ENROLMENTS = FactTable(Enrolment, "enrolment")
CONTACTS = FactTable(Contact, "contact", groups=("subject_ref", "value_index"))
CITIZEN_PASSKEYS = FactTable(CitizenPasskey, "citizen_passkey", groups=("subject_ref",))


async def subject_by_nik(reading: Reading, nik_index: bytes) -> str | None:
    return await reading.raw.fetchval("SELECT ref FROM subject WHERE nik_index = $1", nik_index)  # type: ignore[no-any-return]


async def enrolled_by_nik(reading: Reading, nik_index: bytes) -> str | None:
    """Only who stands in the ledger: an enrolment that broke before its entry is finished by enrolling again."""
    return await reading.raw.fetchval(  # type: ignore[no-any-return]
        "SELECT s.ref FROM subject s JOIN enrolment e ON e.id = s.ref WHERE s.nik_index = $1", nik_index
    )


async def nik_index_of(reading: Reading, subject_ref: str) -> bytes | None:
    return await reading.raw.fetchval("SELECT nik_index FROM subject WHERE ref = $1", subject_ref)  # type: ignore[no-any-return]


async def subject_identity(reading: Reading, subject_ref: str) -> bytes | None:
    return await reading.raw.fetchval("SELECT identity FROM subject WHERE ref = $1", subject_ref)  # type: ignore[no-any-return]


async def enrolled_at(reading: Reading, subject_ref: str) -> datetime | None:
    return await reading.raw.fetchval("SELECT created_at FROM subject WHERE ref = $1", subject_ref)  # type: ignore[no-any-return]


async def insert_subject(
    transaction: Transaction, *, subject_ref: str, nik_index: bytes, identity: bytes, now: datetime
) -> bool:
    """False when the NIK is known already (also when another counter was faster by a moment)."""
    inserted = await transaction.raw.fetchval(
        "INSERT INTO subject (ref, nik_index, identity, created_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (nik_index) DO NOTHING RETURNING ref",
        subject_ref,
        nik_index,
        identity,
        now,
    )
    return inserted is not None


async def contacts_of(reading: Reading, subject_ref: str) -> list[Contact]:
    """Those that were not removed, newest last."""
    rows = await CONTACTS.load(reading.raw, "subject_ref", [subject_ref])
    return sorted((row for row in rows if row.removed_at is None), key=lambda row: (row.set_at, row.id))
