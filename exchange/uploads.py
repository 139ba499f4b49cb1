"""An upload before it is kept: what is said about it, what it must be, the gate that its bytes pass, and the row that it becomes."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from auth.callers import Caller
from exchange.provenance import SCAN
from exchange.requirements.catalogue import DocumentType
from exchange.requirements.numbers import NumberError
from storage.documents import DocumentVersion, version_id
from storage.inspection import Gate, Rejected, check_head
from storage.keyring import seal_field
from storage.ledger.work import Trail
from storage.signatures.judging import Signed, Unsound
from storage.vault import NewPlace, Stored

HEAD_BYTES = 64
FORMATS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}


@dataclass(frozen=True, slots=True)
class Paper:
    """What is said about the copy; ``number`` and ``about`` (a plate, a land parcel) are kept sealed only. ``unsigned`` is its label when it
    carries no signature (``exchange/provenance.py``).
    """

    issued_on: date | None = None
    valid_until: date | None = None
    tax_year: int | None = None
    level: str | None = None
    background: str | None = None
    number: str | None = field(default=None, repr=False)
    about: str | None = field(default=None, repr=False)
    unsigned: str = SCAN


@dataclass(frozen=True, slots=True)
class Body:
    """``chunks`` gives exactly ``size`` bytes or raises ``UploadBroken``; ``sha256`` is what was announced."""

    media_type: str
    size: int
    sha256: bytes
    chunks: AsyncIterator[bytes]


def impossible_date(paper: Paper, today: date) -> NumberError | None:
    """Not raised: whoever asks says it in the own way."""
    if paper.issued_on is not None and paper.issued_on > today:
        return NumberError("future", "issued_on")
    if paper.issued_on and paper.valid_until and paper.valid_until < paper.issued_on:
        return NumberError("before_issue", "valid_until")
    return None


class Turned(Exception):
    """The body itself is refused while it streams in."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unfit(
    document_type: DocumentType, shareable: bool, paper: Paper, body: Body, limit_bytes: int
) -> str | None:
    if not shareable:
        return "type_never_stored"
    if body.media_type not in FORMATS:
        return "media_type_unsupported"
    if FORMATS[body.media_type] not in document_type.formats:
        return "media_type_not_for_type"
    if body.size > limit_bytes:
        return "too_large"
    if body.size == 0:
        return "empty"
    if paper.level is not None and paper.level not in document_type.levels:
        return "level_unknown"
    return None


@dataclass(frozen=True, slots=True)
class Admitted:
    """What is kept of a body: ``size`` bytes. Without a gate it is only known to be fit once ``chunks`` has ended, and no signature is seen."""

    chunks: AsyncIterator[bytes]
    size: int
    signed: Signed | None = None


@contextlib.asynccontextmanager
async def admitted(gate: Gate | None, body: Body, now: datetime) -> AsyncIterator[Admitted]:
    """The body behind the gate: received into the spool, judged, without what tells where a picture was taken.

    Raises ``Turned`` where the body is refused, ``GateBusy`` and ``ScannerUnavailable`` where there is no verdict.
    """
    if gate is None:
        yield Admitted(inspected(body), body.size)
        return
    with gate.spool.room(body.size) as spooled:
        async for chunk in inspected(body):
            spooled.write(chunk)
        verdict = await gate.judge(spooled, body.media_type, now)
        if isinstance(verdict, Rejected):
            raise Turned(_reason(verdict.reason))
        signed = await gate.signatures.judge(spooled, body.media_type, now)
        if isinstance(signed, Unsound):
            raise Turned(_unsound(signed.why))
        yield Admitted(_in_turn(verdict.kept(spooled)), verdict.size, signed)


def _reason(word: str) -> str:
    """What goes on record for a word of the gate; one that is not known comes from a worker that is not to be trusted."""
    reasons = {
        "broken": "file_broken",
        "disguised": "file_disguised",
        "trailing": "file_trailing",
        "pixels": "file_pixels",
        "pages": "file_pages",
        "page_size": "file_page_size",
        "too_heavy": "file_too_heavy",
        "kind": "file_kind",
        "encrypted": "pdf_encrypted",
        "script": "pdf_script",
        "launch": "pdf_launch",
        "embedded": "pdf_embedded",
        "xfa": "pdf_xfa",
        "media": "pdf_media",
        "external": "pdf_external",
        "action": "pdf_action",
        "malware": "malware_found",
    }
    return reasons.get(word, "file_broken")


def _unsound(why: str) -> str:
    reasons = {
        "altered": "signature_altered",
        "partial": "signature_partial",
        "untrusted": "signature_untrusted",
        "expired": "signature_expired",
        "revoked": "signature_revoked",
        "unreadable": "signature_unreadable",
    }
    return reasons[why]


async def _in_turn(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def inspected(body: Body) -> AsyncIterator[bytes]:
    """Pass the body on, its head looked at before anything is sealed, its digest compared at the end."""
    digest = hashlib.sha256()
    head = bytearray()
    looked = False
    async for chunk in body.chunks:
        digest.update(chunk)
        if not looked:
            head += chunk
            if len(head) < min(HEAD_BYTES, body.size):
                continue
            looked = True
            inspection = check_head(body.media_type, bytes(head[:HEAD_BYTES]))
            if isinstance(inspection, Rejected):
                if inspection.reason == "heic":
                    raise Turned("content_heic")
                raise Turned(f"content_{inspection.reason}")
            yield bytes(head)
        else:
            yield chunk
    if digest.digest() != body.sha256:
        raise Turned("digest_mismatch")


def same_paper(one: DocumentVersion, other: DocumentVersion) -> bool:
    """The same bytes as they were sent, or as they are kept."""
    return one.received_sha256 == other.received_sha256 or one.sha256 == other.sha256


def sent_otherwise(sent: DocumentVersion, kept: DocumentVersion) -> dict[str, object]:
    """The digest of what the sender holds, where something was left out of it."""
    return {} if sent.received_sha256 == kept.sha256 else {"received_sha256": sent.received_sha256}


def arrived_version(
    caller: Caller,
    trail: Trail,
    document_type: DocumentType,
    paper: Paper,
    body: Body,
    provenance: str,
    place: NewPlace,
    stored: Stored,
    now: datetime,
) -> DocumentVersion:
    """The row of what is kept, as it becomes ready; its data goes sealed into it."""
    return DocumentVersion(
        id=version_id(place.document_id, place.version),
        document_id=place.document_id,
        version=place.version,
        subject_ref=trail.subject_ref,
        type=document_type.code,
        state="ready",
        object_key=place.object_key,
        wrapped_key=place.wrapped_key,
        sha256=stored.sha256,
        received_sha256=body.sha256.hex(),
        cipher_sha256=stored.cipher_sha256,
        size=stored.size,
        cipher_size=stored.cipher_size,
        media_type=body.media_type,
        provenance=provenance,
        issued_on=paper.issued_on,
        valid_until=paper.valid_until,
        tax_year=paper.tax_year,
        level=paper.level,
        background=paper.background,
        number=seal_field(trail, "number", paper.number.encode()) if paper.number else None,
        about=seal_field(trail, "about", paper.about.encode()) if paper.about else None,
        stale_event=None,
        taken_by=caller.actor,
        taken_at=now,
    )
