"""Consent: the request, the citizen's decision, the links and the one-time codes around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading
from storage.ledger.facts import FactTable, Json


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """``state``: pending, granted, partial, refused, expired or withdrawn. ``items`` is a JSON list of
    ``{path, type, document_id}``; ``code_hash`` the SHA-256 of the link's secret; ``browser`` is the one that decided;
    ``request`` the signed consent request object, sealed under the citizen's trail key. ``asked_by`` is an actor of the ledger
    (``officer:off_...``, ``client:...``); a machine has no ``counter``.

    ``mode`` is link (decided on an own device), assisted (recorded at the counter, confirmed by a second officer) or notice (the
    basis is law: told, not asked). ``lawful_basis`` is one of UU 27/2022 art. 20(2), ``legal_reference`` its article where it is not
    consent. ``decider_ref`` is who decides: the citizen (``relation`` self) or who acts for them; ``evidence`` is a JSON list of
    ``{document_id, version, sha256}`` that shows why they may.
    """

    id: str
    code_hash: str
    subject_ref: str
    agency_id: str
    asked_by: str
    counter: str
    service: str
    application_no: str | None
    channel: str
    pairing_code: str
    items: Json
    state: str
    created_at: datetime
    expires_at: datetime
    valid_until: datetime
    request: bytes
    request_sha256: str
    decided_at: datetime | None
    browser: str | None
    consent_id: str | None
    mode: str
    lawful_basis: str
    legal_reference: str | None
    decider_ref: str
    relation: str
    evidence: Json


@dataclass(frozen=True, slots=True)
class Consent:
    """``state``: active, frozen, refused, withdrawn or ended; its end by time is judged against ``valid_until``. ``record`` is
    the signed consent record, one JWS a line for each revision, sealed under the citizen's trail key; ``epoch``
    counts them and ``record_sha256`` is of the newest. ``mode``, ``lawful_basis``, ``decider_ref`` and ``relation`` are those of its request.
    """

    id: str
    request_id: str
    subject_ref: str
    agency_id: str
    asked_by: str
    service: str
    application_no: str | None
    state: str
    epoch: int
    valid_from: datetime
    valid_until: datetime
    record: bytes
    record_sha256: str
    withdrawn_at: datetime | None
    mode: str
    lawful_basis: str
    decider_ref: str
    relation: str


@dataclass(frozen=True, slots=True)
class ConsentItem:
    """One paper asked for and what was decided: ``granted`` or ``refused``."""

    id: str
    consent_id: str
    document_type: str
    document_id: str | None
    decision: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """A one-time code on its way to a registered contact. ``target_id`` is a request or a citizen link; ``browser``
    the keyed hash of the browser that asked; ``code`` a keyed hash. Codes live five minutes.

    ``method`` is otp_registered, passkey or inapas_verify: the last two never wait, their row says only that they were passed.
    ``rests_on`` is the contact or the passkey that it rests on: when that is removed, so is what it proved.
    """

    id: str
    target_id: str
    subject_ref: str
    browser: str
    channel: str
    code: bytes
    sent_at: datetime
    expires_at: datetime
    tries: int
    verified_at: datetime | None
    method: str = "otp_registered"
    rests_on: str | None = None


@dataclass(frozen=True, slots=True)
class CitizenLink:
    """The long-lived link to "Jejak Data Saya"; ``id`` is the hash of its secret."""

    id: str
    subject_ref: str
    consent_id: str
    created_at: datetime
    expires_at: datetime


REQUESTS = FactTable(ConsentRequest, "consent_request", groups=("subject_ref",), unique=("code_hash",))
CONSENTS = FactTable(Consent, "consent", groups=("subject_ref", "decider_ref"), unique=("request_id",))
ITEMS = FactTable(ConsentItem, "consent_item", groups=("consent_id",))
CHALLENGES = FactTable(Challenge, "challenge", groups=("target_id", "subject_ref"))
LINKS = FactTable(CitizenLink, "citizen_link")


async def request_by_code(reading: Reading, code_hash: str) -> ConsentRequest | None:
    rows = await REQUESTS.load(reading.raw, "code_hash", [code_hash])
    return rows[0] if rows else None


async def request_by_id(reading: Reading, request_id: str) -> ConsentRequest | None:
    rows = await REQUESTS.load(reading.raw, "id", [request_id])
    return rows[0] if rows else None


async def consent_by_id(reading: Reading, consent_id: str) -> Consent | None:
    rows = await CONSENTS.load(reading.raw, "id", [consent_id])
    return rows[0] if rows else None


async def items_of(reading: Reading, consent_id: str) -> list[ConsentItem]:
    rows = await ITEMS.load(reading.raw, "consent_id", [consent_id])
    return sorted(rows, key=lambda row: row.id)


async def consents_held(reading: Reading, subject_ref: str) -> list[Consent]:
    """A citizen's own consents, and those that they gave for another. Newest first."""
    rows = {
        row.id: row
        for column in ("subject_ref", "decider_ref")
        for row in await CONSENTS.load(reading.raw, column, [subject_ref])
    }
    return [rows[row_id] for row_id in sorted(rows, reverse=True)]


async def consents_of(reading: Reading, subject_ref: str) -> list[Consent]:
    """About the citizen's own papers, whoever decided. Newest first."""
    rows = await CONSENTS.load(reading.raw, "subject_ref", [subject_ref])
    return sorted(rows, key=lambda row: row.id, reverse=True)


async def link_by_hash(reading: Reading, code_hash: str) -> CitizenLink | None:
    rows = await LINKS.load(reading.raw, "id", [code_hash])
    return rows[0] if rows else None


async def challenges_for(reading: Reading, target_id: str) -> list[Challenge]:
    rows = await CHALLENGES.load(reading.raw, "target_id", [target_id])
    return sorted(rows, key=lambda row: row.id)
