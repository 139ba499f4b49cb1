"""Roots that somebody was shown: checkpoints of the log, by whom they are signed, and which of them are held outside.

A checkpoint that is held outside counts; so does one that the quorum of a policy's witnesses cosigned, wherever it lies, since they hold
it too. Every other one is compared all the same, but whoever can rewrite what is verified could have removed or replaced it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from storage.ledger.checkpoint import Checkpoint, CheckpointRefused, NoteVerifier, open_note
from storage.ledger.policy import Policy
from storage.ledger.reopening import Reopening
from storage.ledger.verify.findings import Findings
from storage.ledger.verify.tree import Claim, Shown


@dataclass
class Held:
    """What somebody holds against the log: ``notes`` are checkpoints with the name of the file they come from; ``claims`` leaf hashes
    that were proven elsewhere, by place.
    """

    notes: list[tuple[str, str]] = field(default_factory=list)
    claims: dict[int, list[Claim]] = field(default_factory=dict)

    def claim(self, index: int, leaf: bytes, words: str) -> None:
        self.claims.setdefault(index, []).append(Claim(leaf, words))


class Shower:
    """Collects them by size. ``ended`` are the log's earlier names, each with how it ended; ``origin`` is the name that it has now,
    None where nobody says it.
    """

    def __init__(
        self,
        verifiers: Sequence[NoteVerifier],
        policy: Policy | None,
        findings: Findings,
        *,
        origin: str | None = None,
        reopened: Sequence[Reopening] = (),
    ) -> None:
        self._verifiers, self._policy, self._findings = verifiers, policy, findings
        self._origin = origin
        self._ended = {one.previous: one for one in reopened}
        self._names = {one.origin: one for one in reopened}
        self._signed: set[str] = set()
        self.roots: dict[int, list[Shown]] = {}

    def keep(self, note: str, *, outside: str | None = None) -> Checkpoint | None:
        """``outside`` says where it is held; None: beside the log itself. Returns it where it is one of this log."""
        what = f"the checkpoint {outside}" if outside else "a checkpoint"
        try:
            checkpoint = open_note(note, self._verifiers)
            met = self._policy is not None and self._policy.judged(note).met
        except CheckpointRefused as refused:
            self._findings.problems.append(f"{what} is not ours: {refused}")
            return None
        if outside and self._policy is not None and not met:
            self._findings.problems.append(f"{what} is not cosigned by the quorum of the policy")
        self._signed.add(checkpoint.origin)
        if self._lost(checkpoint):
            return checkpoint
        if self._origin not in {None, checkpoint.origin} and checkpoint.origin not in self._ended:
            self._findings.problems.append(f"{what} is of {checkpoint.origin}, this log is {self._origin}")
            return None
        held = outside is not None if self._policy is None else met
        shown = Shown(checkpoint.root, held)
        known = self.roots.setdefault(checkpoint.size, [])
        if shown not in known:
            known.append(shown)
        self._findings.checkpoints += 1
        return checkpoint

    def _lost(self, checkpoint: Checkpoint) -> bool:
        """Of the part that is lost, as the log's later name has said; more than it said was not admitted."""
        scar = self._ended.get(checkpoint.origin)
        if scar is None or scar.restored_size >= checkpoint.size:
            return False
        if checkpoint.size > scar.lost_to:
            self._findings.problems.append(
                f"{checkpoint.origin} had {checkpoint.size} entries, its end admits {scar.lost_to}"
            )
        return True

    def quorum(self) -> None:
        """Asked when everything is kept: some checkpoint must meet the policy."""
        if self._policy is not None and not any(
            one.outside for roots in self.roots.values() for one in roots
        ):
            self._findings.problems.append("no checkpoint is cosigned by the quorum of the policy")

    def scars(self) -> None:
        """Asked when everything is kept: a scar must rest on a checkpoint of the log, and its new name on a key that was named."""
        for one in self._ended.values():
            self._findings.scars.append(
                f"{one.previous} ends at {one.restored_size} entries, {one.origin} goes on: "
                f"entries {one.restored_size} to {one.lost_to - 1} are lost"
            )
            self._findings.problems += self._unproven(one)
        # Old checkpoints are public: a row with a genuine one proves nothing before the log's key has signed under the new name, and
        # whoever verifies has named that key.
        self._findings.problems += [
            f"{one.previous} was ended, and nothing is signed as {one.origin} by a key that was named"
            for one in self._ended.values()
            if one.origin not in self._signed
        ]

    def _unproven(self, one: Reopening) -> list[str]:
        """A reopening that rests on no checkpoint of the log could hide a cut."""
        try:
            last = open_note(one.note, self._verifiers)
        except CheckpointRefused as refused:
            return [f"{one.origin} names a last checkpoint that is not ours: {refused}"]
        if (last.origin, last.size) != (one.previous, one.lost_to) or last.size <= one.restored_size:
            return [f"{one.origin} names a last checkpoint that does not say what it says"]
        return []
