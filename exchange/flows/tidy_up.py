"""What nobody asks for, done once in a while: deliveries without an outcome, intakes without an end, what was used once and is over."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle
from random import sample
from typing import Any

from auth.verdict import ALLOWED, Verdict
from exchange.family import linked, trail_needs, trails_of
from storage.clients import forget_used
from storage.consents import consent_by_id
from storage.database import Database
from storage.documents import (
    GIVEN_UP,
    VERSIONS,
    GivenUp,
    end_intake,
    finished_intakes,
    forgotten_intakes,
    told_doc,
    version_row,
)
from storage.errors import KeyMissing, StorageError
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.limits import forget_budgets, forget_seen
from storage.shelf import GONE, SHARDS, on_shard, pending_on
from storage.tickets import USES, TicketUse, overdue_uses, still_open
from storage.vault import Vault

INTAKE_FORGOTTEN_AFTER = timedelta(minutes=10)
ORPHAN_AGE = timedelta(minutes=10)
ORPHANS_AT_MOST = 20  # in one shard of 256
_log = logging.getLogger("berkas.store")


async def close_abandoned(database: Database, keyring: Keyring, appender: Appender) -> int:
    """Write ``unknown`` for deliveries whose process died; returns how many. One that cannot be closed now does not keep
    the others.
    """
    async with database.reading() as reading:
        uses = await overdue_uses(reading)
    closed = 0
    for use in uses:
        with contextlib.suppress(StorageError):
            async with database.reading() as reading:
                still = await still_open(reading, use)  # another replica may have been first
            if still:
                await _close(database, keyring, appender, use)
                closed += 1
    return closed


async def forget_old(database: Database) -> None:
    """Assertions and proofs that nobody would accept any more, and who was looked at in hours that are over."""
    async with database.transaction() as transaction:
        await forget_used(transaction)
        await forget_seen(transaction)
        await forget_budgets(transaction)


async def _close(database: Database, keyring: Keyring, appender: Appender, use: TicketUse) -> None:
    try:
        trail = await keyring.trail(use.subject_ref)
    except KeyMissing:
        trail = keyring.site_trail()
    async with database.reading() as reading:
        paper = await version_row(reading, use.document_id, use.version)
        consent = await consent_by_id(reading, use.consent_id)
    others = await trails_of(keyring, paper.subjects.split()) if paper else ()

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        current = facts.get(USES, use.id)
        if current is not None and current.open and current.due_at == use.due_at:
            facts.put(USES, replace(current, open=False))

    details: dict[str, Any] = {
        "outcome": "unknown",
        "ticket": use.ticket_id,
        "consent": use.consent_id,
        "doc": told_doc(paper) if paper else {"id": use.document_id, "ver": use.version},
    }
    if consent is not None:
        details |= {
            "agency": consent.agency_id,
            "service": consent.service,
            "lawful_basis": consent.lawful_basis,
        }
    event = Event("outcome", trail, "system", details)
    await appender.submit(
        Work(
            kind="outcome",
            caller="",
            trail=trail,
            load=[Need(USES, use.id), *trail_needs(others)],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                event,
                *linked(event, others, document_type=paper.type if paper else None),
            ],
        )
    )


async def sweep_intakes(database: Database, keyring: Keyring, appender: Appender, vault: Vault) -> int:
    """Delete the objects and rows of intakes that never ended; returns how many (I2: gone within ten minutes).

    First one batch item gives them up, so that none can become a version afterwards; then their objects go (F23). Age only chooses
    whom to ask: a slow intake, a clock that lies and a second replica lose nothing but their turn.
    """
    async with database.transaction() as transaction:
        await finished_intakes(transaction)
        forgotten = await forgotten_intakes(transaction, INTAKE_FORGOTTEN_AFTER)
    given_up = await _given_up(keyring, appender, forgotten) if forgotten else []
    for object_key in given_up:
        with contextlib.suppress(StorageError):
            await vault.discard(object_key)
            async with database.transaction() as transaction:
                await end_intake(transaction, object_key)
    return len(given_up)


async def _given_up(keyring: Keyring, appender: Appender, object_keys: Sequence[str]) -> list[str]:
    """Those that did not become a version meanwhile."""
    kept: list[str] = []

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        kept[:] = [key for key in object_keys if not facts.group(VERSIONS, "object_key", key)]
        for key in kept:
            if facts.get(GIVEN_UP, key) is None:
                facts.put(GIVEN_UP, GivenUp(key, now))

    trail = keyring.site_trail()
    await appender.submit(
        Work(
            kind="intake",
            caller="",
            trail=trail,
            load=[
                need
                for key in object_keys
                for need in (Need(GIVEN_UP, key), Need(VERSIONS, key, "object_key"))
            ],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event("intake", trail, "system", {"act": "given_up", "intakes": len(kept)})
            ],
        )
    )
    return kept


class Collector:
    """Deletes what nobody can open any more (erased papers) and what belongs to nobody, one shard of the object keys at a time, so that each has its turn once in a few hours.

    An object that no intake and no version names never will be named: its row would have stood before it. But a database that was
    restored to yesterday knows nothing of today's papers, and neither does a wrong bucket; where more is nobody's than crashes
    leave behind, nothing is deleted and an operator is told.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._shelf = vault.shelf
        self._turns = cycle(sample(SHARDS, len(SHARDS)))  # replicas need not go in step

    async def round(self, now: datetime) -> int:
        """Returns how many were deleted. ``now`` leaves alone what has just come, and decides nothing else."""
        return await self.collect(next(self._turns), now)

    async def collect(self, shard: str, now: datetime) -> int:
        listed = await self._shelf.listed(shard)
        async with self._database.reading() as reading:
            known = await pending_on(reading, shard)
            rows = await on_shard(reading, shard)
        known |= {row.object_key for row in rows}
        erased = [row.object_key for row in rows if row.state in GONE and row.object_key in listed]
        for key in erased:
            await self._shelf.remove(key)
        if erased:
            _log.info("objects of erased papers deleted", extra={"objects": len(erased)})
        nobodys = [
            key
            for key, item in listed.items()
            if key not in known and (item.modified is None or now - item.modified > ORPHAN_AGE)
        ]
        if len(nobodys) > max(ORPHANS_AT_MOST, len(listed) // 20):
            _log.error("too much belongs to nobody, nothing deleted", extra={"objects": len(nobodys)})
            return len(erased)
        for key in nobodys:
            await self._shelf.remove(key)
        if nobodys:
            _log.warning("objects of nobody deleted", extra={"objects": len(nobodys)})
        return len(erased) + len(nobodys)
