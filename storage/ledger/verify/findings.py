"""What a verification found: problems in words for a person and, for a program, which entries are the first bad ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One of the entries ``first`` to ``last`` is bad; ``words`` say how it shows."""

    first: int
    last: int
    words: str

    def told(self) -> str:
        where = f"entry {self.first}" if self.first == self.last else f"entries {self.first} to {self.last}"
        return f"{where}: {self.words}"


@dataclass
class Findings:
    """``problems`` name the first bad entry of each kind, ``scars`` what the log itself says it has lost, ``notes`` what was not, or
    could not be, judged. ``covered``: so many entries stand under a checkpoint from outside, or one that the quorum of witnesses
    cosigned: they are proven to be the ones that were there then. Those behind are not covered, which is no problem. ``first_bad``: (first, last) of the entries by
    which it shows first: the first bad one is not behind ``last``.
    """

    size: int = 0
    root: str = ""
    checkpoints: int = 0
    covered: int = 0
    bodies_opened: int = 0
    bodies_erased: int = 0
    proofs: int = 0
    receipts: int = 0
    key_uses: int = 0
    first_bad: tuple[int, int] | None = None
    problems: list[str] = field(default_factory=list)
    scars: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def bad(self, fault: Fault) -> None:
        self.problems.append(fault.told())
        known = self.first_bad
        # The one that shows first, and of two that show together the one that says it more exactly.
        if known is None or (fault.last, -fault.first) < (known[1], -known[0]):
            self.first_bad = (fault.first, fault.last)

    def as_json(self) -> dict[str, Any]:
        return vars(self) | {"not_covered": max(0, self.size - self.covered)}
