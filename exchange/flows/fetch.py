"""A ticket is redeemed (DESIGN section 7).

1. the ticket's signature and its holder are known (``exchange.holder``)
2. one batch item: everything judged live, the use and a machine's proof consumed, the entry, the commit
3. the object is got, overlapping 2; nothing is handed out before the commit, a refusal cancels it
4. every segment is authenticated before it is sent
5. the outcome entry: sent or aborted, and how many bytes. A delivery has a time limit; where a process died, a reaper
   writes ``unknown`` ten seconds after it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.callers import Caller
from auth.client_tokens import Proof
from auth.grants import (
    first_refusal,
    judge_consent,
    judge_documents,
    judge_epoch,
    judge_proof,
    judge_ticket_time,
    judge_use,
    judge_version,
)
from auth.tokens import RECEIPT, Ticket, TokenDesk
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.deliveries import Delivery, due_at, limit_s, outcome_of
from storage.consents import CONSENTS, ITEMS, consent_by_id
from storage.database import Database
from storage.documents import VERSIONS, version_id
from storage.errors import KeyMissing, StorageError
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Settled, Trail, Work
from storage.tickets import USES, TicketUse, use_id
from storage.vault import Opened, Place, Vault

# More than anybody shows for one document in the two minutes of a proof.
PROOFS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Released:
    """An opened document on its way out. ``receipt`` is the signed delivery receipt."""

    opened: Opened
    receipt: str
    delivery: Delivery


async def fetch(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    desk: TokenDesk,
    *,
    ticket: Ticket,
    caller: Caller,
    proof: Proof | None,
    document_id: str,
    version: int,
    origin: str,
    now: datetime,
) -> Released:
    """``proof`` is a machine's, about this ticket and this address; it is used up together with the ticket. Raises ``AccessRefused`` after the refusal is on record; storage errors after an ``aborted`` outcome is."""
    place = await _place(vault, ticket, document_id, version)
    trail = await _trail(database, keyring, ticket, place)
    details = caller_details(
        caller,
        service=ticket.purpose,
        lawful_basis="consent",
        consent=ticket.consent_id,
        ticket=ticket.jti,
        document_type=place.type if place else None,
        doc={"id": document_id, "ver": version} | ({"sha256": place.sha256} if place else {}),
    )
    work = _release(ticket, caller, proof, place, trail, document_id, version, details)
    read = vault.prepare(place) if place else None
    try:
        settled = await appender.submit(work)
    except BaseException:
        if read is not None:
            read.cancel()
        raise
    if not settled.verdict.allowed or read is None or place is None:
        if read is not None:
            read.cancel()
        settled.verdict.enforce()
        raise AccessRefused("not_in_ticket")
    delivery = Delivery(
        id=use_id(ticket.jti, document_id, version),
        due_at=due_at(settled.receipt.at, place.size),
        limit_s=limit_s(place.size),
        place=place,
        trail=trail,
        caller=caller,
        details=details,
        consent_id=ticket.consent_id,
    )
    try:
        opened = await read.open(settled.receipt)
    except StorageError:
        await appender.submit(outcome_of(delivery, sent_bytes=0, complete=False))
        raise
    receipt = _signed_receipt(desk, ticket, caller, place, work.id, settled, origin, now)
    return Released(opened, receipt, delivery)


async def still_granted(database: Database, consent_id: str, now: datetime) -> bool:
    """Asked while a long delivery runs: a withdrawal stops it."""
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
    return consent is not None and judge_consent(consent, consent.agency_id, now).allowed


async def _place(vault: Vault, ticket: Ticket, document_id: str, version: int) -> Place | None:
    """Only what the ticket names is looked for: a ticket for one paper tells nothing about another. None also when its
    key was destroyed.
    """
    if not any(document.id == document_id and document.ver == version for document in ticket.docs):
        return None
    try:
        return await vault.find(document_id, version)
    except KeyMissing:
        return None


async def _trail(database: Database, keyring: Keyring, ticket: Ticket, place: Place | None) -> Trail:
    """Whose list the entry belongs to: also a try for a paper that the ticket does not name is the citizen's to see."""
    subject_ref = place.subject_ref if place else None
    if subject_ref is None:
        async with database.reading() as reading:
            consent = await consent_by_id(reading, ticket.consent_id)
        subject_ref = consent.subject_ref if consent else None
    try:
        return await keyring.trail(subject_ref) if subject_ref else keyring.site_trail()
    except KeyMissing:
        return keyring.site_trail()


