"""Entries leave the house as evidence: asked for by one person, approved by another, taken by the first (A63; N03, M36).

1. asked: whose and of which time, under which assignment; the period must hold no more than one archive may
2. approved or rejected by another person who may look at the same; the first one's role is judged again
3. taken within a day: one file with its proof for each entry, the checkpoint, the keys, a list to read; streamed, a window at a time
What concerns one citizen stands on their trail at each step. Who is over the whole site gets the entries opened; an agency gets the 33
bytes that stand in the public log beside the list, since an opened entry holds the citizen's name in the log, the same for all (D10).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.audit import judge_asker, judge_decision, judge_reach, judge_taking
from auth.callers import Officer
from auth.grants import first_refusal
from auth.roles import AUDIT, WHOLE_SITE
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import caller_needs, demand_right
from exchange.archives import Archive
from exchange.auditing import Look, Wanted, may_audit, trail_of, within_reach
from exchange.bundles import Keys, proofs_of, readme
from exchange.limits import Limits
from exchange.spreadsheets import csv_line
from storage.agencies import OFFICERS
from storage.audit_exports import AUDIT_EXPORTS, AuditExport, audit_export_by_id, newest_audit_exports
from storage.database import Database
from storage.ids import new_id
from storage.keyring import SITE, Keyring
from storage.ledger.audit import Walk, bounds, log_end
from storage.ledger.evidence import Evidence, following, numbered_between
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.published import Signed, covering
from storage.ledger.publisher import Publisher
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.work import Trail, Work

__all__ = ["AuditExport", "Taken", "as_zip", "ask", "decide", "list_exports", "take"]

MOST = 50_000
"""Entries in the period of one archive: its list of names and lines is in memory as a whole, some 35 MB."""
ENTRIES_A_LOOK = 200
SHOWN = 100
COLUMNS = (
    "index", "t", "type", "act", "allowed", "reason", "agency", "counter", "actor", "citizen", "service", "lawful_basis", "document_types",
    "consent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """What is being streamed: which entries (``first`` and ``end`` are indexes, or numbers of one citizen), under which checkpoint."""

    row: AuditExport
    trail: Trail | None
    signed: Signed
    first: int
    end: int
    opened: bool
    agency_id: str


async def ask(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    wanted: Wanted,
    by: Officer,
    limits: Limits,
    now: datetime,
) -> AuditExport:
    """Waits for a second person; a day at most. Raises ``AccessRefused``."""
    wanted = within_reach(replace(wanted, to_at=min(wanted.to_at, now)), by)
    trail = await trail_of(keyring, wanted.subject_ref)
    row = AuditExport(
        new_id("ax"), by.agency_id, wanted.agency_id, wanted.subject_ref, wanted.officer_id, wanted.type, wanted.outcome, wanted.from_at,
        wanted.to_at, wanted.assignment, by.id, now, "open", "", None,
    )  # fmt: skip
    first, end = await _bounds(database, row, trail)
    fits = Refused("period_too_large") if end - first > MOST else ALLOWED
    at = await Look(keyring, by, "ask_export", wanted, trail, limits, now).recorded(
        appender,
        also=fits,
        put=lambda facts, now: facts.put(AUDIT_EXPORTS, replace(row, requested_at=now)),
        needs=[Need(AUDIT_EXPORTS, row.id)],
        export=row.id,
    )
    return replace(row, requested_at=at)


async def decide(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    export_id: str,
    approve: bool,
    by: Officer,
    limits: Limits,
    now: datetime,
) -> AuditExport:
    """Approved by another person than asked; rejected by anybody who may look at it. Raises ``AccessRefused``."""
    state = "approved" if approve else "rejected"

    def judge(facts: Facts, row: AuditExport, now: datetime) -> Verdict:
        asker = facts.get(OFFICERS, row.requested_by)
        standing = judge_asker(asker.role if asker and asker.active else "") if approve else ALLOWED
        return first_refusal(judge_decision(row, by.id, now, approve=approve), standing)

    def apply(facts: Facts, row: AuditExport, now: datetime) -> None:
        facts.put(AUDIT_EXPORTS, replace(row, state=state, decided_by=by.id, decided_at=now))

    act = "approve_export" if approve else "reject_export"
    found, _trail = await _settled(database, keyring, appender, export_id, act, by, limits, now, judge, apply)
    return replace(found, state=state, decided_by=by.id, decided_at=now)


async def list_exports(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer
) -> list[AuditExport]:
    """The newest about the own agency's acts, or all. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, AUDIT, kind="audit", act="list_exports")
    async with database.reading() as reading:
        return await newest_audit_exports(reading, None if by.role in WHOLE_SITE else by.agency_id, SHOWN)


async def take(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    publisher: Publisher,
    *,
    export_id: str,
    by: Officer,
    limits: Limits,
    now: datetime,
) -> Taken:
    """On record before the first byte. Raises ``AccessRefused``."""

    def judge(_facts: Facts, row: AuditExport, now: datetime) -> Verdict:
        return judge_taking(row, by.id, now)

    row, trail = await _settled(database, keyring, appender, export_id, "export", by, limits, now, judge)
    async with database.reading() as reading:
        size = (await log_end(reading)).size
    await publisher.sign_head()
    first, end = await _bounds(database, row, trail)
    async with database.reading() as reading:
        signed = await covering(reading, size - 1)
    if signed is None:  # a start that has no keys yet
        raise AccessRefused("export_closed")
    return Taken(row, trail, signed, first, end, by.role in WHOLE_SITE, by.agency_id)


