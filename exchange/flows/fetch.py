"""A ticket is redeemed (DESIGN section 7).

1. the ticket's signature and its holder are known (``exchange.holder``)
2. one batch item: everything judged live, the use and a machine's proof consumed, the entry, the commit
3. the object is got, overlapping 2; nothing is handed out before the commit, a refusal cancels it
4. every segment is authenticated before it is sent; a copy is drawn from it where the ticket names one
5. the outcome entry: sent or aborted, and how many bytes. A delivery has a time limit; where a process died, a reaper
   writes ``unknown`` ten seconds after it
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.callers import Caller
from auth.client_tokens import Proof
from auth.tokens import Ticket, TokenDesk
from auth.verdict import AccessRefused
from exchange.copies import Copies, CopyBusy, CopyFailed
from exchange.deliveries import Delivery, outcome_of, still_granted
from exchange.delivery_receipt import receipt_id, signed_receipt
from exchange.releases import opened_of, release_work, resolved
from storage.database import Database
from storage.errors import StorageError
from storage.keyring import Keyring
from storage.ledger.log import Appender
from storage.vault import Opened, Vault

__all__ = ["Opened", "Released", "fetch", "still_granted"]


@dataclass(frozen=True, slots=True)
class Released:
    """An opened document on its way out. ``receipt`` is the signed delivery receipt, ``number`` its id."""

    opened: Opened
    receipt: str
    number: str
    delivery: Delivery


async def fetch(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    desk: TokenDesk,
    copies: Copies,
    *,
    ticket: Ticket,
    caller: Caller,
    proof: Proof | None,
    document_id: str,
    version: int,
    origin: str,
    now: datetime,
    **details: Any,
) -> Released:
    """``proof`` is a machine's, about this ticket and this address; it is used up together with the ticket. Raises ``AccessRefused`` after the refusal is on record; ``CopyFailed``, ``CopyBusy`` and storage errors after an ``aborted`` outcome is."""
    release = await resolved(
        database,
        keyring,
        appender,
        vault,
        ticket=ticket,
        caller=caller,
        proof=proof,
        document_id=document_id,
        version=version,
        codes=copies.code_id,
        now=now,
        **details,
    )
    work = release_work(release)
    read = vault.prepare(release.place) if release.place else None
    try:
        settled = await appender.submit(work)
    except BaseException:
        if read is not None:
            read.cancel()
        raise
    if not settled.verdict.allowed or read is None:
        if read is not None:
            read.cancel()
        if settled.verdict.reason == "subjects_changed":
            vault.forget(document_id, version)
        settled.verdict.enforce()
        raise AccessRefused("not_in_ticket")
    delivery = release.delivery(settled)
    try:
        opened = await copies.served(release, await opened_of(release, read, settled))
    except (StorageError, CopyFailed, CopyBusy):
        await appender.submit(outcome_of(delivery, sent_bytes=0, complete=False))
        raise
    receipt = signed_receipt(
        desk,
        release,
        work.id,
        settled,
        served_sha256=opened.sha256,
        code=copies.code(release),
        origin=origin,
        now=now,
    )
    return Released(opened, receipt, receipt_id(work.id), replace(delivery, served_sha256=opened.sha256))
