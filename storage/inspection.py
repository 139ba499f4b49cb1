"""The gate, first step: what the content is by its first bytes, and whether that is what it is declared to be.

An allow-list of PDF, JPEG and PNG. First bytes prove nothing about the rest (``performance.md``: HTML behind ``%PDF-``
passes for a PDF): parsing in a limited worker, active content and malware belong to the full gate; until it stands,
SECURITY.md says so.
"""

from __future__ import annotations

from dataclasses import dataclass

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"})


@dataclass(frozen=True, slots=True)
class Inspected:
    media_type: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """``reason``: empty, heic, unknown or mismatch."""

    reason: str


def media_type_of(head: bytes) -> str | None:
    """The media type that the first bytes show; None for everything that is not on the list."""
    return next((media_type for signature, media_type in _SIGNATURES if head.startswith(signature)), None)


def check_head(declared: str, head: bytes) -> Inspected | Rejected:
    """``head`` is the first 64 bytes, or all of a shorter file."""
    if not head:
        return Rejected("empty")
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return Rejected("heic")
    found = media_type_of(head)
    if found is None:
        return Rejected("unknown")
    return Inspected(found) if found == declared else Rejected("mismatch")
