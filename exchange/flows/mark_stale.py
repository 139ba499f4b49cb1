"""Something happened in a citizen's life, and the papers that show how it was before are stale (UU 27/2022 art. 29, L15; the catalogue's ``changes_on``).

1. an officer of an agency that makes a new copy of such a paper says what happened, and when
2. one batch item: every copy that was made before is flagged; the entry; the citizen is told
A flagged copy fulfils no requirement until a newer one comes in. A copy that was issued on that day or after it stays valid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from auth.callers import Officer
from auth.grants import first_refusal
from auth.rights import judge_event
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.citizen import Letter
from exchange.limits import Limits, Reach
from exchange.requirements.catalogue import Catalogue
from exchange.requirements.papers import stale_types
from storage.database import Database
from storage.documents import DISPUTED, VERSIONS, DocumentVersion, told_doc
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import addresses_of

# What is served, and what may be again: a copy that comes back must not have missed what happened meanwhile.
_MAY_BE_SERVED = frozenset({"ready", "quarantined", DISPUTED})


@dataclass(frozen=True, slots=True)
class Happened:
    """``event`` is a word of the catalogue's ``changes_on``; ``on`` a day of the site's calendar. ``documents``: only these of the
    citizen's papers, None for all.
    """

    event: str
    on: date
    documents: frozenset[str] | None = None

    def overtakes(self, row: DocumentVersion, zone: ZoneInfo) -> bool:
        """A copy that shows how it was before. Where the day of issue is unknown, it is not younger than the day it came in."""
        made = row.issued_on or row.taken_at.astimezone(zone).date()
        chosen = self.documents is None or row.document_id in self.documents
        return chosen and row.state in _MAY_BE_SERVED and row.stale_event is None and made < self.on


@dataclass(frozen=True, slots=True)
class Flagged:
    document_id: str
    version: int
    type: str


async def mark(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    catalogue: Catalogue,
    *,
    subject_ref: str,
    happened: Happened,
    by: Officer,
    by_code: str,
    notice: Letter[[date]],
    limits: Limits,
    zone: str,
    now: datetime,
) -> list[Flagged]:
    """``by_code`` is the agency's in the catalogue. Raises ``AccessRefused`` after the refusal is on record."""
    types = stale_types(catalogue, happened.event)
    own = any(
        service.agency == by_code and service.replaces & types for service in catalogue.services.values()
    )
    posted = None
    try:
        trail, unknown = await keyring.trail(subject_ref), None
        addresses = await addresses_of(database, keyring, subject_ref)
        posted = notice.write(keyring, trail, addresses.values(), now, happened.on)
    except KeyMissing:
        trail, unknown = keyring.site_trail(), Refused("subject_unknown")
    reach = Reach(by, [subject_ref], limits, now)
    clock = ZoneInfo(zone)
    flagged: list[DocumentVersion] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        return first_refusal(
            judged_caller(facts, by, now),
            judge_event(
                known=bool(types), own=own, happened_on=happened.on, today=now.astimezone(clock).date()
            ),
            reach.judge(facts),
            unknown or ALLOWED,
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        reach.count(facts, now)
        flagged[:] = [
            row
            for row in facts.group(VERSIONS, "subject_ref", subject_ref)
            if row.type in types and happened.overtakes(row, clock)
        ]
        for row in flagged:
            facts.put(VERSIONS, replace(row, stale_event=happened.event))
        if flagged and posted is not None:
            posted.keep(facts)

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details = caller_details(
            by, act="life_event", event=happened.event, happened_on=happened.on.isoformat()
        )
        if verdict.allowed:
            details["document_types"] = sorted({row.type for row in flagged})
            details["docs"] = [told_doc(row) for row in flagged]
        return [Event("intake", trail, by.actor, details)]

    settled = await appender.submit(
        Work(
            kind="intake",
            caller=by.actor,
            trail=trail,
            load=[
                *caller_needs(by),
                *reach.needs,
                Need(VERSIONS, subject_ref, "subject_ref"),
                *(posted.needs if posted else []),
            ],
            judge=judge,
            apply=apply,
            apply_refused=reach.stopped,
            events=events,
        )
    )
    settled.verdict.enforce()
    return [Flagged(row.document_id, row.version, row.type) for row in flagged]
