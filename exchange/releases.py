"""One document version on its way out of a ticket: what the batch needs to know, its item.

Shared by who fetches one paper and who fetches all papers of a ticket in one archive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from auth.callers import Caller
from auth.client_tokens import Proof
from auth.grants import (
    first_refusal,
    judge_consent,
    judge_documents,
    judge_epoch,
    judge_people,
    judge_proof,
    judge_ticket_time,
    judge_use,
    judge_version,
)
from auth.tickets import ORIGINAL, REDACTED, TicketDocument
from auth.tokens import Ticket
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.deliveries import Delivery, due_at, limit_s
from exchange.family import linked, trail_needs, trails_of
from exchange.provenance import told
from exchange.quarantine import DAMAGED, suspect, watched
from exchange.redactions import Redaction, redaction_of
from storage.consents import CONSENTS, ITEMS, consent_by_id
from storage.copies import COPIES, CopyCode
from storage.database import Database
from storage.documents import VERSIONS, version_id
from storage.errors import KeyMissing, SealBroken
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Settled, Trail, Work
from storage.tickets import USES, TicketUse, use_id
from storage.vault import Opened, Place, SealedRead, Vault

# More than anybody shows for one document in the two minutes of a proof.
PROOFS_KEPT = 64

Codes = Callable[[str], str]
"""The id of the code that is printed on the copy of one use."""


@dataclass(frozen=True, slots=True)
class Release:
    """``place`` is None when the ticket does not name the paper, its key is gone or not its own: the batch refuses then, on record.
    ``use`` and ``row`` name the use of the ticket and the version; ``look_again`` asks whether a copy that did not open is damaged. ``others`` are the trails of those whom the paper names beside its holder. ``code_id`` is set for a copy that prints a code. ``size`` (bytes)
    is of the whole answer that it is part of: it says when an outcome is due.
    """

    ticket: Ticket
    caller: Caller
    proof: Proof | None
    document_id: str
    version: int
    place: Place | None
    trail: Trail
    others: tuple[Trail, ...]
    details: Mapping[str, Any]
    look_again: Callable[[], Awaitable[bool]]
    size: int
    manner: str = ORIGINAL
    redaction: Redaction | None = None
    code_id: str | None = None
    use: str = field(init=False)
    row: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "use", use_id(self.ticket.jti, self.document_id, self.version))
        object.__setattr__(self, "row", version_id(self.document_id, self.version))

    def delivery(self, settled: Settled[Verdict]) -> Delivery:
        """Raises ``RuntimeError`` where there is no paper: then nothing was released (a bug in a flow)."""
        if self.place is None:
            raise RuntimeError("nothing to deliver")
        return Delivery(
            id=self.use,
            release=settled.receipt.index,
            due_at=due_at(settled.receipt.at, self.size),
            limit_s=limit_s(self.size),
            place=self.place,
            trail=self.trail,
            caller=self.caller,
            details=self.details,
            consent_id=self.ticket.consent_id,
            others=self.others,
        )


async def resolved(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    *,
    ticket: Ticket,
    caller: Caller,
    proof: Proof | None,
    document_id: str,
    version: int,
    codes: Codes,
    now: datetime,
    **details: Any,
) -> Release:
    """``proof`` is a machine's, about this ticket and this address. ``details`` go into the entry."""
    named = _named(ticket, document_id, version)
    look_again = partial(suspect, database, keyring, appender, vault, document_id, version, now)
    try:
        place = await _place(vault, named)
    except SealBroken:  # the row's key is not its own, or was turned while we looked
        place = await _place(vault, named) if await look_again() else None
    trail = await _trail(database, keyring, ticket, place)
    manner = named.rendition if named else ORIGINAL
    entered = caller_details(
        caller,
        service=ticket.purpose,
        lawful_basis=ticket.lawful_basis,
        consent=ticket.consent_id,
        ticket=ticket.jti,
        document_type=place.type if place else None,
        doc={"id": document_id, "ver": version} | (_told(place) if place else {}),
        rendition=None if manner == ORIGINAL else manner,
        **details,
    )
    # A paper with one subject, like most, pays nothing for those with several.
    others = await trails_of(keyring, place.subjects.split(" ")) if place and place.subjects else ()
    return Release(
        ticket,
        caller,
        proof,
        document_id,
        version,
        place,
        trail,
        others,
        entered,
        look_again,
        size=place.size if place else 0,
        manner=manner,
        redaction=await redaction_of(database, ticket.consent_id, document_id, version)
        if manner == REDACTED
        else None,
        code_id=None if manner == ORIGINAL else codes(use_id(ticket.jti, document_id, version)),
    )


def _told(place: Place) -> dict[str, Any]:
    """What the receipt will say of the paper: so it can be made again from the entry, whatever becomes of the row."""
    return {"sha256": place.sha256, "size": place.size, **told(place.provenance, place.taken_by)}


