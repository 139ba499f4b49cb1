"""An auditor finds and filters entries; an officer sees the own (N03, M36 to M38).

1. who may look at whose is judged in a batch, whose entry is the look itself: on the site's trail, and on the citizen's where it is about one
2. what is sealed is opened and chosen from, at most 5,000 entries a page; the next page goes on behind them
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.callers import Officer
from auth.verdict import AccessRefused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.auditing import Look, Wanted, shown_entry, trail_of, within_reach
from exchange.limits import Limits, typed_number
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.audit import Entry, LogEnd, Walk, bounds, log_end
from storage.ledger.facts import Facts
from storage.ledger.history import selected
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.subjects import enrolled_at, enrolled_by_nik

PAGE = 100
LOOK = 5_000
"""Entries that one page opens at most: about 60 ms."""


@dataclass(frozen=True, slots=True)
class Found:
    """Newest first. ``next`` is where the following page begins (``before``), None at the end; ``erased`` counts entries of this page's
    look that nobody can open any more. ``log`` is what was looked at.
    """

    entries: list[dict[str, Any]]
    next: int | None
    erased: int
    log: LogEnd


@dataclass(frozen=True, slots=True)
class Citizen:
    """``since``: when the list of this citizen begins."""

    subject_ref: str
    since: datetime | None


async def find_citizen(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    nik: str,
    wanted: Wanted,
    by: Officer,
    limits: Limits,
    now: datetime,
) -> Citizen:
    """The reference of whoever has this NIK; an entry on their trail. Raises ``AccessRefused``."""
    async with database.reading() as reading:
        subject_ref = await enrolled_by_nik(reading, keyring.nik_index(nik)) or ""
    trail = await trail_of(keyring, subject_ref)
    wanted = within_reach(wanted, by)
    number = typed_number(keyring, by, nik, limits, now)
    await Look(
        keyring, by, "find", replace(wanted, subject_ref=subject_ref), trail, limits, now, number
    ).recorded(appender)
    if trail is None:
        raise AccessRefused("subject_unknown")
    async with database.reading() as reading:
        return Citizen(subject_ref, await enrolled_at(reading, subject_ref))


async def search(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    wanted: Wanted,
    by: Officer,
    limits: Limits,
    before: int | None,
    now: datetime,
    page: int | None = None,
) -> Found:
    """Raises ``AccessRefused``. ``before`` is the ``next`` of the page before."""
    wanted = within_reach(wanted, by)
    trail = await trail_of(keyring, wanted.subject_ref)
    await Look(keyring, by, "search", wanted, trail, limits, now).recorded(appender)

    def shown(index: int, event: Mapping[str, Any], subject_ref: str) -> dict[str, Any]:
        return shown_entry(index, event, subject_ref, lambda ref: keyring.pseudonym(by.agency_id, ref))

    if trail is not None:
        return await _of_citizen(database, trail, wanted, before, shown, page or PAGE)
    return await _of_everybody(database, keyring, wanted, before, shown, page or PAGE)


async def own_acts(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    by: Officer,
    from_at: datetime,
    to_at: datetime,
    before: int | None,
) -> Found:
    """What was done under this officer's name, so that a misused account shows: any role, the own acts only. Raises ``AccessRefused``."""
    trail = keyring.site_trail()
    settled = await appender.submit(
        Work(
            kind="audit",
            caller=by.actor,
            trail=trail,
            load=caller_needs(by),
            judge=lambda facts, now: _still_signed_in(facts, by, now),
            events=lambda _facts, _now, _verdict: [
                Event("audit", trail, by.actor, caller_details(by, act="own"))
            ],
        )
    )
    settled.verdict.enforce()
    own = Wanted(from_at, to_at, "", officer_id=by.id)

    def shown(index: int, event: Mapping[str, Any], subject_ref: str) -> dict[str, Any]:
        return shown_entry(index, event, subject_ref, lambda ref: keyring.pseudonym(by.agency_id, ref))

    return await _of_everybody(database, keyring, own, before, shown, PAGE)


Shown = Callable[[int, Mapping[str, Any], str], dict[str, Any]]


async def _of_citizen(
    database: Database, trail: Trail, wanted: Wanted, before: int | None, shown: Shown, page: int
) -> Found:
    async with database.reading() as reading:
        found = await selected(
            reading,
            trail,
            wanted.meets,
            limit=page,
            look=LOOK,
            before=before,
            since=wanted.from_at,
            until=wanted.to_at,
        )
        end = await log_end(reading)
    entries = [shown(index, event, trail.subject_ref) for index, event in found.events]
    return Found(entries, found.next, 0, end)


async def _of_everybody(
    database: Database, keyring: Keyring, wanted: Wanted, before: int | None, shown: Shown, page: int
) -> Found:
    async with database.reading() as reading:
        log = await log_end(reading)
        first, end = await bounds(reading, wanted.from_at, wanted.to_at, log.size)
    end = min(end, before) if before is not None else end
    found: list[dict[str, Any]] = []
    looked = erased = 0
    async for window in Walk(database, keyring, first, end, newest_first=True):
        for entry in window.entries:
            if _in_time(entry, wanted) and wanted.meets(entry.event):
                found.append(shown(entry.index, entry.event, entry.subject_ref))
            if len(found) == page:
                return Found(found, entry.index if entry.index > first else None, erased, log)
        looked += window.end - window.first
        erased += window.erased
        if looked >= LOOK:
            return Found(found, window.first if window.first > first else None, erased, log)
    return Found(found, None, erased, log)


def _in_time(entry: Entry, wanted: Wanted) -> bool:
    return wanted.from_at <= entry.at < wanted.to_at


def _still_signed_in(facts: Facts, by: Officer, now: datetime) -> Verdict:
    return judged_caller(facts, by, now, None)
