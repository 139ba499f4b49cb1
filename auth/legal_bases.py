"""When papers are processed without consent (UU 27/2022 art. 20(2) b to f): only on a ground that an operator put on record."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from auth.verdict import ALLOWED, Refused, Verdict

CONSENT = "consent"
BY_LAW = frozenset({"legal_obligation", "vital_interest", "public_task"})
"""Letters c, d and e. A contract (b) and a legitimate interest (f) open nobody's papers at a counter of the state."""


class GroundFact(Protocol):
    @property
    def active(self) -> bool: ...
    @property
    def types(self) -> str: ...
    @property
    def reference(self) -> str: ...


def judge_ground(ground: GroundFact | None, types: Collection[str], reference: str) -> Verdict:
    """Does this ground stand, does it cover all these document types, and is its article the one that the citizen is told?"""
    if ground is None or not ground.active or ground.reference != reference:
        return Refused("ground_missing")
    return ALLOWED if set(types) <= set(ground.types.split(" ")) else Refused("ground_too_narrow")
