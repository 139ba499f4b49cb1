"""A law or a court wants a paper kept: until the order is lifted nothing of it is destroyed (UU 27/2022 art. 44(1)d, L26).

The data officer of the agency that answers for what is stored here places and lifts it; the citizen sees both on the own trail. The
order's number stands on every version that there is, so that an erasure finds it among the facts that it judges. One order at a time: a
second one that took the first one's place would be lifted with it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from auth.callers import Officer
from auth.grants import first_refusal
from auth.rights import judge_hold
from auth.roles import RESOLVE
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller, refusal
from storage.database import Database
from storage.documents import GONE, VERSIONS
from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work


async def mark(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    document_id: str,
    order: str,
    keeper: str,
    by: Officer,
) -> list[str]:
    """Places ``order`` (the letter's number, 3 to 80 characters), or lifts the one that is there when it is empty. The ids of the versions
    that are held, or free again. Raises ``AccessRefused`` after the refusal is on record.
    """
    act = "placed" if order else "lifted"
    trail = await _trail(database, keyring, document_id)
    if trail is None:
        await appender.submit(
            refusal(
                "hold",
                keyring.site_trail(),
                by,
                Refused("version_unknown"),
                caller_details(by, act=act, document=document_id),
            )
        )
        raise AccessRefused("version_unknown")
    marked: list[str] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        rows = [row for row in facts.group(VERSIONS, "document_id", document_id) if row.state not in GONE]
        return first_refusal(
            judged_caller(facts, by, now, RESOLVE),
            judge_hold({row.legal_hold for row in rows}, order, own=by.agency_id == keeper),
        )

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        marked.clear()
        for row in facts.group(VERSIONS, "document_id", document_id):
            if row.state not in GONE:
                facts.put(VERSIONS, replace(row, legal_hold=order))
                marked.append(row.id)

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details = caller_details(by, act=act, document=document_id, order=order or None)
        return [
            Event("hold", trail, by.actor, details | ({"versions": list(marked)} if verdict.allowed else {}))
        ]

    settled = await appender.submit(
        Work(
            kind="hold",
            caller=by.actor,
            trail=trail,
            load=[*caller_needs(by), Need(VERSIONS, document_id, "document_id")],
            judge=judge,
            apply=apply,
            events=events,
        )
    )
    settled.verdict.enforce()
    return marked


async def _trail(database: Database, keyring: Keyring, document_id: str) -> Trail | None:
    async with database.reading() as reading:
        rows = await VERSIONS.load(reading.raw, "document_id", [document_id])
    try:
        return await keyring.trail(rows[0].subject_ref) if rows else None
    except KeyMissing:
        return None
