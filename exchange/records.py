"""The signed consent record, revision by revision (``protocols.md`` 4.4): what was asked, shown and decided can be proved.

``refused`` stands for "not shared" and covers a paper that was never offered because it is not on file: the agency reads
this record, and of the sensitive types it must not learn which of the two it was. The citizen's own pages and ledger
entries tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auth.tokens import CONSENT, CONSENT_REQUEST, TokenDesk
from storage.agencies import Agency
from storage.consents import Consent, ConsentRequest

SCHEMA = "berkas-consent/1"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the citizen was told before deciding: hash and time are of the page that was read. ``controller`` is id and
    name of the site that keeps the papers; ``purpose`` the service in the page's words.
    """

    shown_sha256: str
    shown_at: datetime
    text_version: str
    controller: tuple[str, str]
    purpose: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One paper of the request. ``document_id`` is None when it was not offered: it was not on file."""

    type: str
    document_id: str | None
    granted: bool


def request_record(
    desk: TokenDesk,
    request_id: str,
    principal: str,
    agency_id: str,
    service: str,
    application_no: str | None,
    asks: Sequence[tuple[str, str]],
    valid_until: datetime,
    now: datetime,
) -> str:
    """What was asked, so that it can be proved: ``asks`` are (path, document type)."""
    return desk.sign(
        CONSENT_REQUEST,
        {
            "jti": request_id,
            "iat": _seconds(now),
            "pii_principal_id": principal,
            "recipient": agency_id,
            "purpose": service,
            "application_no": application_no or "",
            "items": [{"path": path, "document_type": document_type} for path, document_type in asks],
            "exp_consent": _seconds(valid_until),
        },
    )


def given_record(
    desk: TokenDesk,
    *,
    consent_id: str,
    principal: str,
    request: ConsentRequest,
    agency: Agency,
    terms: Terms,
    choices: Sequence[Choice],
    proved_at: datetime | None,
    now: datetime,
) -> str:
    """The first revision. ``principal`` is the citizen's pseudonym for this agency."""
    decided = "given" if any(choice.granted for choice in choices) else "refused"
    return desk.sign(
        CONSENT,
        {
            "jti": consent_id,
            "iat": _seconds(now),
            "schema": SCHEMA,
            "record_id": consent_id,
            "revision": 1,
            "prev_revision_sha256": None,
            "pii_principal_id": principal,
            "granted_by": {"id": principal, "relation": "self", "relation_evidence": []},
            "controller": {"id": terms.controller[0], "name": terms.controller[1]},
            "recipient": {"id": request.agency_id, "name": agency.name},
            "lawful_basis": "consent",
            "jurisdiction": "ID",
            "notice": {
                "sha256": terms.shown_sha256,
                "text_version": terms.text_version,
                "language": "id",
                "shown_at": _seconds(terms.shown_at),
            },
            "purpose": {
                "code": request.service,
                "text": terms.purpose,
                "application_no": request.application_no,
            },
            "items": [_item(choice) for choice in choices],
            "validity": {"nbf": _seconds(now), "exp": _seconds(request.valid_until)},
            "authn": {
                "method": "otp_registered",
                "assurance": "substantial",
                "at": _seconds(proved_at) if proved_at else None,
            },
            "assist": None,
            "request_sha256": request.request_sha256,
            "event": {"type": decided, "time": _seconds(now)},
        },
    )


def withdrawn_record(desk: TokenDesk, consent: Consent, principal: str, now: datetime) -> str:
    """The next revision, chained to the one before by its hash."""
    revision = consent.epoch + 1
    return desk.sign(
        CONSENT,
        {
            "jti": f"{consent.id}-{revision}",
            "iat": _seconds(now),
            "schema": SCHEMA,
            "record_id": consent.id,
            "revision": revision,
            "prev_revision_sha256": consent.record_sha256,
            "pii_principal_id": principal,
            "recipient": {"id": consent.agency_id},
            "event": {"type": "withdrawn", "time": _seconds(now)},
        },
    )


def _item(choice: Choice) -> dict[str, Any]:
    return {
        "document_type": choice.type,
        "mode": "document",
        "decision": "granted" if choice.granted else "refused",
        "versions": "latest_at_release",
    }


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
