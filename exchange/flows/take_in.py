"""A paper comes in once (DESIGN section 7).

1. row ``pending``: random object key, wrapped data key
2. hash, inspect, seal, one PUT            (the body is never in memory as a whole)
3. one streamed read-back, compared by digest
4. one batch item: ``ready``, the older version superseded, the entry
5. the answer
What is refused leaves nothing: the object is deleted at once. Whatever broke without a definite answer (a store or a
ledger that went away, a caller that was cancelled) is left to ``tidy_up``, which looks ten minutes later: an object that
may have become a version is never deleted on suspicion.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auth.callers import Caller
from auth.grants import first_refusal
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller, refusal
from exchange.holdings import check_own_number
from exchange.limits import Limits, Reach
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
from storage.errors import (
    JudgeFailed,
    KeyMissing,
    LedgerBusy,
    StorageError,
    StoreUnavailable,
    TooManyRefusals,
    UploadBroken,
    WorkPoisoned,
)
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.vault import NewPlace, Stored, Vault

# An intake older than this may not become ready; ``tidy_up`` deletes only what is older still (F23).
INTAKE_LIFE = timedelta(minutes=9)
# With one of these the batch did not take the paper, for certain.
NOT_KEPT = (AccessRefused, JudgeFailed, WorkPoisoned, LedgerBusy, TooManyRefusals)


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
    caller: Caller,
    subject_ref: str,
    document_type: DocumentType,
    shareable: bool,
    paper: Paper,
    body: Body,
    limit_bytes: int,
    limits: Limits,
    now: datetime,
) -> Taken:
    """Raises ``AccessRefused`` (after the refusal is on record), ``UploadBroken`` and storage errors."""
    try:
        trail = await keyring.trail(subject_ref)
    except KeyMissing:
        await _refused(appender, caller, keyring.site_trail(), document_type.code, "subject_unknown")
        raise AccessRefused("subject_unknown") from None
    if reason := unfit(document_type, shareable, paper, body, limit_bytes):
        await _refused(appender, caller, trail, document_type.code, reason)
        raise AccessRefused(reason)
    try:
        await check_own_number(database, keyring, subject_ref, document_type, paper.number)
    except AccessRefused as refused:
        await _refused(appender, caller, trail, document_type.code, refused.reason)
        raise
    place, began = await _reserved(database, keyring, vault, trail, document_type, paper)
    try:
        stored = await vault.put(place, inspected(body), body.size)
    except StoreUnavailable:
        with contextlib.suppress(StorageError):
            await vault.discard(place.object_key)  # and once more later: a late PUT may still end
        raise
    except BaseException as error:
        await _discarded(database, vault, place)
        if isinstance(error, Turned):
            await _refused(appender, caller, trail, document_type.code, error.reason)
            raise AccessRefused(error.reason) from None
        if isinstance(error, UploadBroken):
            await _refused(appender, caller, trail, document_type.code, "upload_broken")
        raise
    row = _version(caller, trail, document_type, paper, body, place, stored, began)
    try:
        reach = Reach(caller, [subject_ref], limits, now)
        arrival = _Arrival(caller, trail, row, began, reach)
        settled = await appender.submit(arrival.work())
        settled.verdict.enforce()
    except NOT_KEPT:
        await _discarded(database, vault, place)
        raise
    taken = arrival.taken
    if taken.created:
        with contextlib.suppress(StorageError):  # the paper stands; its pending row goes with the next sweep
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
) -> tuple[NewPlace, datetime]:
    about = keyring.keyed_hash("about", paper.about) if paper.about else ""
    kind = "/".join((paper.level or "", paper.background or "", about))
    await keyring.document_key(trail.subject_ref)  # resolved before anything is locked
    async with database.transaction() as transaction:
        document_id = await locked_document(transaction, trail.subject_ref, document_type.code, kind)
        version = await next_version(transaction, document_id)
        place = await vault.new_place(trail.subject_ref, document_id, version)
        began = await begin_intake(
            transaction,
            document_id=document_id,
            version=version,
            object_key=place.object_key,
            wrapped_key=place.wrapped_key,
        )
    return place, began


class _Arrival:
    """The batch item of a paper that has come in: judged, kept, told. ``taken`` is the answer once it was allowed."""

    def __init__(
        self, caller: Caller, trail: Trail, row: DocumentVersion, began: datetime, reach: Reach
    ) -> None:
        self.taken = Taken(row, created=True)
        self._caller = caller
        self._trail = trail
        self._row = row
        self._began = began
        self._reach = reach
        self._superseded: list[int] = []

    def work(self) -> Work[Verdict]:
        return Work(
            kind="intake",
            caller=self._caller.actor,
            trail=self._trail,
            load=[
                *caller_needs(self._caller),
                *self._reach.needs,
                Need(VERSIONS, self._row.document_id, "document_id"),
            ],
            judge=self._judge,
            apply=self._apply,
            apply_refused=self._reach.stopped,
            events=self._events,
        )

    def _versions(self, facts: Facts) -> list[DocumentVersion]:
        return facts.group(VERSIONS, "document_id", self._row.document_id)

    def _same(self, facts: Facts) -> DocumentVersion | None:
        ready = (version for version in self._versions(facts) if version.state == "ready")
        return next((version for version in ready if version.sha256 == self._row.sha256), None)

    def _judge(self, facts: Facts, now: datetime) -> Verdict:
        verdict = first_refusal(judged_caller(facts, self._caller, now), self._reach.judge(facts))
        if not verdict.allowed:
            return verdict
        if now - self._began > INTAKE_LIFE:
            return Refused("intake_too_slow")
        # A copy that began earlier and arrives later must not take the place of the newer one.
        newer = any(version.version >= self._row.version for version in self._versions(facts))
        return Refused("intake_overtaken") if newer and self._same(facts) is None else verdict

    def _apply(self, facts: Facts, now: datetime, _verdict: Verdict) -> None:
        self._reach.count(facts, now)
        self._superseded = []  # a batch may be judged again after a lost connection
        if (known := self._same(facts)) is not None:
            self.taken = Taken(known, created=False)
            return
        for older in self._versions(facts):
            if older.state == "ready":
                self._superseded.append(older.version)
                facts.put(VERSIONS, replace(older, state="superseded"))
        self.taken = Taken(replace(self._row, taken_at=now), created=True)
        facts.put(VERSIONS, self.taken.version)

    def _events(self, _facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        if not verdict.allowed:
            return [_event(self._caller, self._trail, self._row.type)]
        kept = self.taken.version
        told = [
            self._told(
                {"id": kept.document_id, "ver": kept.version, "sha256": kept.sha256},
                same=None if self.taken.created else True,
            )
        ]
        for number in self._superseded:
            doc = {"id": kept.document_id, "ver": number, "superseded_by": kept.version}
            told.append(replace(self._told(doc), type="supersede"))
        return told

    def _told(self, doc: dict[str, object], **members: object) -> Event:
        return _event(self._caller, self._trail, self._row.type, doc=doc, **members)


def _version(
    caller: Caller,
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
        taken_by=caller.actor,
        taken_at=now,
    )


def _event(caller: Caller, trail: Trail, document_type: str, **members: object) -> Event:
    return Event(
        "intake", trail, caller.actor, caller_details(caller, document_type=document_type, **members)
    )


async def _refused(appender: Appender, caller: Caller, trail: Trail, document_type: str, reason: str) -> None:
    """Put a refusal on record that was decided before the batch."""
    details = caller_details(caller, document_type=document_type)
    await appender.submit(refusal("intake", trail, caller, Refused(reason), details))


async def _discarded(database: Database, vault: Vault, place: NewPlace) -> None:
    """Best effort; what cannot be deleted now is deleted by ``tidy_up``, which the pending row tells of it."""
    with contextlib.suppress(StorageError):
        await vault.discard(place.object_key)
        async with database.transaction() as transaction:
            await end_intake(transaction, place.object_key)