def _named(ticket: Ticket, document_id: str, version: int) -> TicketDocument | None:
    """Only what the ticket names is looked for: a ticket for one paper tells nothing about another."""
    for document in ticket.docs:
        if document.id == document_id and document.ver == version:
            return document
    return None


async def _place(vault: Vault, named: TicketDocument | None) -> Place | None:
    """None also when its key was destroyed. Raises ``SealBroken``."""
    if named is None:
        return None
    try:
        return await vault.find(named.id, named.ver)
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


async def opened_of(release: Release, read: SealedRead, settled: Settled[Verdict]) -> Opened:
    """Raises what reading raises, here and while the parts are read; a copy that is damaged is looked at again before."""
    try:
        opened = await read.open(settled.receipt)
    except DAMAGED:
        await release.look_again()
        raise
    return replace(opened, parts=watched(opened.parts, release.look_again)) if opened.parts else opened


def release_needs(release: Release) -> list[Need]:
    return [
        *caller_needs(release.caller),
        Need(CONSENTS, release.ticket.consent_id),
        Need(ITEMS, release.ticket.consent_id, "consent_id"),
        Need(VERSIONS, release.row),
        Need(USES, release.use),
        *([Need(COPIES, release.code_id)] if release.code_id else ()),
        *(release.redaction.needs if release.redaction else ()),
        *trail_needs(release.others),
    ]


def judge_release(release: Release, facts: Facts, now: datetime) -> Verdict:
    ticket, caller, place = release.ticket, release.caller, release.place
    consent, version = facts.get(CONSENTS, ticket.consent_id), facts.get(VERSIONS, release.row)
    use = facts.get(USES, release.use)
    return first_refusal(
        ALLOWED if _named(ticket, release.document_id, release.version) else Refused("not_in_ticket"),
        judge_ticket_time(ticket.expires_at, now),
        judged_caller(facts, caller, now, service=ticket.purpose),
        judge_consent(consent, ticket.agency, now),
        judge_epoch(consent.epoch if consent else -1, ticket.consent_rev),
        judge_documents(facts.group(ITEMS, "consent_id", ticket.consent_id), {release.document_id}),
        judge_version(version),
        ALLOWED if place is not None else Refused("not_in_ticket"),
        judge_people(version, place.subjects if place else ""),
        release.redaction.judge(facts) if release.redaction else ALLOWED,
        judge_proof(use, _shown(release)),
        judge_use(use, caller.holder, now),
    )


def release_work(
    release: Release, judge: Callable[[Facts, datetime], Verdict] | None = None, *needs: Need
) -> Work[Verdict]:
    """``judge`` and its ``needs`` where more is judged than this paper alone."""

    def events(facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        seen = facts.get(USES, release.use)
        again = seen is not None and (seen.attempts > 1 if verdict.allowed else True)
        kind = "redelivery" if again else "release"
        event = Event(kind, release.trail, release.caller.actor, release.details)
        return [event, *linked(event, release.others)] if release.others else [event]

    return Work(
        kind="release",
        caller=release.caller.actor,
        trail=release.trail,
        load=[*release_needs(release), *needs],
        judge=judge or (lambda facts, now: judge_release(release, facts, now)),
        apply=lambda facts, now, _verdict: _consume(release, facts, now),
        apply_refused=lambda facts, _now, _verdict: _spend(release, facts),
        events=events,
        released=(release.document_id, release.version),
    )


def _shown(release: Release) -> str | None:
    return release.proof.replay_id if release.proof else None


def _consume(release: Release, facts: Facts, now: datetime) -> None:
    ticket, place, shown = release.ticket, release.place, _shown(release)
    before = facts.get(USES, release.use)
    due = due_at(now, release.size)
    if before is not None:
        proofs = f"{before.proofs} {shown}" if shown else before.proofs
        facts.put(USES, replace(before, attempts=before.attempts + 1, open=True, due_at=due, proofs=proofs))
        return
    fresh = TicketUse(
        id=release.use,
        ticket_id=ticket.jti,
        document_id=release.document_id,
        version=release.version,
        subject_ref=place.subject_ref if place else release.trail.subject_ref,
        consent_id=ticket.consent_id,
        caller=release.caller.holder,
        released_at=now,
        attempts=1,
        open=True,
        due_at=due,
        delivered=False,
        proofs=shown or "",
    )
    facts.put(USES, fresh)
    if release.code_id:
        facts.put(COPIES, CopyCode(release.code_id, release.use, ticket.consent_id, ticket.issued_at))


def _spend(release: Release, facts: Facts) -> None:
    """A proof that came with a refusal is used up too: the same ticket may be delivered again within 120 s."""
    before, shown = facts.get(USES, release.use), _shown(release)
    if before is not None and shown and shown not in before.proofs:
        proofs = " ".join([*before.proofs.split(" "), shown][-PROOFS_KEPT:])
        facts.put(USES, replace(before, proofs=proofs))
