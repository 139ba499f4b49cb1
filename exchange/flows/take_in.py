"""A paper comes in once (DESIGN section 7).

1. row ``pending``: random object key, wrapped data key
2. hash, the gate's verdict, seal, one PUT  (the body is never in the process's memory as a whole)
3. one streamed read-back, compared by digest
4. one batch item: ``ready``, the older version superseded, the entry; then the answer
What is refused leaves nothing: the object is deleted at once. Whatever broke without a definite answer (a store or a
ledger that went away, a cancelled caller) is left to ``tidy_up``, which deletes nothing on suspicion.
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
from exchange.provenance import better, label
from exchange.requirements.catalogue import DocumentType
from exchange.uploads import Body, Paper, Turned, admitted, arrived_version, same_paper, sent_otherwise, unfit
from storage.citizen_keys import CITIZEN_KEYS, TURNS_MET
from storage.database import Database
from storage.documents import (
    GIVEN_UP,
    VERSIONS,
    DocumentVersion,
    begin_intake,
    end_intake,
    locked_document,
    next_version,
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
from storage.inspection import Gate
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.signatures.judging import Signed
from storage.vault import NewPlace, Vault

# Older ones may not become ready. ``tidy_up`` deletes only what is older still and what a batch gave up first: clocks jump (F23).
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
    gate: Gate | None,
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
        async with admitted(gate, body, now) as kept:
            stored = await vault.put(place, kept.chunks, kept.size)
            signed = kept.signed
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
    came = label(paper.unsigned, signed.grade if signed else None)
    row = arrived_version(caller, trail, document_type, paper, body, came, place, stored, began)
    try:
        arrival = _Arrival(
            caller, trail, row, began, Reach(caller, [subject_ref], limits, now), place.key_id, signed
        )
        taken = await arrival.entered(appender, vault, place)
    except NOT_KEPT:
        await _discarded(database, vault, place)
        raise
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
        self,
        caller: Caller,
        trail: Trail,
        row: DocumentVersion,
        began: datetime,
        reach: Reach,
        key_id: str,
        signed: Signed | None,
    ) -> None:
        self.taken = Taken(row, created=True)
        self._caller = caller
        self._trail = trail
        self._row = row
        self._began, self._key_id = began, key_id
        self._reach = reach
        self._signed = signed
        self._superseded: list[int] = []

    async def entered(self, appender: Appender, vault: Vault, place: NewPlace) -> Taken:
        for _ in range(TURNS_MET):
            settled = await appender.submit(self._work())
            if settled.verdict.reason != "keys_changed":
                break
            place = await vault.wrapped_anew(place, self._trail.subject_ref)
            self._row, self._key_id = replace(self._row, wrapped_key=place.wrapped_key), place.key_id
        settled.verdict.enforce()
        return self.taken

    def _work(self) -> Work[Verdict]:
        return Work(
            kind="intake",
            caller=self._caller.actor,
            trail=self._trail,
            load=[
                *caller_needs(self._caller),
                *self._reach.needs,
                Need(VERSIONS, self._row.document_id, "document_id"),
                Need(CITIZEN_KEYS, self._trail.subject_ref),
                Need(GIVEN_UP, self._row.object_key),
            ],
            judge=self._judge,
            apply=self._apply,
            apply_refused=self._reach.stopped,
            events=self._events,
        )

    def _versions(self, facts: Facts) -> list[DocumentVersion]:
        return facts.group(VERSIONS, "document_id", self._row.document_id)

    def _same(self, facts: Facts) -> DocumentVersion | None:
        """The same bytes as they were sent, or as they are kept."""
        ready = (version for version in self._versions(facts) if version.state == "ready")
        return next((version for version in ready if same_paper(version, self._row)), None)

    def _judge(self, facts: Facts, now: datetime) -> Verdict:
        verdict = first_refusal(judged_caller(facts, self._caller, now), self._reach.judge(facts))
        if not verdict.allowed:
            return verdict
        if now - self._began > INTAKE_LIFE or facts.get(GIVEN_UP, self._row.object_key) is not None:
            return Refused("intake_too_slow")
        keys = facts.get(CITIZEN_KEYS, self._trail.subject_ref)
        if keys is None or keys.key_id != self._key_id:  # a data key under a key that is gone opens nothing
            return Refused("keys_changed")
        # A copy that began earlier and arrives later must not take the place of the newer one.
        newer = any(version.version >= self._row.version for version in self._versions(facts))
        return Refused("intake_overtaken") if newer and self._same(facts) is None else verdict

    def _apply(self, facts: Facts, now: datetime, _verdict: Verdict) -> None:
        self._reach.count(facts, now)
        self._superseded = []  # a batch may be judged again after a lost connection
        if (known := self._same(facts)) is not None:
            if better(self._row.provenance, known.provenance):
                known = replace(known, provenance=self._row.provenance, taken_by=self._row.taken_by)
                facts.put(VERSIONS, known)
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
                {
                    "id": kept.document_id,
                    "ver": kept.version,
                    "sha256": kept.sha256,
                    **sent_otherwise(self._row, kept),
                    "provenance": kept.provenance,
                },
                signature=self._signed.told if self._signed else None,
                same=None if self.taken.created else True,
            )
        ]
        for number in self._superseded:
            doc = {"id": kept.document_id, "ver": number, "superseded_by": kept.version}
            told.append(replace(self._told(doc), type="supersede"))
        return told

    def _told(self, doc: dict[str, object], **members: object) -> Event:
        return _event(self._caller, self._trail, self._row.type, doc=doc, **members)


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
