"""A stored copy that is not what it was is put aside, by whoever finds it: a fetch or ``berkas fsck`` (F20, F22).

Quarantine is a state of the version, judged and on record: what is in it is refused by name at readiness, ticket and fetch. Nobody is
believed at once: row, key and object are read anew before a version goes there, so that a key that was just turned, one answer that
was garbled on its way, or a proxy's page in place of the object takes no paper from anybody. Only a deep check that finds the copy whole lets it out again.
"""

from __future__ import annotations

import contextlib
import enum
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from auth.grants import judge_examined
from auth.verdict import Verdict
from storage.database import Database
from storage.documents import CAME_IN, VERSIONS, DocumentVersion, told_doc, version_row
from storage.errors import DocumentMissing, KeyMissing, SealBroken, StorageError, WrongLength
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.limits import ALERTS, Alert
from storage.quarantine import QUARANTINED, Quarantined
from storage.vault import Vault

# What says that a copy is not what was stored, and not merely that the store cannot be asked.
DAMAGED = (SealBroken, DocumentMissing, WrongLength)
_log = logging.getLogger("berkas.store")


class Second(enum.Enum):
    """What a second look finds."""

    WHOLE = enum.auto()
    DAMAGED = enum.auto()  # and it is put aside, by us or by somebody before
    UNKNOWN = enum.auto()  # the store cannot say, or the row is another one by now


LookAgain = Callable[[], Awaitable[Second]]


async def suspect(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    document_id: str,
    version: int,
    now: datetime,
) -> Second:
    """A fetch could not open this version: look again, and put it aside when that fails too. Where nobody can say, nothing is done: the
    fetch is refused, and the next one looks again.
    """
    try:
        return await _looked_again(database, keyring, appender, vault, document_id, version, now)
    except StorageError as error:
        _log.warning("a suspect copy was not examined", extra={"error": type(error).__name__})
        return Second.UNKNOWN


async def confirmed(error: StorageError, look_again: LookAgain) -> StorageError:
    """What whoever asked is told of ``error``, one of ``DAMAGED``, after the second look. A wrong length alone is a store that does not
    answer as it should; of a copy that is put aside it is damage.
    """
    found = await look_again()
    return SealBroken("length") if isinstance(error, WrongLength) and found is Second.DAMAGED else error


async def watched(parts: AsyncGenerator[bytes, None], look_again: LookAgain) -> AsyncGenerator[bytes, None]:
    """The parts of a large document on their way; what breaks in the middle is looked at again too."""
    try:
        async with contextlib.aclosing(parts):
            async for part in parts:
                yield part
    except DAMAGED as error:
        raise await confirmed(error, look_again) from None


async def _looked_again(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    document_id: str,
    version: int,
    now: datetime,
) -> Second:
    vault.forget(document_id, version)
    async with database.reading() as reading:
        row = await version_row(reading, document_id, version)
    if row is None or row.state not in {"ready", "superseded"}:
        return Second.DAMAGED if row is not None and row.state == "quarantined" else Second.UNKNOWN
    keyring.forget(row.subject_ref)
    fault = (await vault.shelf.examine(row)).fault
    doc = {"document": document_id, "version": version}
    if fault is None:
        _log.warning("a copy that did not open opens now", extra=doc)
        return Second.WHOLE
    _log.error("a stored copy is damaged", extra=doc | {"fault": fault})
    aside = await put_aside(keyring, appender, row, fault, found_by="fetch", now=now)
    return Second.DAMAGED if aside else Second.UNKNOWN


async def put_aside(
    keyring: Keyring, appender: Appender, row: DocumentVersion, fault: str, *, found_by: str, now: datetime
) -> bool:
    """``row`` is the one that was examined. False when it changed meanwhile, or is put aside already: then nothing was done."""
    trail = await _trail(keyring, row)
    alert_id = (
        f"quarantine/{now:%Y-%m-%dT%H}"  # once an hour: a lost disk is one thing to tell, not ten thousand
    )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        current = facts.get(VERSIONS, row.id)
        if current is None:
            return
        facts.put(VERSIONS, replace(current, state="quarantined"))
        facts.put(QUARANTINED, Quarantined(row.id, row.subject_ref, fault, found_by, now, None))
        if facts.get(ALERTS, alert_id) is None:
            facts.put(ALERTS, Alert(alert_id, "", "system", "version_quarantined", now, None))

    settled = await appender.submit(
        Work(
            kind="quarantine",
            caller="",
            trail=trail,
            load=[Need(VERSIONS, row.id), Need(QUARANTINED, row.id), Need(ALERTS, alert_id)],
            judge=lambda facts, _now: judge_examined(row, facts.get(VERSIONS, row.id)),
            apply=apply,
            events=lambda _facts, _now, _verdict: [_event(row, trail, "put_aside", found_by, fault=fault)],
        )
    )
    return settled.verdict.allowed


async def let_out(keyring: Keyring, appender: Appender, row: DocumentVersion) -> bool:
    """``row``, in quarantine, was found whole by a deep check: it is what it was, the copy that counts unless a newer one came in."""
    trail = await _trail(keyring, row)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        others = facts.group(VERSIONS, "document_id", row.document_id)
        newer = any(other.version > row.version and other.state in CAME_IN for other in others)
        if (current := facts.get(VERSIONS, row.id)) is not None:
            facts.put(VERSIONS, replace(current, state="superseded" if newer else "ready"))
        if (kept := facts.get(QUARANTINED, row.id)) is not None:
            facts.put(QUARANTINED, replace(kept, lifted_at=now))

    settled = await appender.submit(
        Work(
            kind="quarantine",
            caller="",
            trail=trail,
            load=[
                Need(VERSIONS, row.id),
                Need(VERSIONS, row.document_id, "document_id"),
                Need(QUARANTINED, row.id),
            ],
            judge=lambda facts, _now: judge_examined(row, facts.get(VERSIONS, row.id)),
            apply=apply,
            events=lambda _facts, _now, _verdict: [_event(row, trail, "let_out", "fsck")],
        )
    )
    return settled.verdict.allowed


async def _trail(keyring: Keyring, row: DocumentVersion) -> Trail:
    try:
        return await keyring.trail(row.subject_ref)
    except KeyMissing:
        return keyring.site_trail()


def _event(row: DocumentVersion, trail: Trail, act: str, found_by: str, **members: str) -> Event:
    details = {
        "act": act,
        "found_by": found_by,
        "document_type": row.type,
        "doc": told_doc(row),
        **members,
    }
    return Event("quarantine", trail, "system", details)
