"""Whoever answers for an agency is reminded when a citizen's clock has a day left, and told when it is over (UU 27/2022 art. 40)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from auth.rights import reminders_due
from auth.roles import OVERSEE, RESOLVE, WHOLE_SITE, judge_right
from auth.verdict import ALLOWED, Verdict
from storage.agencies import Officer as Row
from storage.agencies import all_officers, officers_of
from storage.database import Database, Reading
from storage.keyring import SITE, Keyring
from storage.ledger.facts import Facts, FactTable, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import MESSAGES, Address, Message, new_message
from storage.rights import (
    CASES,
    WITHDRAWALS,
    RightsCase,
    Withdrawal,
    cases_to_remind_of,
    withdrawals_to_remind_of,
)

REMINDED_A_ROUND = 50

Owed = Withdrawal | RightsCase
Words = Callable[[str, str, datetime, bool], str]
"""Makes the message from the agency's id, the number of the withdrawal or case, its deadline, and whether that is over."""


async def remind(
    database: Database, keyring: Keyring, appender: Appender, *, words: Words, now: datetime
) -> int:
    """One batch item for each clock: the messages, and that they were written. Returns how many clocks there were."""
    async with database.reading() as reading:
        rows: list[Owed] = [
            *await withdrawals_to_remind_of(reading, REMINDED_A_ROUND),
            *await cases_to_remind_of(reading, REMINDED_A_ROUND),
        ]
        people = {agency: await _answerable(reading, agency) for agency in {row.agency_id for row in rows}}
    for row in rows:
        text = words(row.agency_id, row.id, row.deadline, reminders_due(row.deadline, now) > 1)
        notices = [await _message(keyring, person, text, now) for person in people[row.agency_id]]
        await _remind(keyring, appender, row, notices)
    return len(rows)


async def _answerable(reading: Reading, agency_id: str) -> list[Row]:
    """The agency's data officers; who oversees the whole site where it has none that can be reached."""
    own = await officers_of(reading, agency_id)
    found = [row for row in own if _reachable(row) and judge_right(row.role, RESOLVE).allowed]
    if found:
        return found
    over = [row for row in await all_officers(reading) if _reachable(row) and row.role in WHOLE_SITE]
    return [row for row in over if judge_right(row.role, OVERSEE).allowed]


def _reachable(row: Row) -> bool:
    return row.active and bool(row.email)


async def _message(keyring: Keyring, row: Row, text: str, now: datetime) -> Message:
    address = (await keyring.unseal(SITE, f"officer-email/{row.id}", row.email)).decode()
    return new_message(keyring.site_trail(), Address("email", address), "notice", text, now)


async def _remind(keyring: Keyring, appender: Appender, row: Owed, notices: Sequence[Message]) -> None:
    trail = keyring.site_trail()
    told = [0]

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        told[0] = 0
        if isinstance(row, Withdrawal):
            current = facts.get(WITHDRAWALS, row.id)
            due = reminders_due(row.deadline, now) if current and not current.answer else 0
            if current is None or due <= current.reminded:
                return  # it was answered meanwhile, or another replica was first
            facts.put(WITHDRAWALS, replace(current, reminded=due))
        else:
            case = facts.get(CASES, row.id)
            due = reminders_due(row.deadline, now) if case and case.state == "open" else 0
            if case is None or due <= case.reminded:
                return
            facts.put(CASES, replace(case, reminded=due))
        told[0] = len(notices)
        for message in notices:
            facts.put(MESSAGES, message)

    table: FactTable[Withdrawal] | FactTable[RightsCase] = (
        WITHDRAWALS if isinstance(row, Withdrawal) else CASES
    )
    details = {"act": "remind_data_officer", "agency": row.agency_id, "about": row.id}
    await appender.submit(
        Work(
            kind="officer",
            caller="",
            trail=trail,
            load=[Need(table, row.id), *(Need(MESSAGES, message.id) for message in notices)],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event("officer", trail, "system", {**details, "messages": told[0]})
            ],
        )
    )