async def as_zip(
    database: Database, keyring: Keyring, taken: Taken, *, keys: Keys, site: str, at: datetime
) -> AsyncIterator[bytes]:
    """``at`` is the time on the site's clock that every file gets. No connection waits for a slow reader."""
    archive = Archive(at)
    for file in keys.files().items():
        yield archive.whole(*file)
    yield archive.whole("checkpoint", taken.signed.note.encode())
    lines = [csv_line(COLUMNS)]
    async for window in _windows(database, keyring, taken):
        for chosen in (window[n : n + ENTRIES_A_LOOK] for n in range(0, len(window), ENTRIES_A_LOOK)):
            async with database.reading() as reading:
                proofs = await proofs_of(
                    reading, [one for one, _ in chosen], taken.signed, opened=taken.opened
                )
            for (one, ref), proof in zip(chosen, proofs, strict=True):
                whose = "" if ref == SITE else keyring.pseudonym(taken.agency_id, ref)
                lines.append(_line(one.index, one.event, whose))
                yield archive.whole(f"entries/{one.index}.tlog-proof", proof.text().encode())
    yield archive.whole("index.csv", b"".join(lines))
    row = taken.row
    text = readme(
        "audit-opened" if taken.opened else "audit", site=site, count=len(lines) - 1, assignment=row.assignment, export=row.id,
        first=row.from_at.isoformat(), last=row.to_at.isoformat(), size=taken.signed.size,
    )  # fmt: skip
    yield archive.whole("README", text) + archive.ends()


Chosen = list[tuple[Evidence, str]]
"""Entries, each with whose trail it stands on."""


async def _windows(database: Database, keyring: Keyring, taken: Taken) -> AsyncIterator[Chosen]:
    wanted = _wanted(taken.row)
    if taken.trail is not None:
        behind = taken.first - 1
        while True:
            async with database.reading() as reading:
                found = await following(reading, taken.trail, behind, ENTRIES_A_LOOK, taken.end - 1)
            yield [(one, taken.trail.subject_ref) for one in found if wanted.meets(one.event)]
            if len(found) < ENTRIES_A_LOOK:
                return
            behind = found[-1].event["subject_seq"]
    async for window in Walk(database, keyring, taken.first, taken.end):
        yield [
            (Evidence(one.index, "", one.salt, one.body), one.subject_ref)
            for one in window.entries
            if wanted.from_at <= one.at < wanted.to_at and wanted.meets(one.event)
        ]


async def _bounds(database: Database, row: AuditExport, trail: Trail | None) -> tuple[int, int]:
    """Of one citizen by their numbers, else by the log's indexes."""
    async with database.reading() as reading:
        if trail is not None:
            numbers = await numbered_between(reading, trail, row.from_at, row.to_at)
            return (numbers[0], numbers[1] + 1) if numbers else (1, 1)
        return await bounds(reading, row.from_at, row.to_at, (await log_end(reading)).size)


async def _settled(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    export_id: str,
    act: str,
    by: Officer,
    limits: Limits,
    now: datetime,
    judge: Callable[[Facts, AuditExport, datetime], Verdict],
    apply: Callable[[Facts, AuditExport, datetime], None] = lambda _facts, _row, _now: None,
) -> tuple[AuditExport, Trail | None]:
    """One step of an export that was asked for. Not theirs and not there read the same outside."""
    async with database.reading() as reading:
        found = await audit_export_by_id(reading, export_id)
    trail = await trail_of(keyring, found.subject_ref) if found else None
    wanted = _wanted(found) if found else Wanted(now, now, "")
    look = Look(keyring, by, act, wanted, trail, limits, now)

    def judged(facts: Facts, now: datetime) -> Verdict:
        row, own = facts.get(AUDIT_EXPORTS, export_id), facts.get(OFFICERS, by.id)
        reach = judge_reach(row, own.role if own else "", by.agency_id)
        return first_refusal(
            may_audit(facts, by, now), reach, judge(facts, row, now) if row and reach.allowed else ALLOWED
        )

    def applied(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if (row := facts.get(AUDIT_EXPORTS, export_id)) is not None:
            apply(facts, row, now)

    asker = [Need(OFFICERS, found.requested_by)] if found else []
    settled = await appender.submit(
        Work(
            kind="audit",
            caller=by.actor,
            trail=keyring.site_trail(),
            load=[
                *caller_needs(by),
                *asker,
                Need(AUDIT_EXPORTS, export_id),
                *([Need(SUBJECT_TRAILS, trail.subject_ref)] if trail else []),
            ],
            judge=judged,
            apply=applied,
            events=lambda _facts, _now, _verdict: look.events(export=export_id),
        )
    )
    settled.verdict.enforce()
    if found is None:
        raise AccessRefused("export_unknown")
    return found, trail


def _wanted(row: AuditExport) -> Wanted:
    return Wanted(
        row.from_at, row.to_at, row.assignment, row.subject_ref, row.officer_id, row.of_agency, row.type, row.outcome
    )  # fmt: skip


def _line(index: int, event: Mapping[str, Any], whose: str) -> bytes:
    result = event["result"]
    types: Sequence[str] = (
        event.get("document_types") or event.get("granted") or [event.get("document_type") or ""]
    )
    told = [str(event.get(name) or "") for name in ("t", "type", "act")]
    who = [str(event.get(name) or "") for name in ("agency", "counter", "actor")]
    why = [str(event.get(name) or "") for name in ("service", "lawful_basis")]
    return csv_line(
        [str(index), *told, "yes" if result["allowed"] else "no", result.get("reason", ""), *who, whose, *why, " ".join(types),
         str(event.get("consent") or "")]
    )  # fmt: skip
