"""What a look at a signature comes to."""

from __future__ import annotations

from dataclasses import dataclass, field


class Broken(Exception):
    """The signature is invalid; ``why`` is altered, partial, untrusted, expired, revoked or unreadable."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(slots=True)
class Finding:
    """``grade`` is valid, unchecked or weak; ``why`` of the last two: no_anchors, revocation_unknown, expired, algorithm. The rest is what
    the last signature says of itself and, where ``timestamp`` is set, what a trusted time stamp says.
    """

    grade: str
    why: str | None
    signer: str
    certificate_sha256: str
    anchor_sha256: str | None
    signed_at: str | None
    timestamp: str | None
    policies: list[str] = field(default_factory=list)
