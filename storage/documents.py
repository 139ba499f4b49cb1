"""Papers: a document is one citizen's paper of one type; its versions are the copies that came in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.database import Reading, Transaction
from storage.ids import new_id
from storage.ledger.facts import FactTable, Json


class Document(SQLModel, table=True):
    """``kind`` tells papers of one type apart: the level of a diploma, the colour behind a photograph, the keyed
    hash of a plate. Two scans of one paper are two versions; two diplomas are two documents.
    """

    __tablename__ = "document"
    __table_args__ = (sa.Index("uq_document_paper", "subject_ref", "type", "kind", unique=True),)
    id: str = Field(primary_key=True, sa_type=sa.Text)
    subject_ref: str = Field(sa_type=sa.Text)
    type: str = Field(sa_type=sa.Text, foreign_key="document_type.code")
    kind: str = Field(sa_type=sa.Text)


class Intake(SQLModel, table=True):
    """The ``pending`` row of an intake: what exists before the verdict. It goes when the version is ready, or with
    its object ten minutes later.
    """

    __tablename__ = "intake"
    __table_args__ = (sa.Index("uq_intake_version", "document_id", "version", unique=True),)
    object_key: str = Field(primary_key=True, sa_type=sa.Text)
    document_id: str = Field(sa_type=sa.Text)
    version: int = Field(sa_type=sa.BigInteger)
    wrapped_key: bytes
    started_at: datetime = Field(sa_type=sa.DateTime(timezone=True), index=True)


ERASED = "erased"
VOIDED = "voided"
DISPUTED = "disputed"
"""Somebody says that it does not belong there: served to nobody until another officer has decided."""
GONE = frozenset({ERASED, VOIDED})
"""What opens these is destroyed; their bytes are not ours to keep any more."""
CAME_IN = frozenset({"ready", "superseded", "quarantined", DISPUTED})
"""What a newer version must be to stand before an older one that comes back."""


_OBJECT_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}")


def is_object_key(key: str) -> bool:
    """Is it of the form that Berkas gives? What is not was never ours (migration 0037 has the same rule)."""
    return _OBJECT_KEY.fullmatch(key) is not None


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """``state`` is ready, superseded, quarantined, disputed, voided or erased; sizes are bytes; digests are SHA-256 in hex.

    ``sha256`` is of what is kept, ``received_sha256`` of what was sent: the gate leaves out where a picture was taken.
    ``number`` and ``about`` are sealed under the citizen's trail key; ``wrapped_key`` is the data key, wrapped by the
    citizen's document key. ``subjects`` are the references of the people whom this copy names beside its holder, with spaces
    between them: written together with their rows (``NamedPerson``), so that a fetch finds them without a query. ``legal_hold`` is the number
    of the order by which it has to be kept, empty without one.
    """

    id: str
    document_id: str
    version: int
    subject_ref: str
    type: str
    state: str
    object_key: str
    wrapped_key: bytes
    sha256: str
    received_sha256: str
    cipher_sha256: str
    size: int
    cipher_size: int
    media_type: str
    provenance: str
    issued_on: date | None
    valid_until: date | None
    tax_year: int | None
    level: str | None
    background: str | None
    number: bytes | None
    about: bytes | None
    stale_event: str | None
    taken_by: str
    taken_at: datetime
    subjects: str = ""
    legal_hold: str = ""


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """Somebody whom one copy of a paper names (N06). What a copy shows is the copy's: a newer one begins without names.

    ``role`` is holder, spouse, parent, child, member, guardian, curator or proxy; ``child_of`` a JSON list of references: whom
    the copy shows as this person's parents; ``regions`` a JSON list of ``{page, x, y, width, height}``: where the person stands
    on it, in fractions of the page. A row that was taken back stays, with ``named`` False.
    """

    id: str
    version_id: str
    document_id: str
    subject_ref: str
    role: str
    child_of: Json
    regions: Json
    named: bool
    named_by: str
    named_at: datetime


@dataclass(frozen=True, slots=True)
class GivenUp:
    """``id`` is the object key of an intake that nobody waits for any more: what was given up never becomes a version, whatever a
    clock says. Written before the object is deleted.
    """

    id: str
    at: datetime


GIVEN_UP = FactTable(GivenUp, "given_up")


@dataclass(frozen=True, slots=True)
class PeopleAreas:
    """Where on one copy of a paper people stand, all of them: ``regions`` is a JSON list like that of ``NamedPerson``; ``id`` is the
    version's. A redacted copy shows nothing inside of them but the rows of one person.
    """

    id: str
    regions: Json
    marked_by: str
    marked_at: datetime


AREAS = FactTable(PeopleAreas, "people_areas")
NAMED = FactTable(NamedPerson, "document_subject", groups=("version_id", "subject_ref"))
VERSIONS = FactTable(
    DocumentVersion, "document_version", groups=("document_id", "subject_ref"), unique=("object_key",)
)
# By the first two digits of the key, as the store's objects are sharded: so that both can be compared piece by piece.
sa.Index("ix_document_version_shard", sa.func.left(VERSIONS.table.c.object_key, 2))


def told_doc(version: DocumentVersion) -> dict[str, str | int]:
    """Which copy an entry is about: its place, and what it is."""
    return {"id": version.document_id, "ver": version.version, "sha256": version.sha256}


def version_id(document_id: str, version: int) -> str:
    return f"{document_id}/{version}"


def named_id(version_row_id: str, subject_ref: str) -> str:
    return f"{version_row_id}/{subject_ref}"


async def newest_ready(reading: Reading, document_ids: list[str]) -> dict[str, DocumentVersion]:
    """The version that counts now of each document; those without one are left out."""
    rows = await VERSIONS.load(reading.raw, "document_id", document_ids)
    return {row.document_id: row for row in rows if row.state == "ready"}


def current(rows: Iterable[DocumentVersion]) -> dict[str, DocumentVersion]:
    """Of each document the version that is ready; where none is, the newest one in quarantine, so that it is refused by its name."""
    found: dict[str, DocumentVersion] = {}
    for row in sorted(rows, key=lambda row: (row.state == "ready", row.version)):
        if row.state in {"ready", "quarantined"}:
            found[row.document_id] = row
    return found


async def named_on(reading: Reading, version_row_id: str) -> list[NamedPerson]:
    rows = await NAMED.load(reading.raw, "version_id", [version_row_id])
    return sorted((row for row in rows if row.named), key=lambda row: (row.named_at, row.id))


async def locked_document(transaction: Transaction, subject_ref: str, document_type: str, kind: str) -> str:
    """The document's id, made when this is the first copy of the paper; its row is locked, so that two intakes take
    two version numbers. No batch ever locks a ``document`` row.
    """
    await transaction.raw.execute(
        "INSERT INTO document (id, subject_ref, type, kind) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        new_id("d"),
        subject_ref,
        document_type,
        kind,
    )
    found = await transaction.raw.fetchval(
        "SELECT id FROM document WHERE subject_ref = $1 AND type = $2 AND kind = $3 FOR UPDATE",
        subject_ref,
        document_type,
        kind,
    )
    return str(found)


async def begin_intake(
    transaction: Transaction,
    *,
    document_id: str,
    version: int,
    object_key: str,
    wrapped_key: bytes,
) -> datetime:
    """The pending row, under the document's lock; returns when it began, by the clock that will judge it."""
    began: datetime = await transaction.raw.fetchval(
        "INSERT INTO intake (object_key, document_id, version, wrapped_key, started_at) "
        "VALUES ($1, $2, $3, $4, clock_timestamp()) RETURNING started_at",
        object_key,
        document_id,
        version,
        wrapped_key,
    )
    return began