def _release(
    ticket: Ticket,
    caller: Caller,
    proof: Proof | None,
    place: Place | None,
    trail: Trail,
    document_id: str,
    version: int,
    details: Mapping[str, Any],
) -> Work[Verdict]:
    use = use_id(ticket.jti, document_id, version)
    row = version_id(document_id, version)
    shown = proof.replay_id if proof else None

    def judge(facts: Facts, now: datetime) -> Verdict:
        consent = facts.get(CONSENTS, ticket.consent_id)
        return first_refusal(
            ALLOWED if place is not None else Refused("not_in_ticket"),
            judge_ticket_time(ticket.expires_at, now),
            judged_caller(facts, caller, now, service=ticket.purpose),
            judge_consent(consent, ticket.agency, now),
            judge_epoch(consent.epoch if consent else -1, ticket.consent_rev),
            judge_documents(facts.group(ITEMS, "consent_id", ticket.consent_id), {document_id}),
            judge_version(facts.get(VERSIONS, row)),
            judge_proof(facts.get(USES, use), shown),
            judge_use(facts.get(USES, use), caller.holder, now),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        before = facts.get(USES, use)
        due = due_at(now, place.size if place else 0)
        if before is not None:
            proofs = f"{before.proofs} {shown}" if shown else before.proofs
            again = replace(before, attempts=before.attempts + 1, open=True, due_at=due, proofs=proofs)
            facts.put(USES, again)
            return
        subject_ref = place.subject_ref if place else trail.subject_ref
        fresh = TicketUse(
            id=use,
            ticket_id=ticket.jti,
            document_id=document_id,
            version=version,
            subject_ref=subject_ref,
            consent_id=ticket.consent_id,
            caller=caller.holder,
            released_at=now,
            attempts=1,
            open=True,
            due_at=due,
            delivered=False,
            proofs=shown or "",
        )
        facts.put(USES, fresh)

    def spend(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        """A proof that came with a refusal is used up too: the same ticket may be delivered again within 120 s."""
        before = facts.get(USES, use)
        if before is not None and shown and shown not in before.proofs:
            facts.put(
                USES, replace(before, proofs=" ".join([*before.proofs.split(" "), shown][-PROOFS_KEPT:]))
            )

    def events(facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        seen = facts.get(USES, use)
        again = seen is not None and (seen.attempts > 1 if verdict.allowed else True)
        return [Event("redelivery" if again else "release", trail, caller.actor, details)]

    return Work(
        kind="release",
        caller=caller.actor,
        trail=trail,
        load=[
            *caller_needs(caller),
            Need(CONSENTS, ticket.consent_id),
            Need(ITEMS, ticket.consent_id, "consent_id"),
            Need(VERSIONS, row),
            Need(USES, use),
        ],
        judge=judge,
        apply=apply,
        apply_refused=spend,
        events=events,
        released=(document_id, version),
    )


def _signed_receipt(
    desk: TokenDesk,
    ticket: Ticket,
    caller: Caller,
    place: Place,
    item_id: str,
    settled: Settled[Verdict],
    origin: str,
    now: datetime,
) -> str:
    """``berkas-delivery-receipt+jwt``: signed after the commit; it can be made again from the rows, its number too."""
    return desk.sign(
        RECEIPT,
        {
            "jti": item_id.replace("i_", "r_", 1),
            "iat": int(now.timestamp()),
            "ticket": ticket.jti,
            "consent": {"id": ticket.consent_id, "sha256": ticket.consent_sha256},
            "recipient": ticket.agency,
            "act": caller.actor,
            "doc": {
                "id": place.document_id,
                "ver": place.version,
                "type": place.type,
                "source_sha256": place.sha256,
                "served_sha256": place.sha256,
                "size": place.size,
            },
            "log": {
                "origin": origin,
                "index": settled.receipt.index,
                "leaf_sha256": settled.receipt.leaf_sha256.hex(),
            },
        },
    )
