"""The signed consent record, revision by revision (``protocols.md`` 4.4): what was asked, shown and decided can be proved.

Every revision is complete: one file alone says who may read what, why and until when, and whether it was taken back. Each
names the one before by its SHA-256. ``exchange/data/berkas-consent-1.json`` is its schema, ``deploy/consent-record.md`` says
what each member means and where it comes from.

``refused`` stands for "not shared" and covers a paper that was never offered because it is not on file: the agency reads
this record, and of the sensitive types it must not learn which of the two it was. The citizen's own pages and ledger
entries tell them apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auth.tokens import CONSENT, CONSENT_REQUEST, TokenDesk
from exchange.revisions import claims_of, sha256_of
from storage.agencies import Agency
from storage.consents import Challenge, ConsentRequest

SCHEMA = "berkas-consent/1"
# By method. A passkey rests on the code by which it was registered: it is harder to steal, and names nobody better.
ASSURANCE = {"otp_registered": "substantial", "passkey": "substantial", "inapas_verify": "high"}
# DEPA's word for "more than once": each ticket delivers a document once, and there may be several until the consent ends.
FETCH = "PERIODIC"
WITHDRAWAL_HINT = "tautan pada tanda terima Anda, atau di loket"
KEPT_DAYS = "hari sejak persetujuan berakhir"
KEPT_BY_SCHEDULE = "jadwal retensi arsip penerima"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the citizen was told before deciding: hash and time are of the page that was read. ``controller`` is id and
    name of the site that keeps the papers; ``purpose`` the service in the page's words; ``language`` the page's ("id" or
    "en"), not that of the browser by the time of the answer; ``retention_days`` how long after the consent's end the
    recipient keeps its copies, None where its own archive schedule says so; ``trail_uri`` where a consent is taken back,
    without anybody's code.
    """

    shown_sha256: str
    shown_at: datetime
    text_version: str
    controller: tuple[str, str]
    purpose: str
    language: str
    retention_days: int | None
    trail_uri: str


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
    decided_by: Mapping[str, Any],
    valid_until: datetime,
    now: datetime,
) -> str:
    """What was asked, and of whom, so that it can be proved: ``asks`` are (path, document type); ``decided_by`` as in a record."""
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
            "decided_by": dict(decided_by),
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
    granted_by: Mapping[str, Any],
    authn: Mapping[str, Any],
    now: datetime,
    assist: Mapping[str, Any] | None = None,
) -> str:
    """The first revision. ``principal`` is the citizen's pseudonym for this agency; ``granted_by`` who decided: id (likewise), relation,
    relation_evidence; ``authn`` how that is known; ``assist`` who helped, where the citizen had no phone.
    """
    decided = "given" if any(choice.granted for choice in choices) else "refused"
    return _signed(
        desk,
        {
            "jti": consent_id,
            "iat": _seconds(now),
            "schema": SCHEMA,
            "record_id": consent_id,
            "revision": 1,
            "prev_revision_sha256": None,
            "pii_principal_id": principal,
            "granted_by": dict(granted_by),
            "controller": {"id": terms.controller[0], "name": terms.controller[1]},
            "recipient": {"id": request.agency_id, "name": agency.name},
            "lawful_basis": "consent",
            "legal_reference": None,
            "jurisdiction": "ID",
            "notice": {
                "sha256": terms.shown_sha256,
                "text_version": terms.text_version,
                "language": terms.language,
                "shown_at": _seconds(terms.shown_at),
            },
            "purpose": {
                "code": request.service,
                "text": terms.purpose,
                "application_no": request.application_no,
            },
            "items": [_item(choice) for choice in choices],
            "validity": _validity(now, request.valid_until),
            "retention_at_recipient": _retention(terms.retention_days),
            "withdrawal": {"uri": terms.trail_uri, "code_hint": WITHDRAWAL_HINT},
            "authn": dict(authn),
            "assist": dict(assist) if assist is not None else None,
            "request_sha256": request.request_sha256,
            "event": {"type": decided, "time": _seconds(now)},
        },
    )