async def next_version(transaction: Transaction, document_id: str) -> int:
    """One above every version and every intake under way. Numbers of failed intakes may be used again."""
    return int(
        await transaction.raw.fetchval(
            "SELECT 1 + greatest((SELECT coalesce(max(version), 0) FROM document_version WHERE document_id = $1), "
            "(SELECT coalesce(max(version), 0) FROM intake WHERE document_id = $1))",
            document_id,
        )
    )


async def end_intake(transaction: Transaction, object_key: str) -> None:
    await transaction.raw.execute("DELETE FROM intake WHERE object_key = $1", object_key)


async def forgotten_intakes(reading: Reading, older_than: timedelta) -> list[str]:
    """Object keys of intakes of that age that never became a version. Age alone takes nothing from anybody: who deletes has a batch
    give them up first (F23).
    """
    rows = await reading.raw.fetch(
        "SELECT object_key FROM intake WHERE started_at < clock_timestamp() - $1::interval "
        "AND NOT EXISTS (SELECT 1 FROM document_version v WHERE v.object_key = intake.object_key) LIMIT 500",
        older_than,
    )
    return [row["object_key"] for row in rows]


async def finished_intakes(transaction: Transaction) -> None:
    """Drop pending rows whose version is ready: a process died between the batch and its own tidying up."""
    await transaction.raw.execute(
        "DELETE FROM intake USING document_version v WHERE v.object_key = intake.object_key"
    )


async def held_versions(reading: Reading, subject_refs: list[str]) -> list[DocumentVersion]:
    """Every ready version of these citizens (metadata only)."""
    return [row for row in await readable_or_not(reading, subject_refs) if row.state == "ready"]


async def readable_or_not(reading: Reading, subject_refs: list[str]) -> list[DocumentVersion]:
    """What readiness is judged on (metadata only): the version of each document that is ready, or the one in quarantine."""
    return list(current(await VERSIONS.load(reading.raw, "subject_ref", subject_refs)).values())


async def things_of(reading: Reading, document_ids: list[str]) -> dict[str, str]:
    """The keyed hash of the plate or parcel that each document is about; those that say none are left out."""
    if not document_ids:
        return {}
    rows = await reading.raw.fetch("SELECT id, kind FROM document WHERE id = ANY($1)", document_ids)
    about = {row["id"]: row["kind"].rpartition("/")[2] for row in rows}
    return {document_id: thing for document_id, thing in about.items() if thing}


async def version_row(reading: Reading, document_id: str, version: int) -> DocumentVersion | None:
    rows = await VERSIONS.load(reading.raw, "id", [version_id(document_id, version)])
    return rows[0] if rows else None


async def count_versions(reading: Reading, states: list[str]) -> int:
    return int(
        await reading.raw.fetchval("SELECT count(*) FROM document_version WHERE state = ANY($1)", states)
    )
