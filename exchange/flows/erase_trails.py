"""The end of a trail (UU 27/2022 art. 16(2), 42 to 44; UU 43/2009; L04, L26, L52): papers gone, nothing open, no entry for the years that the
archive schedule keeps the record of who looked.

(1) who is due -> (2) one batch item: judged anew; both keys of the citizen destroyed, contacts emptied, the order and its entry on the site's
trail, which names the entries that go -> (3) the database deletes their bodies, only because it finds order and entry, and the row that
leads from a NIK to the reference goes with them. Killed between (2) and (3) nothing can be opened any more, and the next round goes on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from auth.grants import first_refusal
from auth.retention import judge_nothing_open, judge_trail_over, months_before
from auth.verdict import ALLOWED, Refused, Verdict
from storage.citizen_keys import CITIZEN_KEYS
from storage.consents import CONSENTS, REQUESTS
from storage.database import Database
from storage.documents import GONE, VERSIONS
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.tables import SUBJECT_TRAILS, TRAIL_ERASURES, TrailErasure
from storage.ledger.tombstones import members
from storage.ledger.work import Event, Trail, Work
from storage.rights import CASES, WITHDRAWALS
from storage.subjects import CONTACTS
from storage.trails import DueTrail, due_trails, erase_bodies, unfinished

BASIS = "UU 43/2009 Pasal 48; UU 27/2022 Pasal 44"
TRAILS_A_ROUND = 50
_OF_THE_CITIZEN = (VERSIONS, CONSENTS, REQUESTS, CASES, WITHDRAWALS, CONTACTS)


async def erase_due(
    database: Database, keyring: Keyring, appender: Appender, *, years: int, now: datetime
) -> int:
    """``now`` only chooses whom to look at; the batch's clock decides. Returns how many trails went."""
    async with database.reading() as reading:
        due = await due_trails(reading, months_before(now, 12 * years), limit=TRAILS_A_ROUND)
    for one in due:
        await _ordered(keyring, appender, one, years)
    async with database.reading() as reading:
        ordered = await unfinished(reading)
    for subject_ref in ordered:
        async with database.transaction() as transaction:
            await erase_bodies(transaction, subject_ref)
        keyring.forget(subject_ref)
    return len(ordered)


async def _ordered(keyring: Keyring, appender: Appender, due: DueTrail, years: int) -> None:
    try:
        trail = await keyring.trail(due.subject_ref)
    except KeyMissing:  # a trail that cannot be opened is not erased a second time
        return
    settled = await appender.submit(_work(keyring.site_trail(), trail, due, years))
    if settled.verdict.allowed:
        keyring.forget(due.subject_ref)


def _work(site_trail: Trail, trail: Trail, due: DueTrail, years: int) -> Work[Verdict]:
    ref, item_id = due.subject_ref, new_id("i")
    details = members(trail.pseudonym, due.indexes, basis=BASIS, years=years)

    def judge(facts: Facts, now: datetime) -> Verdict:
        seen = facts.get(SUBJECT_TRAILS, ref)
        same = seen is not None and seen.seq == len(due.indexes) and facts.get(CITIZEN_KEYS, ref) is not None
        return first_refusal(
            ALLOWED if facts.get(TRAIL_ERASURES, ref) is None else Refused("version_erased"),
            ALLOWED if same else Refused("paper_touched"),
            ALLOWED
            if all(version.state in GONE for version in facts.group(VERSIONS, "subject_ref", ref))
            else Refused("paper_in_use"),
            judge_nothing_open(
                facts.group(CONSENTS, "subject_ref", ref) + facts.group(CONSENTS, "decider_ref", ref),
                facts.group(REQUESTS, "subject_ref", ref),
                facts.group(CASES, "subject_ref", ref),
                facts.group(WITHDRAWALS, "subject_ref", ref),
                now,
            ),
            judge_trail_over(due.last_at, years, now),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        keys = facts.get(CITIZEN_KEYS, ref)
        if keys is not None:
            facts.put(CITIZEN_KEYS, replace(keys, document_key=None, trail_key=None))
        for row in facts.group(CONTACTS, "subject_ref", ref):
            facts.put(CONTACTS, replace(row, value=b"", value_index="", removed_at=row.removed_at or now))
        facts.put(TRAIL_ERASURES, TrailErasure(ref, item_id, BASIS, len(due.indexes), now))

    return Work(
        kind="erase",
        caller="",
        trail=site_trail,
        load=[
            *(Need(table, ref) for table in (TRAIL_ERASURES, SUBJECT_TRAILS, CITIZEN_KEYS)),
            *(Need(table, ref, "subject_ref") for table in _OF_THE_CITIZEN),
            Need(CONSENTS, ref, "decider_ref"),
        ],
        judge=judge,
        apply=apply,
        events=lambda _facts, _now, _verdict: [Event("erase", site_trail, "system", details)],
        id=item_id,
    )
