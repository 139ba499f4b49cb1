"""Anybody asks whether a receipt, a record or a code is genuine (U16, L11). Nothing is written, and no person is named.

An answer is one of four words. A file is genuine when its bytes are those that were handed out: a PDF by the keyed line over
all of them, a record (JWS) by comparison with what is kept, a delivery receipt (JWS) by the entry that it names, which is more than a
signature says: one that was made with a stolen key is none of ours. No ledger entry: nobody known asked, nothing about a person was told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from auth.grants import judge_consent
from auth.links import copy_code_id, record_in
from auth.tokens import CONSENT, RECEIPT, TokenDesk, TokenRefused
from exchange.delivery_receipt import item_of
from exchange.receipts import is_ours, records_named
from exchange.revisions import revisions_of
from storage.agencies import AGENCIES
from storage.consents import CONSENTS, Consent
from storage.copies import copy_by_id
from storage.database import Database
from storage.errors import KeyMissing
from storage.ids import ulid_of
from storage.keyring import Keyring
from storage.ledger.evidence import evidence_of, row_of_item
from storage.ledger.nodes import read_nodes

VERIFICATIONS_PER_MINUTE = 600  # a process's, whoever asks
Word = Literal["genuine", "changed", "withdrawn", "unknown"]


@dataclass(frozen=True, slots=True)
class Verified:
    """``consent`` and ``agency`` (its name) only where the word is genuine or withdrawn. ``valid``: papers may be read with it
    now. ``copied_at``: it is a copy's code, printed then; ``delivered_at``: it is a delivery's receipt, of a paper that left then.
    """

    word: Word
    consent: Consent | None = None
    agency: str = ""
    valid: bool = False
    copied_at: datetime | None = None
    delivered_at: datetime | None = None


async def verify_code(database: Database, keyring: Keyring, *, code: str, now: datetime) -> Verified:
    """Of a receipt's QR, or typed, of a receipt or a copy: spaces, hyphens and letter case do not matter."""
    typed = "".join(code.replace("-", " ").split())
    if code_id := copy_code_id(keyring.site("link"), typed):
        return await _copy(database, code_id, now)
    named = record_in(keyring.site("link"), typed)
    record_id = f"c_{ulid_of(int.from_bytes(named, 'big'))}" if named else ""
    found = await _consents(database, [record_id])
    return await _judged(database, found[0], now) if found else Verified("unknown")


async def _copy(database: Database, code_id: str, now: datetime) -> Verified:
    """A code says that a copy was handed out, to whom and for what, and nothing of the paper."""
    async with database.reading() as reading:
        copy = await copy_by_id(reading, code_id)
    found = await _consents(database, [copy.consent_id]) if copy else []
    if copy is None or not found:
        return Verified("unknown")
    return replace(await _judged(database, found[0], now), copied_at=copy.printed_at)


async def verify_file(
    database: Database, keyring: Keyring, desk: TokenDesk, *, file: bytes, now: datetime
) -> Verified:
    """A receipt (PDF, or JWS of a delivery) or a record (JWS). What names a record of ours and is not as it was handed out is changed; what names none
    is unknown.
    """
    named = await _consents(database, records_named(file))
    for consent in named:
        ours = is_ours(keyring.site("link"), consent.id, file)
        if ours or await _is_record(keyring, desk, consent, file, now):
            return await _judged(database, consent, now)
        if delivered_at := await _delivered_at(database, keyring, desk, consent, file, now):
            return replace(await _judged(database, consent, now), delivered_at=delivered_at)
    return Verified("changed" if named else "unknown")


async def _is_record(keyring: Keyring, desk: TokenDesk, consent: Consent, file: bytes, now: datetime) -> bool:
    """Is it one of the record's revisions? Spaces and line ends around it do not count."""
    presented = file.strip()
    try:
        return presented in [revision.encode() for revision in await revisions_of(keyring, consent)]
    except KeyMissing:  # the citizen's trail was erased: what is left is the signature
        return _is_signed(desk, consent, presented, now)


async def _delivered_at(
    database: Database, keyring: Keyring, desk: TokenDesk, consent: Consent, file: bytes, now: datetime
) -> datetime | None:
    """When the paper of this receipt left. The log has the leaf that it names, and the entry says the same, where it can be opened."""
    try:
        claims = desk.verify(RECEIPT, file.strip().decode("ascii", "replace"), now)
    except TokenRefused:
        return None
    place = (0, claims["log"]["index"])
    async with database.reading() as reading:
        leaf = (await read_nodes(reading.raw, {place})).get(place, b"")
        row = await row_of_item(reading, item_of(claims["jti"]) or "")
    if claims["consent"]["id"] != consent.id or leaf.hex() != claims["log"]["leaf_sha256"]:
        return None
    left_at = datetime.fromtimestamp(claims.get("released_at", claims["iat"]), UTC)
    try:
        event = evidence_of(await keyring.trail(consent.subject_ref), row).event if row else None
    except KeyMissing:  # the citizen's trail was erased: what is left is the signature, and the log
        return left_at
    doc = claims["doc"]
    same = event is None or (event["doc"], event["consent"], event["agency"]) == (
        event["doc"] | {"id": doc["id"], "ver": doc["ver"], "sha256": doc["source_sha256"]},
        consent.id,
        claims["recipient"],
    )
    return left_at if same else None


def _is_signed(desk: TokenDesk, consent: Consent, presented: bytes, now: datetime) -> bool:
    try:
        claims = desk.verify(CONSENT, presented.decode("ascii", "replace"), now)
    except TokenRefused:
        return False
    return bool(claims.get("record_id") == consent.id)


async def _consents(database: Database, record_ids: Sequence[str]) -> list[Consent]:
    async with database.reading() as reading:
        return await CONSENTS.load(reading.raw, "id", list(record_ids))


async def _judged(database: Database, consent: Consent, now: datetime) -> Verified:
    async with database.reading() as reading:
        agencies = await AGENCIES.load(reading.raw, "id", [consent.agency_id])
    word: Word = "withdrawn" if consent.state == "withdrawn" else "genuine"
    valid = judge_consent(consent, consent.agency_id, now).allowed
    return Verified(word, consent, agencies[0].name if agencies else consent.agency_id, valid)
