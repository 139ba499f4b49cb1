"""Proof of one entry, to take along: a delivery's for who received it, any own entry's for the citizen.

1. the entry is found by the number of its receipt (the number of the batch item that wrote it), or by its own number on the citizen's trail
2. who asks is judged by what the entry itself says; a refusal is on record, and reads the same for "not yours" and "not there"
3. how the delivery ended is looked up behind it, on the same trail
4. as soon as a signed checkpoint covers both, the receipt is signed anew from the entry, and the proofs are read
It is no entry: nothing is told that the asker does not have, no paper is opened, and the citizen's own page is none either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Caller, Machine
from auth.tickets import ORIGINAL
from auth.tokens import TokenDesk
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details, may_look, refusal
from exchange.bundles import Bundle, Files, Keys, entry_files, origin_of, proofs_of, readme
from exchange.copies import Copies
from exchange.deliveries import file_name
from exchange.delivery_receipt import item_of, made_again, receipt_id
from exchange.provenance import told
from exchange.revisions import claims_of, revisions_of, sha256_of
from storage.consents import consent_by_id
from storage.database import Database, Reading
from storage.documents import DocumentVersion, version_row
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.evidence import Evidence, evidence_of, following, row_at, row_of_item
from storage.ledger.log import Appender
from storage.ledger.published import Signed, covering
from storage.ledger.publisher import Publisher
from storage.ledger.work import Trail
from storage.tickets import use_id

DELIVERIES = frozenset({"release", "redelivery"})
ENTRIES_A_LOOK = 50
LOOKS = 10
# A delivery that has no outcome after this never gets one: the slowest that is allowed takes less.
OUTCOME_WITHIN = timedelta(hours=2)
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes receipts: its key, its copies' codes, and the name of the site in the texts."""

    desk: TokenDesk
    copies: Copies
    keys: Keys
    site: str


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A release with its end. ``outcome`` is None where none was ever written."""

    released: Evidence
    outcome: Evidence | None

    @property
    def entries(self) -> list[Evidence]:
        return [self.released, *([self.outcome] if self.outcome else [])]

    @property
    def manner(self) -> str:
        return str(self.released.event.get("rendition", ORIGINAL))

    @property
    def served_sha256(self) -> str | None:
        """None where nothing was made to leave, or nobody knows what."""
        ended = self.outcome.event if self.outcome else {"outcome": UNKNOWN}
        if ended["outcome"] == UNKNOWN and self.manner == ORIGINAL:
            return str(self.released.event["doc"]["sha256"])
        return ended.get("served_sha256")


async def for_recipient(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    maker: Maker,
    *,
    caller: Caller,
    receipt: str,
    now: datetime,
) -> Bundle | None:
    """None as long as the delivery runs, or no checkpoint covers its entries. Raises ``AccessRefused`` after the refusal is on record."""
    released, trail, verdict = await _found(database, keyring, caller, receipt)
    if released is None or not verdict.allowed:
        raise await _refused(appender, trail, caller, verdict, receipt)
    async with database.reading() as reading:
        delivery = await _ended(reading, trail, released, now)
        signed = await covering(reading, delivery.entries[-1].index) if delivery else None
        if delivery is None or signed is None:
            return None
        if delivery.served_sha256 is None:
            raise await _refused(appender, trail, caller, Refused("nothing_delivered"), receipt)
        files = await _delivery_files(reading, keyring, maker, delivery, signed, opened=False, now=now)
    return Bundle(f"berkas-{receipt}.zip", files)


async def for_citizen(
    database: Database,
    keyring: Keyring,
    publisher: Publisher,
    maker: Maker,
    *,
    subject_ref: str,
    number: int,
    now: datetime,
) -> Bundle | None:
    """Of an own entry; None alike for another's and none. An entry of this very second is signed for now."""
    trail = await keyring.trail(subject_ref)
    async with database.reading() as reading:
        row = await row_at(reading, trail, number)
        if row is None:
            return None
        one = evidence_of(trail, row)
        own = _is_delivery(one.event)
        delivery = await _ended(reading, trail, one, now) if own else None
    newest = delivery.entries[-1] if delivery else one
    async with database.reading() as reading:
        signed = await covering(reading, newest.index)
    if signed is None:
        await publisher.sign_head()
    async with database.reading() as reading:
        signed = signed or await covering(reading, newest.index)
        if signed is None:  # another replica has restored an older log meanwhile
            return None
        if delivery is not None and delivery.served_sha256 is not None:
            files = await _delivery_files(reading, keyring, maker, delivery, signed, opened=True, now=now)
        else:
            files = await _entry_files(reading, maker, one, signed)
    return Bundle(f"berkas-bukti-{number}.zip", files)


async def _refused(
    appender: Appender, trail: Trail, caller: Caller, verdict: Verdict, receipt: str
) -> AccessRefused:
    """Put on record."""
    details = caller_details(caller, act="proof", receipt=receipt)
    await appender.submit(refusal("release", trail, caller, verdict, details))
    return AccessRefused(verdict.reason or "")


