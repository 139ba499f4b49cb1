"""Proof of a consent, to take along: every revision of the record with the entry that it stands in.

1. the record is read from its row; who asks is the agency that asked for consent, its citizen, or who decided for the citizen
2. the entry of each revision is looked for near its time, on the citizen's trail: it names the revision's SHA-256
3. as soon as a signed checkpoint covers them all, a receipt of each revision is signed: it ties the record to the entry
Nothing is told that the asker does not have, so it is no entry; who may not have it leaves one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auth.callers import Caller, Machine
from auth.tokens import RECORD_RECEIPT, TokenDesk
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details, may_look, refusal
from exchange.bundles import Bundle, Files, Keys, entry_files, origin_of, proofs_of, readme
from exchange.revisions import claims_of, revisions_of, sha256_of
from storage.consents import Consent, consent_by_id
from storage.database import Database, Reading
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.evidence import Evidence, following, numbered_between
from storage.ledger.log import Appender
from storage.ledger.published import covering
from storage.ledger.publisher import Publisher
from storage.ledger.work import Trail

ENTRIES_A_LOOK = 200
# A record's time is by a replica's clock, an entry's by the database's.
CLOCKS_APART = timedelta(hours=1)
_ACTS = frozenset({"grant", "refuse", "request", "withdraw"})


@dataclass(frozen=True, slots=True)
class Maker:
    """Who signs, and the name of the site in the texts."""

    desk: TokenDesk
    keys: Keys
    site: str


@dataclass(frozen=True, slots=True)
class _Revision:
    record: str
    entry: Evidence


async def for_recipient(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    maker: Maker,
    *,
    caller: Caller,
    consent_id: str,
    now: datetime,
) -> Bundle | None:
    """None as long as no checkpoint covers its entries. Raises ``AccessRefused`` after the refusal is on record."""
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
        verdict = await _judged(reading, caller, consent)
    revisions: list[_Revision] = []
    trail = keyring.site_trail()
    if consent is not None:
        try:
            trail = await keyring.trail(consent.subject_ref)
            revisions = await _revisions(database, keyring, consent, trail) if verdict.allowed else []
        except KeyMissing:
            verdict = Refused("receipt_erased") if verdict.allowed else verdict
    if verdict.allowed and not revisions:
        verdict = Refused("receipt_erased")
    if consent is None or not verdict.allowed:
        details = caller_details(caller, act="proof", consent=consent_id)
        await appender.submit(refusal("request", trail, caller, verdict, details))
        raise AccessRefused(verdict.reason or "")
    return await _bundle(database, maker, consent, revisions, opened=False, now=now)


async def for_citizen(
    database: Database,
    keyring: Keyring,
    publisher: Publisher,
    maker: Maker,
    *,
    reader: str,
    consent_id: str,
    now: datetime,
) -> Bundle | None:
    """``reader`` is whom the consent is about, or who decided for them: to the latter the entries stay sealed, they are not theirs. None
    alike for another's and none.
    """
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
    if consent is None or reader not in {consent.subject_ref, consent.decider_ref}:
        return None
    trail = await keyring.trail(consent.subject_ref)
    revisions = await _revisions(database, keyring, consent, trail)
    if not revisions:
        return None
    opened = reader == consent.subject_ref
    made = await _bundle(database, maker, consent, revisions, opened=opened, now=now)
    if made is None:
        await publisher.sign_head()
        made = await _bundle(database, maker, consent, revisions, opened=opened, now=now)
    return made


async def _judged(reading: Reading, caller: Caller, consent: Consent | None) -> Verdict:
    if consent is None:
        return Refused("consent_unknown")
    if consent.agency_id != caller.agency_id:
        return Refused("consent_of_another_agency")
    if isinstance(caller, Machine) and caller.may_read(consent.id) == ():
        return Refused("not_in_token")
    return await may_look(reading, caller, consent.service)


async def _revisions(database: Database, keyring: Keyring, consent: Consent, trail: Trail) -> list[_Revision]:
    """Each with its entry; none at all where an entry's body is gone. Raises ``KeyMissing``."""
    records = await revisions_of(keyring, consent)
    found = [await _entry_of(database, trail, consent, record) for record in records]
    whole = [_Revision(record, entry) for record, entry in zip(records, found, strict=True) if entry]
    return whole if len(whole) == len(records) else []


async def _entry_of(database: Database, trail: Trail, consent: Consent, record: str) -> Evidence | None:
    claims = claims_of(record)
    at = datetime.fromtimestamp(claims["iat"], UTC)
    digest, withdrawal = sha256_of(record), claims["event"]["type"] == "withdrawn"
    async with database.reading() as reading:
        around = await numbered_between(reading, trail, at - CLOCKS_APART, at + CLOCKS_APART)
        if around is None:
            return None
        behind, last = around[0] - 1, around[1]
        while True:
            entries = await following(reading, trail, behind, ENTRIES_A_LOOK, last)
            for one in entries:
                said = one.event
                if said["type"] not in _ACTS or said.get("consent") != consent.id:
                    continue
                # Until this release a withdrawal's entry did not name the revision: there is one of each consent.
                unnamed = withdrawal and said["type"] == "withdraw" and "consent_sha256" not in said
                if said["result"]["allowed"] and (said.get("consent_sha256") == digest or unnamed):
                    return one
            if len(entries) < ENTRIES_A_LOOK:
                return None
            behind = entries[-1].event["subject_seq"]


async def _bundle(
    database: Database,
    maker: Maker,
    consent: Consent,
    revisions: Sequence[_Revision],
    *,
    opened: bool,
    now: datetime,
) -> Bundle | None:
    async with database.reading() as reading:
        signed = await covering(reading, max(one.entry.index for one in revisions))
        if signed is None:
            return None
        proofs = await proofs_of(reading, [one.entry for one in revisions], signed, opened=opened)
    kind = "own-consent" if opened else "consent"
    files: Files = {
        "README": readme(kind, site=maker.site, consent=consent.id, revisions=len(revisions)),
    }
    for number, (one, proof) in enumerate(zip(revisions, proofs, strict=True), 1):
        name = f"record-{number}"
        receipt = _receipt(maker.desk, consent, number, one, origin_of(signed), now)
        # Without a line's end: the entry and the next revision name the SHA-256 of exactly these bytes.
        files |= {f"{name}.jws": one.record.encode(), f"{name}.receipt.jws": receipt.encode() + b"\n"}
        files |= entry_files(one.entry, proof, name, opened=opened, prefix=f"{name}.")
    return Bundle(f"berkas-{consent.id}.zip", files | maker.keys.files())


def _receipt(
    desk: TokenDesk, consent: Consent, number: int, one: _Revision, origin: str, now: datetime
) -> str:
    """``berkas-record-receipt+jwt``: that this revision is what the entry is about."""
    return desk.sign(
        RECORD_RECEIPT,
        {
            "jti": f"{consent.id}/{number}",
            "iat": int(now.timestamp()),
            "record": {"id": consent.id, "revision": number, "sha256": sha256_of(one.record)},
            "recipient": consent.agency_id,
            "log": {
                "origin": origin,
                "index": one.entry.index,
                "leaf_sha256": one.entry.leaf_sha256,
            },
        },
    )
