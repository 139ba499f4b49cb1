"""A paper comes in once (DESIGN section 7).

1. row ``pending``: random object key, wrapped data key
2. hash, inspect, seal, one PUT            (the body is never in memory as a whole)
3. one streamed read-back, compared by digest
4. one batch item: ``ready``, the older version superseded, the entry
5. the answer
Whatever breaks before 4 leaves nothing: the object is deleted at once, or ten minutes later by ``tidy_up``.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auth.callers import Officer
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import judged_officer, officer_details, officer_needs
from exchange.requirements.catalogue import DocumentType
from exchange.uploads import Body, Paper, Turned, inspected, unfit
from storage.database import Database
from storage.documents import (
    VERSIONS,
    DocumentVersion,
    begin_intake,
    end_intake,
    locked_document,
    next_version,
    version_id,
)
from storage.errors import KeyMissing, StorageError, UploadBroken
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.vault import NewPlace, Stored, Vault

# An intake older than this may not become ready; ``tidy_up`` deletes only what is older still (F23).
INTAKE_LIFE = timedelta(minutes=9)


@dataclass(frozen=True, slots=True)
class Taken:
    version: DocumentVersion
    created: bool


async def take_in(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    *,
    officer: Officer,
    subject_ref: str,
    document_type: DocumentType,
    shareable: bool,
    paper: Paper,
    body: Body,
    limit_bytes: int,
    now: datetime,
) -> Taken:
    """Raises ``AccessRefused`` (after the refusal is on record), ``UploadBroken`` and storage errors."""
    try:
        trail = await keyring.trail(subject_ref)
    except KeyMissing:
        await _refused(appender, officer, keyring.site_trail(), document_type.code, "subject_unknown")
        raise AccessRefused("subject_unknown") from None
    if reason := unfit(document_type, shareable, paper, body, limit_bytes):
        await _refused(appender, officer, trail, document_type.code, reason)
        raise AccessRefused(reason)
    place = await _reserved(database, keyring, vault, trail, document_type, paper, now)
    try:
        stored = await vault.put(place, inspected(body), body.size)
        taken = await _kept(appender, officer, trail, document_type, paper, body, place, stored, now)
    except BaseException as error:
        await _discarded(database, vault, place)
        if isinstance(error, Turned):
            await _refused(appender, officer, trail, document_type.code, error.reason)
            raise AccessRefused(error.reason) from None
        if isinstance(error, UploadBroken):
            await _refused(appender, officer, trail, document_type.code, "upload_broken")
        raise
    if taken.created:
        async with database.transaction() as transaction:
            await end_intake(transaction, place.object_key)
    else:
        await _discarded(database, vault, place)
    return taken


async def _reserved(
    database: Database,
    keyring: Keyring,
    vault: Vault,
    trail: Trail,
    document_type: DocumentType,
    paper: Paper,
    now: datetime,
) -> NewPlace:
    about = keyring.keyed_hash("about", paper.about) if paper.about else ""
    kind = "/".join((paper.level or "", paper.background or "", about))
    await keyring.document_key(trail.subject_ref)  # resolved before anything is locked
    async with database.transaction() as transaction:
        document_id = await locked_document(transaction, trail.subject_ref, document_type.code, kind)
        version = await next_version(transaction, document_id)
        place = await vault.new_place(trail.subject_ref, document_id, version)
        await begin_intake(
            transaction,
            document_id=document_id,
            version=version,
            object_key=place.object_key,
            wrapped_key=place.wrapped_key,
            now=now,
        )
    return place


async def _kept(
    appender: Appender,
    officer: Officer,
    trail: Trail,
    document_type: DocumentType,
    paper: Paper,
    body: Body,
    place: NewPlace,
    stored: Stored,
    started_at: datetime,
) -> Taken:
    row = _version(officer, trail, document_type, paper, body, place, stored, started_at)
    answer = {"version": row, "created": True}

    def judge(facts: Facts, now: datetime) -> Verdict:
        verdict = judged_officer(facts, officer, now)
        if verdict.allowed and now - started_at > INTAKE_LIFE:
            return Refused("intake_too_slow")
        return verdict

    def same(facts: Facts) -> DocumentVersion | None:
        ready = [v for v in facts.group(VERSIONS, "document_id", place.document_id) if v.state == "ready"]
        return next((v for v in ready if v.sha256 == row.sha256), None)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if (known := same(facts)) is not None:
            answer.update(version=known, created=False)
            return
        for older in facts.group(VERSIONS, "document_id", place.document_id):
            if older.state == "ready":
                facts.put(VERSIONS, replace(older, state="superseded"))
        fresh = replace(row, taken_at=now)
        answer.update(version=fresh, created=True)
        facts.put(VERSIONS, fresh)

    def events(facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        kept = answer["version"]
        if not verdict.allowed or not isinstance(kept, DocumentVersion):
            return [_event(officer, trail, document_type.code)]
        doc = {"id": kept.document_id, "ver": kept.version, "sha256": kept.sha256}
        told = [_event(officer, trail, document_type.code, doc=doc, same=None if answer["created"] else True)]
        older = [
            v.version
            for v in facts.group(VERSIONS, "document_id", place.document_id)
            if v.state == "superseded"
        ]
        if answer["created"] and older:
            by = {"id": kept.document_id, "ver": max(older), "superseded_by": kept.version}
            told.append(replace(_event(officer, trail, document_type.code, doc=by), type="supersede"))
        return told

    settled = await appender.submit(
        Work(
            kind="intake",
            caller=officer.actor,
            trail=trail,
            load=[
                *officer_needs(officer),
                Need(VERSIONS, row.id),
                Need(VERSIONS, place.document_id, "document_id"),
            ],
            judge=judge,
            apply=apply,
            events=events,
        )
    )
    settled.verdict.enforce()
    kept = answer["version"]
    assert isinstance(kept, DocumentVersion)  # noqa: S101 - set by apply
    return Taken(kept, bool(answer["created"]))


def _version(
    officer: Officer,
    trail: Trail,
    document_type: DocumentType,
    paper: Paper,
    body: Body,
    place: NewPlace,
    stored: Stored,
    now: datetime,
) -> DocumentVersion:
    return DocumentVersion(
        id=version_id(place.document_id, place.version),
        document_id=place.document_id,
        version=place.version,
        subject_ref=trail.subject_ref,
        type=document_type.code,
        state="ready",
        object_key=place.object_key,
        wrapped_key=place.wrapped_key,
        sha256=stored.sha256,
        cipher_sha256=stored.cipher_sha256,
        size=stored.size,
        cipher_size=stored.cipher_size,
        media_type=body.media_type,
        provenance="scan",
        issued_on=paper.issued_on,
        valid_until=paper.valid_until,
        tax_year=paper.tax_year,
        level=paper.level,
        background=paper.background,
        number=seal_field(trail, "number", paper.number.encode()) if paper.number else None,
        about=seal_field(trail, "about", paper.about.encode()) if paper.about else None,
        stale_event=None,
        taken_by=officer.id,
        taken_at=now,
    )


def _event(officer: Officer, trail: Trail, document_type: str, **members: object) -> Event:
    return Event(
        "intake", trail, officer.actor, officer_details(officer, document_type=document_type, **members)
    )


async def _refused(
    appender: Appender, officer: Officer, trail: Trail, document_type: str, reason: str
) -> None:
    """Put a refusal on record that was decided before the batch."""
    await appender.submit(
        Work(
            kind="intake",
            caller=officer.actor,
            trail=trail,
            load=(),
            judge=lambda _facts, _now: Refused(reason),
            events=lambda _facts, _now, _verdict: [_event(officer, trail, document_type)],
        )
    )


async def _discarded(database: Database, vault: Vault, place: NewPlace) -> None:
    """Best effort; what cannot be deleted now is deleted by ``tidy_up``, which the pending row tells of it."""
    with contextlib.suppress(StorageError):
        await vault.discard(place.object_key)
        async with database.transaction() as transaction:
            await end_intake(transaction, place.object_key)
