"""Papers whose time is over are destroyed, by two persons and with minutes (UU 43/2009; UU 27/2022 art. 44, L26, L52).

Another person than proposed the list approves: that is an entry, and then each paper is one batch item, judged anew in it
(``exchange.destroying``). Who is interrupted approves again: what was destroyed is not destroyed twice, the rest goes on. The minutes are
made from the rows, for good: what was destroyed, what was left out and why.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from auth.callers import Officer
from auth.grants import first_refusal
from auth.retention import judge_keeper, judge_open, judge_unfinished
from auth.roles import DESTROY, judge_second_person
from auth.verdict import ALLOWED, AccessRefused, Verdict
from exchange.acts import administer
from exchange.destroying import Destroying, Notice
from exchange.destructions import Told, demand, read, told
from exchange.retention import Terms, uses_of
from storage.database import Database
from storage.destructions import DESTRUCTION_PAPERS, DESTRUCTIONS, DestructionPaper, destruction_with_papers
from storage.errors import JudgeFailed, WorkPoisoned
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work


async def approve(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    destruction_id: str,
    terms: Terms,
    keeper: str,
    notice: Notice,
    backups: timedelta,
    by: Officer,
    now: datetime,
) -> Told:
    """By another person than proposed it. Approved again it goes on where it stopped. Raises ``AccessRefused``, and storage errors after
    which it can be approved again.
    """
    await _decide(keyring, appender, destruction_id, keeper, by, approve=True)
    async with database.reading() as reading:
        _, papers = await destruction_with_papers(reading, destruction_id)
    waiting = [paper for paper in papers if paper.state == "proposed"]
    uses = await uses_of(database, [paper.document_id for paper in waiting], now)
    for paper in waiting:
        months = max(paper.months, terms.of(paper.type, paper.reason) if paper.type in terms.months else 0)
        destroying = Destroying(database, keyring, appender, paper, months, uses, notice, backups, by, now)
        with contextlib.suppress(
            JudgeFailed, WorkPoisoned
        ):  # logged where it failed; the others do not wait for it
            await destroying.run()
    await _finish(keyring, appender, destruction_id, papers, backups)
    return await read(database, destruction_id)


async def reject(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    destruction_id: str,
    keeper: str,
    by: Officer,
) -> Told:
    """Before it was approved; whoever may approve, and whoever proposed it. Raises ``AccessRefused``."""
    await _decide(keyring, appender, destruction_id, keeper, by, approve=False)
    return await read(database, destruction_id)


async def look(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    destruction_id: str,
    keeper: str,
    by: Officer,
) -> Told:
    """Raises ``AccessRefused``."""
    async with database.reading() as reading:
        row, papers = await destruction_with_papers(reading, destruction_id)
    act = "look_at_destruction"
    await demand(
        keyring, appender, by, DESTROY, keeper, act, known=row is not None, destruction=destruction_id
    )
    if row is None:
        raise AccessRefused("destruction_unknown")
    return await told(database, row, papers)


async def _decide(
    keyring: Keyring, appender: Appender, destruction_id: str, keeper: str, by: Officer, *, approve: bool
) -> None:
    def judge(facts: Facts, _now: datetime) -> Verdict:
        destruction = facts.get(DESTRUCTIONS, destruction_id)
        return first_refusal(
            judge_keeper(by.agency_id, keeper),
            judge_unfinished(destruction) if approve else judge_open(destruction),
            judge_second_person(destruction.proposed_by, by.id) if destruction and approve else ALLOWED,
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        destruction = facts.get(DESTRUCTIONS, destruction_id)
        if destruction is not None and destruction.state == "open":
            state = "approved" if approve else "rejected"
            facts.put(DESTRUCTIONS, replace(destruction, state=state, decided_by=by.id, decided_at=now))

    act = "approve_destruction" if approve else "reject_destruction"
    details = {"act": act, "destruction": destruction_id}
    needs = [Need(DESTRUCTIONS, destruction_id)]
    await administer(keyring, appender, "erase", details, needs, judge, apply, by=by, right=DESTROY)


async def _finish(
    keyring: Keyring,
    appender: Appender,
    destruction_id: str,
    papers: Collection[DestructionPaper],
    backups: timedelta,
) -> None:
    """Done when no paper waits any more; what waits is for whoever approves again."""
    trail = keyring.site_trail()
    counted: Counter[str] = Counter()

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        rows = [row for paper in papers if (row := facts.get(DESTRUCTION_PAPERS, paper.id))]
        counted.clear()
        counted.update(row.state for row in rows)
        destruction = facts.get(DESTRUCTIONS, destruction_id)
        if destruction is None or destruction.state != "approved" or "proposed" in counted:
            return
        last = max((row.at for row in rows if row.at and row.state == "destroyed"), default=None)
        effective_at = last + backups if last else None
        facts.put(
            DESTRUCTIONS, replace(destruction, state="done", finished_at=now, effective_at=effective_at)
        )

    await appender.submit(
        Work(
            kind="erase",
            caller="",
            trail=trail,
            load=[Need(DESTRUCTIONS, destruction_id), *(Need(DESTRUCTION_PAPERS, row.id) for row in papers)],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event(
                    "erase",
                    trail,
                    "system",
                    {"act": "destruction_ended", "destruction": destruction_id, "papers": dict(counted)},
                )
            ],
        )
    )