async def _found(
    database: Database, keyring: Keyring, caller: Caller, receipt: str
) -> tuple[Evidence | None, Trail, Verdict]:
    """The release, on whose trail its refusal belongs, and whether ``caller`` may have it."""
    site = keyring.site_trail()
    async with database.reading() as reading:
        row = await row_of_item(reading, item_of(receipt))
        if row is None:
            return None, site, Refused("receipt_unknown")
        try:
            trail = await keyring.trail(row["subject_ref"])
        except KeyMissing:
            # Whose it was is gone with what it said; who holds its number was told it once.
            return None, site, Refused("receipt_erased")
        released = evidence_of(trail, row)
        event = released.event
        if not _is_delivery(event):
            return None, site, Refused("receipt_unknown")
        return released, trail, await _judged(reading, caller, event)


async def _judged(reading: Reading, caller: Caller, event: Mapping[str, Any]) -> Verdict:
    if event["agency"] != caller.agency_id:
        return Refused("receipt_of_another_agency")
    types = caller.may_read(event["consent"]) if isinstance(caller, Machine) else None
    if types is not None and event["document_type"] not in types:
        return Refused("receipt_not_in_token")
    return await may_look(reading, caller, event["service"])


def _is_delivery(event: Mapping[str, Any]) -> bool:
    """Something left, and this is the entry of the paper's holder: what a receipt is about."""
    left = event["type"] in DELIVERIES and event["result"]["allowed"]
    return left and not event.get("names_you")


async def _ended(reading: Reading, trail: Trail, released: Evidence, now: datetime) -> _Delivery | None:
    """None as long as it runs."""
    event = released.event
    behind, unknown = event["subject_seq"], None
    for _ in range(LOOKS):
        entries = await following(reading, trail, behind, ENTRIES_A_LOOK)
        for one in entries:
            said = one.event
            if said["type"] != "outcome" or not _same(said, event):
                continue
            if said.get("release") == released.index:
                return _Delivery(released, one)
            if said["outcome"] == UNKNOWN and unknown is None:
                unknown = one
        if len(entries) < ENTRIES_A_LOOK:
            break
        behind = entries[-1].event["subject_seq"]
    if unknown is not None or now - datetime.fromisoformat(event["t"]) > OUTCOME_WITHIN:
        return _Delivery(released, unknown)
    return None


def _same(said: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Of one use of one ticket."""
    paper, released = said.get("doc", {}), event["doc"]
    return said.get("ticket") == event["ticket"] and (paper.get("id"), paper.get("ver")) == (
        released["id"],
        released["ver"],
    )


async def _delivery_files(
    reading: Reading,
    keyring: Keyring,
    maker: Maker,
    delivery: _Delivery,
    signed: Signed,
    *,
    opened: bool,
    now: datetime,
) -> Files:
    released, event = delivery.released, delivery.released.event
    document, served = event["doc"], delivery.served_sha256 or ""
    copied = delivery.manner != ORIGINAL
    row = await version_row(reading, document["id"], document["ver"])
    receipt = made_again(
        maker.desk,
        released,
        delivery.outcome,
        consent_sha256=await _read_under(reading, keyring, event["consent"]),
        served_sha256=served,
        code=maker.copies.code_of(use_id(event["ticket"], document["id"], document["ver"]))
        if copied
        else None,
        paper={"size": row.size, **told(row.provenance, row.taken_by)}
        if row and "size" not in document
        else {},
        origin=origin_of(signed),
        now=now,
    )
    name = _name(event, row, copied=copied)
    proofs = await proofs_of(reading, delivery.entries, signed, opened=opened)
    files = {
        "README": readme(
            "own-receipt" if opened else "receipt",
            site=maker.site,
            receipt=receipt_id(released.item_id),
            **_told(released),
            name=name,
        ),
        "receipt.jws": receipt.encode() + b"\n",
        **entry_files(released, proofs[0], "receipt", opened=opened),
        "document.sha256": f"{served}  {name}\n".encode(),
    }
    if delivery.outcome is not None:
        files |= entry_files(delivery.outcome, proofs[1], "outcome", opened=opened, prefix="outcome-")
    return files | maker.keys.files()


async def _entry_files(reading: Reading, maker: Maker, one: Evidence, signed: Signed) -> Files:
    proofs = await proofs_of(reading, [one], signed, opened=True)
    text = readme("entry", site=maker.site, **_told(one))
    files = entry_files(one, proofs[0], "entry", opened=True)
    return {"README": text, **files, **maker.keys.files()}


def _told(one: Evidence) -> dict[str, object]:
    """What the texts give to compare with."""
    return {"index": one.index, "leaf": one.leaf_sha256, "commitment": one.entry[1:].hex()}


async def _read_under(reading: Reading, keyring: Keyring, consent_id: str) -> str:
    """The SHA-256 of the revision that was in force: every release is judged under one that gives, none under a withdrawal."""
    consent = await consent_by_id(reading, consent_id)
    revisions = await revisions_of(keyring, consent) if consent else []
    gave = [one for one in revisions if claims_of(one)["event"]["type"] != "withdrawn"]
    return sha256_of(gave[-1]) if gave else ""


def _name(event: Mapping[str, Any], row: DocumentVersion | None, *, copied: bool) -> str:
    """As ``Content-Disposition`` had it. A copy of a picture is a JPEG."""
    stored = row.media_type if row else ""
    media_type = "image/jpeg" if copied and stored.startswith("image/") else stored
    return file_name(event["document_type"], event["doc"]["id"], event["doc"]["ver"], media_type)
