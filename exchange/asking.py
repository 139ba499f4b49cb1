"""A request for consent, as the rows that the batch keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from auth.assistance import VISIT
from auth.callers import Caller, counter_of
from auth.links import new_pairing_code
from auth.tokens import TokenDesk
from exchange.holdings import evaluated
from exchange.pages.messages import NO_COUNTER
from exchange.records import request_record
from exchange.requirements.catalogue import Catalogue, Service
from exchange.requirements.selection import RequestItem, requestable
from storage.consents import ConsentRequest
from storage.database import Database
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Json
from storage.ledger.work import Trail


@dataclass(frozen=True, slots=True)
class Evidence:
    """A paper that shows why somebody may decide for another; ``sha256`` (hex) pins its bytes."""

    document_id: str
    version: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides. ``relation`` is self, parent, guardian, curator or power_of_attorney."""

    subject_ref: str
    relation: str = "self"
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """Why the papers may be processed (UU 27/2022 art. 20(2)); ``reference`` is the article where it is not consent."""

    lawful_basis: str = "consent"
    reference: str | None = None


async def requested_items(
    database: Database,
    catalogue: Catalogue,
    service: Service,
    *,
    subject_ref: str,
    parties: Mapping[str, Sequence[str]],
    answers: Mapping[str, bool],
    documents: Sequence[str] | None,
    today: date,
) -> tuple[RequestItem, ...]:
    """Exactly what the service requires of this citizen; ``documents`` only chooses among alternatives. Raises ``NotRequired``."""
    evaluation = await evaluated(
        database, catalogue, service, subject_ref, parties, answers, today, chosen=documents
    )
    return requestable(catalogue, service, evaluation, subject_ref=subject_ref, choose=documents)


def new_request(
    keyring: Keyring,
    desk: TokenDesk,
    trail: Trail,
    caller: Caller,
    service: Service,
    items: Sequence[RequestItem],
    *,
    application_no: str | None,
    channel: str,
    code_hash: bytes,
    decider: Decider,
    ground: Ground,
    life: timedelta,
    valid_until: datetime,
    now: datetime,
    mode: str = "link",
) -> ConsentRequest:
    """A pending request; ``code_hash`` stands for its link. What is answered at the counter ends with the visit."""
    if mode == "assisted":
        valid_until = min(valid_until, now + VISIT)
    request_id = new_id("cr")
    asked = [{"path": item.path, "type": item.type, "document_id": item.document_id} for item in items]
    principal = keyring.pseudonym(caller.agency_id, trail.subject_ref)
    asks = [(item.path, item.type) for item in items]
    papers = [asdict(paper) for paper in decider.evidence]
    decided_by = {
        "id": keyring.pseudonym(caller.agency_id, decider.subject_ref),
        "relation": decider.relation,
        "relation_evidence": papers,
    }
    signed = request_record(
        desk,
        request_id,
        principal,
        caller.agency_id,
        service.code,
        application_no,
        asks,
        decided_by,
        valid_until,
        now,
    )
    return ConsentRequest(
        id=request_id,
        code_hash=code_hash.hex(),
        subject_ref=trail.subject_ref,
        agency_id=caller.agency_id,
        asked_by=caller.actor,
        counter=counter_of(caller) or NO_COUNTER,
        service=service.code,
        application_no=application_no,
        channel=channel,
        pairing_code=new_pairing_code(),
        items=Json(json.dumps(asked)),
        state="pending",
        created_at=now,
        expires_at=now + life,
        valid_until=valid_until,
        request=seal_field(trail, "request", signed.encode()),
        request_sha256=hashlib.sha256(signed.encode()).hexdigest(),
        decided_at=None,
        browser=None,
        consent_id=None,
        mode=mode,
        lawful_basis=ground.lawful_basis,
        legal_reference=ground.reference,
        decider_ref=decider.subject_ref,
        relation=decider.relation,
        evidence=Json(json.dumps(papers)),
    )
