"""One paper of a destruction goes: prepared, judged in the batch that destroys it, told (UU 27/2022 art. 44, 45; L26, L27, L52)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Officer
from auth.grants import first_refusal
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import caller_details
from exchange.citizen import Letter
from exchange.erasing import TURNS_MET, Erasure, prepared
from exchange.family import trail_needs
from exchange.retention import LOOKED_PAST, Standing, Uses, standing, told_versions
from storage.database import Database
from storage.destructions import DESTRUCTION_PAPERS, DESTRUCTIONS, DestructionPaper
from storage.documents import DocumentVersion
from storage.errors import KeyMissing, SealBroken
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.outbox import addresses_of

_log = logging.getLogger("berkas.app")
_OURS = LOOKED_PAST | {"destruction_decided"}
Notice = Letter[[str, datetime]]
"""Made from the type and the day on which the destruction is complete."""


@dataclass(frozen=True, slots=True)
class Destroying:
    """One paper on its way: prepared, judged, and anew when something was written meanwhile."""

    database: Database
    keyring: Keyring
    appender: Appender
    paper: DestructionPaper
    months: int
    uses: Uses
    notice: Notice
    backups: timedelta
    by: Officer
    now: datetime

    async def run(self) -> None:
        """After it the paper is destroyed or left out; where somebody was faster again and again it waits for the next approval."""
        trail = self.keyring.site_trail()
        try:
            trail = await self.keyring.trail(self.paper.subject_ref)
            await self._destroyed(trail)
        except KeyMissing:  # the whole citizen was erased, and the papers before
            await self.appender.submit(self._left_out(trail, Refused("version_erased")))
        except SealBroken:
            _log.error(
                "a citizen's key does not open, nothing destroyed", extra={"destruction": self.paper.id}
            )
            await self.appender.submit(self._left_out(trail, Refused("key_broken")))

    async def _destroyed(self, trail: Trail) -> None:
        for _ in range(TURNS_MET):
            async with self.database.reading() as reading:
                (row,) = await DESTRUCTION_PAPERS.load(reading.raw, "id", [self.paper.id])
                stands = await standing(reading, self.paper, self.uses)
            if row.state != "proposed":  # somebody else approved at the same time
                return
            erasure = await self._erasure(stands)
            settled = await self.appender.submit(await self._work(trail, stands, erasure))
            if settled.verdict.allowed:
                self.keyring.forget(self.paper.subject_ref)
            if settled.verdict.reason not in LOOKED_PAST:
                return

    async def _erasure(self, stands: Standing) -> Erasure:
        document_id, named = self.paper.document_id, stands.named
        whole = self.paper.reason == "unused"
        return await prepared(
            self.database,
            self.keyring,
            self.paper.subject_ref,
            lambda row: row.document_id == document_id and (whole or row.version in named),
            self.now,
        )

    async def _work(self, trail: Trail, stands: Standing, erasure: Erasure) -> Work[Verdict]:
        site = self.keyring.site_trail()
        effective_at = self.now + self.backups
        addresses = await addresses_of(self.database, self.keyring, self.paper.subject_ref)
        posted = self.notice.write(
            self.keyring, trail, addresses.values(), self.now, self.paper.type, effective_at
        )
        gone: list[DocumentVersion] = []

        def judge(facts: Facts, now: datetime) -> Verdict:
            return first_refusal(
                _judge_waiting(facts, self.paper),
                stands.judge(facts, self.months, now),
                erasure.judge(facts),
            )

        def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
            gone[:] = stands.going(facts)
            erasure.apply(facts)
            facts.put(
                DESTRUCTION_PAPERS,
                replace(self.paper, versions=told_versions(gone), state="destroyed", at=now),
            )
            if posted is not None:
                posted.keep(facts)

        def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
            details = self._details()
            if verdict.allowed:
                details |= {
                    "erased": [row.id for row in gone],
                    "effective_at": effective_at.isoformat(),
                }
            # Only what came of it is the citizen's. To look anew is ours, and must not make somebody else look anew in turn.
            own = verdict.allowed or verdict.reason not in _OURS
            return [Event("erase", trail if own else site, self.by.actor, details)]

        return Work(
            kind="erase",
            caller="",
            trail=trail,
            load=[
                Need(DESTRUCTIONS, self.paper.destruction_id),
                Need(DESTRUCTION_PAPERS, self.paper.id),
                *stands.needs,
                *erasure.needs,
                *trail_needs([site]),
                *(posted.needs if posted else []),
            ],
            judge=judge,
            apply=apply,
            apply_refused=_leave_out(self.paper),
            events=events,
        )

    def _left_out(self, trail: Trail, verdict: Verdict) -> Work[Verdict]:
        """Nothing is there any more that could be destroyed, or it cannot be."""
        return Work(
            kind="erase",
            caller="",
            trail=trail,
            load=[Need(DESTRUCTIONS, self.paper.destruction_id), Need(DESTRUCTION_PAPERS, self.paper.id)],
            judge=lambda facts, _now: first_refusal(_judge_waiting(facts, self.paper), verdict),
            apply_refused=_leave_out(self.paper),
            events=lambda _facts, _now, _verdict: [Event("erase", trail, self.by.actor, self._details())],
        )

    def _details(self) -> dict[str, Any]:
        return caller_details(
            self.by,
            act="destroyed",
            destruction=self.paper.destruction_id,
            document=self.paper.document_id,
            document_types=[self.paper.type],
            why=self.paper.reason,
        )


def _judge_waiting(facts: Facts, paper: DestructionPaper) -> Verdict:
    """Approved, and nobody who approved at the same time was faster."""
    destruction = facts.get(DESTRUCTIONS, paper.destruction_id)
    row = facts.get(DESTRUCTION_PAPERS, paper.id)
    waits = destruction is not None and destruction.state == "approved" and row is not None
    return ALLOWED if waits and row and row.state == "proposed" else Refused("destruction_decided")


def _leave_out(paper: DestructionPaper) -> Callable[[Facts, datetime, Verdict], None]:
    def leave_out(facts: Facts, now: datetime, verdict: Verdict) -> None:
        reason = verdict.reason or ""
        if reason not in _OURS:
            facts.put(DESTRUCTION_PAPERS, replace(paper, state="left_out", why=reason, at=now))

    return leave_out
