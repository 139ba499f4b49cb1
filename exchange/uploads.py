"""An upload before it is kept: what is said about it, what it must be, and the look at its bytes as they pass."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date

from exchange.requirements.catalogue import DocumentType
from storage.inspection import Rejected, check_head

HEAD_BYTES = 64
FORMATS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}


@dataclass(frozen=True, slots=True)
class Paper:
    """What is said about the copy; ``number`` and ``about`` (a plate, a land parcel) are kept sealed only."""

    issued_on: date | None = None
    valid_until: date | None = None
    tax_year: int | None = None
    level: str | None = None
    background: str | None = None
    number: str | None = field(default=None, repr=False)
    about: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Body:
    """``chunks`` gives exactly ``size`` bytes or raises ``UploadBroken``; ``sha256`` is what was announced."""

    media_type: str
    size: int
    sha256: bytes
    chunks: AsyncIterator[bytes]


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
                raise Turned(f"content_{inspection.reason}")
            yield bytes(head)
        else:
            yield chunk
    if digest.digest() != body.sha256:
        raise Turned("digest_mismatch")
