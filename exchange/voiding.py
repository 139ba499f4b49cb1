"""The end of a paper that was filed wrongly: part of the item by which a second officer confirms it.

What opens it is destroyed, as by an erasure; its citizen and its owner are told; each recipient gets its clock. Looked up before the
batch: the version is served to nobody since it was reported, so that whoever received it stands in the ledger already.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from auth.callers import Officer
from auth.grants import first_refusal
from auth.rights import judge_other_officer, judge_void
from auth.roles import SERVE
from auth.verdict import ALLOWED, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.citizen import Letter, Posted
from exchange.erasing import Erasure, prepared
from exchange.family import linked, trail_needs, trails_of
from exchange.received import consents_served, owed
from storage.consents import CONSENTS, Consent
from storage.database import Database
from storage.documents import VERSIONS, VOIDED, version_row
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Event, Trail, Work
from storage.outbox import addresses_of
from storage.rights import WITHDRAWALS
from storage.voids import VOIDS, VoidReport, void_by_id


@dataclass(frozen=True, slots=True)
class Letters:
    """To the citizen under whom it was filed, and to its owner: made from the report and the agencies that received it."""

    filed_under: Letter[[VoidReport, list[str]]]
    owner: Letter[[VoidReport, list[str]]]


@dataclass(frozen=True, slots=True)
class Ending:
    """``report`` None: there is none of that id. ``named`` are whom the paper names beside its holder: nobody is
    named on it or taken back while it is disputed. ``consents`` are those under which the version was released; ``kept`` is the report
    as the item left it.
    """

    void_id: str
    report: VoidReport | None
    trail: Trail
    owner: tuple[Trail, ...] = ()
    named: tuple[Trail, ...] = ()
    consents: tuple[Consent, ...] = ()
    erasure: Erasure | None = None
    posted: tuple[Posted, ...] = ()
    kept: list[VoidReport] = field(default_factory=list)

    @classmethod
    async def prepared(
        cls,
        database: Database,
        keyring: Keyring,
        void_id: str,
        by: Officer,
        letters: Letters,
        now: datetime,
    ) -> Ending:
        """Raises ``RootKeyAway``."""
        async with database.reading() as reading:
            found = await void_by_id(reading, void_id)
        if found is None:
            return cls(void_id, None, keyring.site_trail())
        own = await trails_of(keyring, [found.subject_ref])
        trail = own[0] if own else keyring.site_trail()
        if found.agency_id != by.agency_id or found.state != "open":
            return cls(
                void_id, found, trail
            )  # neither changes any more: the batch refuses, and nothing is prepared for it
        owner = await trails_of(keyring, [found.belongs_to] if found.belongs_to else [])
        async with database.reading() as reading:
            row = await version_row(reading, found.document_id, found.version)
            since = row.taken_at if row else found.reported_at
            served = await consents_served(reading, trail, found.document_id, found.version, since)
            consents = await CONSENTS.load(reading.raw, "id", sorted(served))
        others = [ref for ref in row.subjects.split() if ref != found.belongs_to] if row else []
        receivers = _receivers(consents)
        posted = [
            letter.write(
                keyring,
                one,
                (await addresses_of(database, keyring, one.subject_ref)).values(),
                now,
                found,
                receivers,
            )
            for letter, trails in ((letters.filed_under, own), (letters.owner, owner))
            for one in trails
        ]
        return cls(
            void_id,
            found,
            trail,
            owner,
            await trails_of(keyring, others),
            tuple(consents),
            await _erasure(database, keyring, found, now),
            tuple(one for one in posted if one is not None),
        )

    def work(self, by: Officer) -> Work[Verdict]:
        return Work(
            kind="intake",
            caller=by.actor,
            trail=self.trail,
            load=[
                *caller_needs(by),
                Need(VOIDS, self.void_id),
                *([Need(VERSIONS, self.report.version_id)] if self.report else []),
                *(self.erasure.needs if self.erasure else []),
                *(need for one in self.posted for need in one.needs),
                *trail_needs([*self.owner, *self.named]),
            ],
            judge=lambda facts, now: self._judge(by, facts, now),
            apply=lambda facts, now, _verdict: self._apply(by, facts, now),
            events=lambda _facts, _now, verdict: self._events(by, verdict),
        )

    def _judge(self, by: Officer, facts: Facts, now: datetime) -> Verdict:
        current = facts.get(VOIDS, self.void_id)
        return first_refusal(
            judged_caller(facts, by, now, SERVE),
            judge_void(current, by.agency_id),
            judge_other_officer(current.reported_by if current else "", by.actor),
            self.erasure.judge(facts) if self.erasure else ALLOWED,
        )

    def _apply(self, by: Officer, facts: Facts, now: datetime) -> None:
        current = facts.get(VOIDS, self.void_id)
        if current is None:
            return
        self.kept[:] = [replace(current, state="confirmed", decided_by=by.actor, decided_at=now)]
        facts.put(VOIDS, self.kept[0])
        if self.erasure is not None:
            self.erasure.apply(facts)
        row = facts.get(VERSIONS, current.version_id)
        if row is not None and row.state != VOIDED:  # an erasure, or the end of all keys, was first
            facts.put(VERSIONS, replace(row, state=VOIDED, wrapped_key=b"", number=None, about=None))
        for consent in self.consents:
            clock = owed(new_id("wd"), consent, "voided", now, case_id=self.void_id)
            facts.put(WITHDRAWALS, replace(clock, subject_ref=current.subject_ref))
        for one in self.posted:
            one.keep(facts)

    def _events(self, by: Officer, verdict: Verdict) -> list[Event]:
        if self.report is None or not verdict.allowed:
            return [voided_event(self.trail, by, "voided", self.void_id, self.report)]
        receivers = _receivers(self.consents)
        consents = [consent.id for consent in self.consents]
        own = voided_event(
            self.trail, by, "voided", self.void_id, self.report, consents=consents, received_by=receivers
        )
        # Nothing in the owner's entry leads to the citizen under whom it was filed.
        told = caller_details(
            by, act="misfiled", document_type=self.report.document_type, received_by=receivers
        )
        return [
            own,
            *(Event("intake", one, by.actor, told) for one in self.owner),
            *linked(own, self.named),
        ]


def voided_event(
    trail: Trail, by: Officer, act: str, void_id: str, found: VoidReport | None, **members: list[str]
) -> Event:
    """An entry about a report, on the list of the citizen under whom the paper was filed: nothing in it leads to the owner."""
    details = caller_details(by, act=act, report=void_id)
    if found is not None:
        doc = {"id": found.document_id, "ver": found.version}
        details |= {"document_type": found.document_type, "doc": doc, "reason": found.reason, **members}
    return Event("intake", trail, by.actor, details)


def _receivers(consents: tuple[Consent, ...] | list[Consent]) -> list[str]:
    return sorted({consent.agency_id for consent in consents})


async def _erasure(database: Database, keyring: Keyring, found: VoidReport, now: datetime) -> Erasure | None:
    """None when all keys of the citizen are gone: then nothing opens it."""
    try:
        return await prepared(
            database, keyring, found.subject_ref, lambda row: row.id == found.version_id, now, leaves=VOIDED
        )
    except KeyMissing:
        return None
