"""Where a stored copy came from, and what that is worth (M10; L50, L51; ``protocols.md`` 9.1).

A label is set when a copy comes in. The same bytes again may raise it (an officer compares what was only uploaded, anchors were pinned
meanwhile), never lower it.
"""

from __future__ import annotations

from auth.callers import Caller, Officer
from exchange.requirements.catalogue import Catalogue

PADES_VALID = "pades_valid"
PUSHED = "pushed"
SCAN = "scan"
PADES_UNCHECKED = "pades_unchecked"
PADES_WEAK = "pades_weak"
UPLOAD = "upload"
# From the least to the best.
LABELS = (UPLOAD, PADES_WEAK, PADES_UNCHECKED, SCAN, PUSHED, PADES_VALID)

_SIGNED = {"valid": PADES_VALID, "unchecked": PADES_UNCHECKED, "weak": PADES_WEAK}


def unsigned_label(caller: Caller, catalogue: Catalogue, document_type: str, *, compared: bool) -> str:
    """Of a copy that carries no signature. ``compared``: the officer held the original next to it. A back end compares nothing: what it
    sends is the issuer's own when a service of its agency gives out this type, otherwise something that a citizen uploaded there.
    """
    if isinstance(caller, Officer):
        return SCAN if compared else UPLOAD
    agency = caller.agency_id.partition("@")[0]
    issues = any(
        service.agency == agency and document_type in service.output
        for service in catalogue.services.values()
    )
    return PUSHED if issues else UPLOAD


def label(unsigned: str, grade: str | None) -> str:
    """``grade`` is that of the signature, None without one: valid, unchecked or weak."""
    if grade is None:
        return unsigned
    signed = _SIGNED[grade]
    return PUSHED if unsigned == PUSHED and signed != PADES_VALID else signed


def better(one: str, other: str) -> bool:
    return LABELS.index(one) > LABELS.index(other)


def told(provenance: str, taken_by: str) -> dict[str, str]:
    """As readiness, ticket and receipt say it; who compared a scan with its original is named."""
    return {"provenance": provenance} | ({"compared_by": taken_by} if provenance == SCAN else {})