def law_record(
    desk: TokenDesk,
    *,
    consent_id: str,
    principal: str,
    request: ConsentRequest,
    agency: Agency,
    controller: tuple[str, str],
    purpose: str,
    items: Sequence[tuple[str, bool]],
    now: datetime,
) -> str:
    """Papers are opened by law, and nobody was asked: ``items`` are (document type, on file)."""
    return _signed(
        desk,
        {
            "jti": consent_id,
            "iat": _seconds(now),
            "schema": SCHEMA,
            "record_id": consent_id,
            "revision": 1,
            "prev_revision_sha256": None,
            "pii_principal_id": principal,
            "granted_by": None,
            "controller": {"id": controller[0], "name": controller[1]},
            "recipient": {"id": request.agency_id, "name": agency.name},
            "lawful_basis": request.lawful_basis,
            "legal_reference": request.legal_reference,
            "jurisdiction": "ID",
            "notice": None,
            "purpose": {"code": request.service, "text": purpose, "application_no": request.application_no},
            "items": [_item(Choice(name, None, granted=on_file)) for name, on_file in items],
            "validity": _validity(now, request.valid_until),
            "retention_at_recipient": _retention(None),
            "withdrawal": None,
            "authn": None,
            "assist": None,
            "request_sha256": request.request_sha256,
            "event": {"type": "notified", "time": _seconds(now)},
        },
    )


def by_proof(proof: Challenge | None) -> dict[str, Any]:
    """The ``authn`` of what the deciding browser passed: a code that was sent to a registered contact, a passkey."""
    return {
        "method": proof.method if proof else None,
        "assurance": ASSURANCE[proof.method] if proof else None,
        "at": _seconds(proof.verified_at) if proof and proof.verified_at else None,
        "transcript_sha256": factor_sha256(proof) if proof else None,
    }


def by_two_officers(recorded_at: datetime, transcript_sha256: str) -> dict[str, Any]:
    """The ``authn`` of who was seen at a counter by one officer, and vouched for by a second one; the transcript is what the
    first one recorded.
    """
    return {
        "method": "assisted_eyes4",
        "assurance": "low",
        "at": _seconds(recorded_at),
        "transcript_sha256": transcript_sha256,
    }


def withdrawn_record(desk: TokenDesk, newest: str, now: datetime) -> str:
    """The revision that follows ``newest``: everything that was agreed, once more, and that it was taken back."""
    before = claims_of(newest)
    revision = int(before["revision"]) + 1
    return _signed(
        desk,
        # Not the issuer: it is the origin of today that vouches for this revision.
        {name: value for name, value in before.items() if name != "iss"}
        | {
            "jti": f"{before['record_id']}-{revision}",
            "iat": _seconds(now),
            "revision": revision,
            "prev_revision_sha256": sha256_of(newest),
            "event": {"type": "withdrawn", "time": _seconds(now)},
        },
    )


def factor_sha256(proof: Challenge) -> str:
    """Of the step by which the citizen proved who they are: its row, without browser and code, as RFC 8785 writes JSON. Who
    audits makes it again from that row; its times stand in the ledger's entries of the type ``factor``.
    """
    verified_at = proof.verified_at
    steps = {
        "challenge": proof.id,
        "channel": proof.channel,
        "method": proof.method,
        "sent_at": proof.sent_at.isoformat(),
        "target": proof.target_id,
        "verified_at": verified_at.isoformat() if verified_at else None,
        "wrong_tries": proof.tries,
    }
    text = json.dumps(steps, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _signed(desk: TokenDesk, claims: Mapping[str, Any]) -> str:
    """The one place where a consent record is signed."""
    return desk.sign(CONSENT, claims)


def _validity(since: datetime, until: datetime) -> dict[str, Any]:
    return {"nbf": _seconds(since), "exp": _seconds(until), "fetch": FETCH, "max_releases": None}


def _retention(days: int | None) -> dict[str, Any]:
    return {"unit": "DAY", "value": days, "basis": KEPT_BY_SCHEDULE if days is None else KEPT_DAYS}


def _item(choice: Choice) -> dict[str, Any]:
    return {
        "document_type": choice.type,
        "mode": "document",
        "decision": "granted" if choice.granted else "refused",
        "versions": "latest_at_release",
    }


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
