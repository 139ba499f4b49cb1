"""What nobody asks for, done once in a while: deliveries without an outcome, intakes without an end, what was used once and is over."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

from auth.verdict import ALLOWED, Verdict
from storage.clients import forget_used
from storage.database import Database
from storage.documents import end_intake, finished_intakes, forgotten_intakes
from storage.errors import KeyMissing, StorageError
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.limits import forget_budgets, forget_seen
from storage.tickets import USES, TicketUse, overdue_uses, still_open
from storage.vault import Vault

INTAKE_FORGOTTEN_AFTER = timedelta(minutes=10)


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
                await _close(keyring, appender, use)
                closed += 1
    return closed


async def forget_old(database: Database) -> None:
    """Assertions and proofs that nobody would accept any more, and who was looked at in hours that are over."""
    async with database.transaction() as transaction:
        await forget_used(transaction)
        await forget_seen(transaction)
        await forget_budgets(transaction)


async def _close(keyring: Keyring, appender: Appender, use: TicketUse) -> None:
    try:
        trail = await keyring.trail(use.subject_ref)
    except KeyMissing:
        trail = keyring.site_trail()

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        current = facts.get(USES, use.id)
        if current is not None and current.open and current.due_at == use.due_at:
            facts.put(USES, replace(current, open=False))

    details = {
        "outcome": "unknown",
        "ticket": use.ticket_id,
        "consent": use.consent_id,
        "doc": {"id": use.document_id, "ver": use.version},
    }
    await appender.submit(
        Work(
            kind="outcome",
            caller="",
            trail=trail,
            load=[Need(USES, use.id)],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event("outcome", trail, "system", details)],
        )
    )


async def sweep_intakes(database: Database, vault: Vault) -> int:
    """Delete the objects and rows of intakes that never ended; returns how many (I2: gone within ten minutes)."""
    async with database.transaction() as transaction:
        await finished_intakes(transaction)
        forgotten = await forgotten_intakes(transaction, INTAKE_FORGOTTEN_AFTER)
    for object_key in forgotten:
        with contextlib.suppress(StorageError):
            await vault.discard(object_key)
            async with database.transaction() as transaction:
                await end_intake(transaction, object_key)
    return len(forgotten)
