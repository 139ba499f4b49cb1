"""How the log stands with its witnesses: who has signed how far, who is late, who refuses; the same for operators, doctor and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.database import Reading
from storage.ledger.cosigned import Standing, standings
from storage.ledger.policy import Policy

# The witness holds another history than this log, or says so: waiting mends nothing.
DISPUTES = frozenset({"ahead", "fork", "inconsistent", "log_incomplete"})
# It does not take this log's checkpoints: its owner has to be asked.
REFUSALS = frozenset({"unknown_log", "signature_refused", "request_refused"})
LATE, REFUSED = "witness_late", "witness_refused"
WITNESS_REASONS = frozenset({LATE, REFUSED})
NO_POLICY = {"quorum": "no policy"}


@dataclass(frozen=True, slots=True)
class WitnessWatch:
    """``witnesses`` by their names in the policy. ``late_after`` is how long something published may wait for a signature.
    ``demanded`` is False under a policy whose quorum is none.
    """

    witnesses: Mapping[str, Standing]
    quorum: Standing
    late_after: timedelta
    at: datetime
    demanded: bool = True

    @property
    def late(self) -> bool:
        """The quorum itself, and not only one of more witnesses than it takes."""
        return self.demanded and self._late(self.quorum)

    def alarms(self) -> dict[str, str]:
        """Name of each witness that somebody has to look after -> the reason of its alert."""
        refusing = {name: REFUSED for name, one in self.witnesses.items() if one.cause in DISPUTES | REFUSALS}
        return {name: LATE for name, one in self.witnesses.items() if self._late(one)} | refusing

    def told(self) -> dict[str, Any]:
        """For programs: no time and no size of what is not published yet."""
        alarms = self.alarms()
        late = sorted(name for name, reason in alarms.items() if reason == LATE)
        quorum = "late" if self.late else "met" if self.quorum.size else "waiting"
        return {
            "quorum": quorum if self.demanded else "none",
            "size": self.quorum.size,
            "late": late,
            "refused": {name: self.witnesses[name].cause for name in sorted(alarms.keys() - late)},
        }

    def _late(self, one: Standing) -> bool:
        return one.waiting_since is not None and self.at - one.waiting_since > self.late_after


async def watch(
    reading: Reading, policy: Policy, *, at_once: bool, late_after: timedelta, now: datetime
) -> WitnessWatch:
    """``at_once`` as in ``published``."""
    ids = {witness.verifier.id: witness.name for witness in policy.witnesses}
    found, quorum = await standings(reading, list(ids), at_once=at_once)
    named = {ids[one]: standing for one, standing in found.items()}
    return WitnessWatch(named, quorum, late_after, now, demanded=not policy.met_by({}))
