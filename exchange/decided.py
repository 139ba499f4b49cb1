"""A request's papers as they are offered, and a decision about them as the rows that the batch keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from auth.grants import CONSENT_AFTER
from auth.links import code_hash, new_code
from exchange.provenance import SCAN
from exchange.records import Choice
from storage.agencies import OFFICERS
from storage.consents import CONSENTS, ITEMS, LINKS, CitizenLink, Consent, ConsentItem, ConsentRequest
from storage.database import Database, Reading
from storage.documents import VERSIONS, DocumentVersion
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Trail
from storage.outbox import Message, addresses_of, notices_to


@dataclass(frozen=True, slots=True)
class AskedItem:
    """One paper of a request, the requirement at ``path``; ``on_file`` is its newest ready version, None when there is none; ``compared_by``
    names the officer where it is a scan.
    """

    key: str
    path: str
    type: str
    document_id: str | None
    on_file: DocumentVersion | None
    compared_by: str | None = None


class Outcome(NamedTuple):
    """Document types in the order of the request. ``absent`` were asked for and never offered: they are not on file."""

    granted: tuple[str, ...]
    refused: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def act(self) -> str:
        """What the table of legal changes calls it."""
        if not self.granted:
            return "refuse"
        return "grant_some" if self.refused or self.absent else "grant_all"


@dataclass(frozen=True, slots=True)
class DecisionRows:
    """What a decision leaves beside the request itself."""

    consent: Consent
    items: tuple[ConsentItem, ...]
    link: CitizenLink

    @property
    def needs(self) -> list[Need]:
        items = [Need(ITEMS, item.id) for item in self.items]
        return [Need(CONSENTS, self.consent.id), Need(LINKS, self.link.id), *items]

    def put(self, facts: Facts) -> None:
        facts.put(CONSENTS, self.consent)
        for item in self.items:
            facts.put(ITEMS, item)
        facts.put(LINKS, self.link)


async def asked_items(reading: Reading, request: ConsentRequest) -> tuple[AskedItem, ...]:
    asked = json.loads(request.items)
    documents = [item["document_id"] for item in asked if item["document_id"]]
    versions = await VERSIONS.load(reading.raw, "document_id", documents)
    ready = {version.document_id: version for version in versions if version.state == "ready"}
    names = await _comparers(reading, ready.values())
    items = []
    for number, item in enumerate(asked):
        on_file = ready.get(item["document_id"])
        compared_by = names.get(on_file.id) if on_file else None
        items.append(
            AskedItem(str(number), item["path"], item["type"], item["document_id"], on_file, compared_by)
        )
    return tuple(items)


async def _comparers(reading: Reading, versions: Collection[DocumentVersion]) -> dict[str, str]:
    """Of each scan the name of the officer who compared it with its original."""
    scans = {row.id: row.taken_by.removeprefix("officer:") for row in versions if row.provenance == SCAN}
    officers = await OFFICERS.load(reading.raw, "id", sorted(set(scans.values())))
    names = {officer.id: officer.name for officer in officers}
    return {row_id: names[officer] for row_id, officer in scans.items() if officer in names}


def outcome_of(choices: Sequence[Choice]) -> Outcome:
    return Outcome(
        tuple(choice.type for choice in choices if choice.granted),
        tuple(choice.type for choice in choices if not choice.granted and choice.document_id),
        tuple(choice.type for choice in choices if not choice.document_id),
    )


def decision_rows(
    keyring: Keyring,
    trail: Trail,
    request: ConsentRequest,
    consent_id: str,
    choices: Sequence[Choice],
    record: str,
    *,
    link_code: str,
    link_life: timedelta,
    now: datetime,
    holder: Trail | None = None,
) -> DecisionRows:
    """``record`` is the signed consent record, ``link_code`` that of the own link of the citizen, or of the ``holder`` who decided for them."""
    consent = Consent(
        id=consent_id,
        request_id=request.id,
        subject_ref=request.subject_ref,
        agency_id=request.agency_id,
        asked_by=request.asked_by,
        service=request.service,
        application_no=request.application_no,
        state=CONSENT_AFTER[outcome_of(choices).act],
        epoch=1,
        valid_from=now,
        valid_until=request.valid_until,
        record=seal_field(trail, "consent", record.encode()),
        record_sha256=hashlib.sha256(record.encode()).hexdigest(),
        withdrawn_at=None,
        mode=request.mode,
        lawful_basis=request.lawful_basis,
        decider_ref=request.decider_ref,
        relation=request.relation,
    )
    items = tuple(
        ConsentItem(
            id=f"{consent_id}/{number:02d}",
            consent_id=consent_id,
            document_type=choice.type,
            document_id=choice.document_id,
            decision="granted" if choice.granted else "refused",
        )
        for number, choice in enumerate(choices)
    )
    link = own_link(keyring, holder or trail, consent_id, code=link_code, life=link_life, now=now)
    return DecisionRows(consent, items, link)


def own_link(
    keyring: Keyring, holder: Trail, consent_id: str, *, code: str, life: timedelta, now: datetime
) -> CitizenLink:
    """A link of the holder's own, kept as the hash of its code."""
    hashed = code_hash(keyring.site("link"), code) or b""
    return CitizenLink(hashed.hex(), holder.subject_ref, consent_id, now, now + life)


async def told_subject(
    database: Database,
    keyring: Keyring,
    trail: Trail,
    consent_id: str,
    *,
    words: Callable[[str], str],
    origin: str,
    life: timedelta,
    now: datetime,
) -> tuple[list[CitizenLink], list[Message]]:
    """For whom another decided: an own link and its notices, where they can be reached; ``words`` makes the text from the link."""
    if not await addresses_of(database, keyring, trail.subject_ref):
        return [], []
    code = new_code(keyring.site("link"))
    link = f"{origin}/w/{code}"
    messages = await notices_to(database, keyring, trail, words(link), now, link=link)
    return [own_link(keyring, trail, consent_id, code=code, life=life, now=now)], messages
