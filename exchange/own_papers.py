"""A paper in the hands of an officer of the agency that took it in: whom it names and where they stand is theirs to write down (N06)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from auth.callers import Officer
from auth.grants import first_refusal, judge_version
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.family import linked, trails_of
from storage.agencies import OFFICERS
from storage.clients import CLIENTS
from storage.database import Database
from storage.documents import (
    NAMED,
    VERSIONS,
    DocumentVersion,
    NamedPerson,
    newest_ready,
    told_doc,
    version_row,
)
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Event, Trail, Work


class OwnPaper:
    """One paper in the hands of an officer: what every act on its list shares."""

    def __init__(self, keyring: Keyring, caller: Officer, copy: DocumentVersion | None, trail: Trail) -> None:
        self.keyring = keyring
        self.caller = caller
        self.copy = copy
        self.trail = trail
        kind, _, taker = copy.taken_by.partition(":") if copy else ("", "", "")
        self._taker = Need(CLIENTS if kind == "client" else OFFICERS, taker)

    @property
    def needs(self) -> list[Need]:
        rows = (
            [self._taker, Need(VERSIONS, self.copy.id), Need(NAMED, self.copy.id, "version_id")]
            if self.copy
            else []
        )
        return [*caller_needs(self.caller), *rows]

    def judge(self, facts: Facts, now: datetime) -> Verdict:
        """The caller, and a live paper of the own agency; another agency's is told like one that is not there."""
        row = facts.get(VERSIONS, self.copy.id) if self.copy else None
        return first_refusal(self.judge_own(facts, now), judge_version(row))

    def judge_own(self, facts: Facts, now: datetime) -> Verdict:
        """The same of a paper that need not be live, or be there."""
        row = facts.get(VERSIONS, self.copy.id) if self.copy else None
        taker = facts.get(self._taker.table, self._taker.key) if row else None
        own = taker is not None and taker.agency_id == self.caller.agency_id
        return first_refusal(
            judged_caller(facts, self.caller, now),
            Refused("paper_of_another_agency") if row is not None and not own else ALLOWED,
        )

    def people(self, facts: Facts) -> list[NamedPerson]:
        return facts.group(NAMED, "version_id", self.copy.id) if self.copy else []

    def keep(self, facts: Facts, row: NamedPerson) -> None:
        """The row, and the copy's own list of those beside the holder."""
        facts.put(NAMED, row)
        copy = facts.get(VERSIONS, row.version_id)
        if copy is not None:
            named = [
                other.subject_ref for other in self.people(facts) if other.named and other.role != "holder"
            ]
            facts.put(VERSIONS, replace(copy, subjects=" ".join(named)))

    def events(self, act: str, others: Sequence[Trail], **members: Any) -> list[Event]:
        details = caller_details(
            self.caller,
            act=act,
            document_type=self.copy.type if self.copy else None,
            doc=told_doc(self.copy) if self.copy else None,
            **members,
        )
        own = Event("intake", self.trail, self.caller.actor, details)
        return [own, *linked(own, others)]

    def work(
        self,
        judge: Callable[[Facts, datetime], Verdict],
        apply: Callable[[Facts, datetime, Verdict], None],
        events: Callable[[Verdict], list[Event]],
        needs: Sequence[Need],
        refused: Callable[[Facts, datetime, Verdict], None],
    ) -> Work[Verdict]:
        return Work(
            kind="intake",
            caller=self.caller.actor,
            trail=self.trail,
            load=[*self.needs, *needs],
            judge=judge,
            apply=apply,
            apply_refused=refused,
            events=lambda _facts, _now, verdict: events(verdict),
        )


async def own_paper(
    database: Database, keyring: Keyring, caller: Officer, document_id: str, version: int | None = None
) -> OwnPaper:
    """``version`` None: the one that counts now."""
    async with database.reading() as reading:
        if version is None:
            copy = (await newest_ready(reading, [document_id])).get(document_id)
        else:
            copy = await version_row(reading, document_id, version)
    trail = keyring.site_trail()
    if copy is not None:
        trail = next(iter(await trails_of(keyring, [copy.subject_ref])), trail)
    return OwnPaper(keyring, caller, copy, trail)
