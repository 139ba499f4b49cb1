"""The rules of DESIGN section 2, each a named test. Each was seen failing against the obvious wrong version; the
wrong version is named in the docstring."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from storage.database import Database
from storage.errors import (
    JudgeFailed,
    LedgerBusy,
    LedgerUnavailable,
    TooManyRefusals,
    WorkPoisoned,
)
from storage.ledger.entry import ENTRY_PREFIX
from storage.ledger.facts import Facts
from storage.ledger.history import events_of
from storage.ledger.merkle import Edge, leaf_hash
from storage.ledger.refusals import RefusalBudget
from storage.ledger.waiting import MAX_WAITING_ITEMS
from storage.ledger.work import Settled, note
from tests.storage.cutting_proxy import CuttingProxy
from tests.storage.ledger_world import (
    TRAIL,
    YES,
    Ledger,
    allowed,
    fetch,
    grant,
    noted,
    raising,
    unstorable,
    withdraw,
)


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    ledger = await Ledger.opened(database)
    yield ledger
    await ledger.appender.stop()


async def test_duplicates_in_one_batch(ledger: Ledger) -> None:
    """Wrong version: all facts read before judging; then fifty copies of one ticket were all allowed."""
    results = await ledger.in_one_batch(grant(), *(fetch("t_1") for _ in range(50)))
    assert allowed(results) == [True, True] + [False] * 49
    assert await ledger.size() == 51


async def test_withdraw_then_fetch_in_one_batch(ledger: Ledger) -> None:
    """Wrong version: the fetch judged on the facts as the batch found them."""
    results = await ledger.in_one_batch(grant(), fetch("t_1"), withdraw(), fetch("t_2"))
    assert allowed(results) == [True, True, True, False]


async def test_grant_and_grant_in_one_batch(ledger: Ledger) -> None:
    """A28, I5. Wrong version: INSERT .. ON CONFLICT decides after both were answered."""
    assert allowed(await ledger.in_one_batch(grant(), grant())) == [True, False]


async def test_only_an_allowed_item_consumes(ledger: Ledger) -> None:
    """Wrong version: the use is written whatever the verdict; a refused try burns the ticket."""
    first = await ledger.in_one_batch(fetch("t_1"), grant(), fetch("t_1"))
    assert allowed(first) == [False, True, True]


async def test_a_refusal_is_on_record(ledger: Ledger) -> None:
    """Wrong version: raising inside the transaction erases the entry with the act."""
    results = await ledger.in_one_batch(fetch("t_1"))
    assert allowed(results) == [False]
    assert await ledger.size() == 1


async def test_a_cancelled_caller_is_skipped_or_settled(ledger: Ledger) -> None:
    """One that went away before its batch leaves nothing; the neighbours are not harmed."""
    gone = asyncio.create_task(ledger.appender.submit(grant()))
    await asyncio.sleep(0)
    gone.cancel()
    staying = asyncio.create_task(ledger.appender.submit(noted()))
    await asyncio.sleep(0)
    await ledger.appender.start()
    assert (await staying).verdict is YES
    assert await ledger.size() == 1


async def test_a_batch_under_way_is_never_cancelled(ledger: Ledger, database_url: str) -> None:
    """Wrong version: the caller's cancellation reaches COMMIT. The head is locked elsewhere while we go away."""
    blocker = await asyncpg.connect(database_url)
    await ledger.appender.start()
    async with blocker.transaction():
        await blocker.fetchrow("SELECT * FROM log_head WHERE id = 1 FOR UPDATE")
        task = asyncio.create_task(ledger.appender.submit(grant()))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await blocker.close()
    await ledger.appender.stop()
    assert await ledger.size() == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_connection_killed_around_commit(moment: str, database: Database, database_url: str) -> None:
    """F24. ``before``: nothing was kept, it is judged again. ``after``: the commit stands and is found by item id.
    Wrong version: a retry without looking writes two entries and refuses the second as a replay."""
    async with CuttingProxy(database_url) as proxy:
        behind = Database(proxy.url)
        ledger = await Ledger.opened(behind, reader=database)
        await ledger.appender.start()
        await ledger.appender.submit(grant())
        proxy.cut = moment
        results = await asyncio.gather(*(ledger.appender.submit(fetch(f"t_{n}")) for n in range(5)))
        assert proxy.cuts == 1
        assert all(result.verdict.allowed for result in results)
        assert len({result.receipt.index for result in results}) == 5
        assert await ledger.size() == 6
        items = await ledger.types()
        assert len(items) == len(set(items)) == 6
        await ledger.appender.submit(noted())  # the edge was read again and the tree goes on
        await ledger.appender.stop()
        await behind.close()


async def test_a_failed_batch_while_another_process_commits(database: Database, database_url: str) -> None:
    """Wrong version: the edge is kept although its batch failed; the next root is over entries that do not exist."""
    async with CuttingProxy(database_url) as proxy:
        behind = Database(proxy.url)
        one, two = await Ledger.opened(behind, reader=database), Ledger(database)
        await one.appender.start()
        await two.appender.start()
        await one.appender.submit(noted())
        proxy.cut = "before"
        failing = asyncio.create_task(one.appender.submit(noted({"n": 1})))
        await two.appender.submit(noted({"n": 2}))
        await failing
        for ledger in (one, two, one):
            await ledger.appender.submit(noted())
        assert await one.size() == 6
        await _verify(database)
        await one.appender.stop()
        await two.appender.stop()
        await behind.close()


async def test_a_poison_item_among_good_ones(ledger: Ledger) -> None:
    """Wrong version: one bad item fails the whole batch, or is tried for ever."""
    works = [grant(), raising(), fetch("t_1"), unstorable(), fetch("t_2")]
    results = await ledger.in_one_batch(*works)
    assert [type(result) for result in results] == [Settled, JudgeFailed, Settled, WorkPoisoned, Settled]
    assert allowed(results) == [True, False, True, False, True]
    assert await ledger.size() == 5  # the poison is on record too, as a refusal
    await _verify(ledger.database)


async def test_two_processes_write_one_line(database: Database) -> None:
    """A56, F30: no gap, no fork, one use of one ticket."""
    ledgers = [await Ledger.opened(database), Ledger(database), Ledger(database)]
    for ledger in ledgers:
        await ledger.appender.start()
    await ledgers[0].appender.submit(grant())
    works = [ledgers[n % 3].appender.submit(fetch(f"t_{n % 20}", caller=f"officer:{n}")) for n in range(300)]
    results = await asyncio.gather(*works)
    assert sum(result.verdict.allowed for result in results) == 20
    assert sorted(result.receipt.index for result in results) == list(range(1, 301))
    for ledger in ledgers:
        await ledger.appender.stop()
    await _verify(database)


async def test_a_withdrawal_is_seen_by_every_later_fetch_on_every_replica(database: Database) -> None:
    """A36, I4: the fetch begins after the withdrawal was acknowledged, on another replica."""
    ledgers = [await Ledger.opened(database), Ledger(database)]
    for ledger in ledgers:
        await ledger.appender.start()
    for n in range(20):
        consent = f"C{n}@6472"
        await ledgers[0].appender.submit(grant(consent))
        race = [
            ledgers[i % 2].appender.submit(fetch(f"t_{n}_{i}", consent, f"officer:{n}")) for i in range(6)
        ]
        racing = asyncio.gather(*race)
        assert (await ledgers[0].appender.submit(withdraw(consent))).verdict.allowed
        late = await ledgers[1].appender.submit(fetch(f"late_{n}", consent, f"officer:{n}"))
        assert not late.verdict.allowed
        await racing
    for ledger in ledgers:
        await ledger.appender.stop()


async def test_2048_waiting(ledger: Ledger) -> None:
    """Back-pressure: the 2,049th is told to come back; nobody waits without end."""
    tasks = [asyncio.create_task(ledger.appender.submit(noted())) for _ in range(MAX_WAITING_ITEMS)]
    await asyncio.sleep(0)
    with pytest.raises(LedgerBusy):
        await ledger.appender.submit(noted())
    await ledger.appender.start()
    await asyncio.gather(*tasks)
    assert await ledger.size() == MAX_WAITING_ITEMS
    await _verify(ledger.database)


async def test_an_idle_appender_commits_at_once(ledger: Ledger) -> None:
    """Wrong version: waiting a fixed time for company. Measured against a wait of 100 ms, the median of ten."""
    await ledger.appender.start()
    await ledger.appender.submit(noted())
    times_s = []
    for _ in range(10):
        began_s = time.perf_counter()
        await ledger.appender.submit(noted())
        times_s.append(time.perf_counter() - began_s)
    assert sorted(times_s)[5] < 0.1


async def test_what_cannot_be_refused_is_never_turned_away(ledger: Ledger) -> None:
    """An officer who was refused sixty times can still record how a delivery ended. Wrong version: outcomes are counted
    with the rest, and a document that was delivered may be fetched again."""
    ledger.appender._budget = RefusalBudget(lambda: 30.0)
    await ledger.appender.start()
    for n in range(60):
        await ledger.appender.submit(fetch(f"t_{n}", caller="officer:9"))
    with pytest.raises(TooManyRefusals):
        await ledger.appender.submit(fetch("t_x", caller="officer:9"))
    outcome = replace(noted(), caller="")
    assert (await ledger.appender.submit(outcome)).verdict.allowed


async def test_the_ledgers_own_notes_have_no_budget(ledger: Ledger) -> None:
    """Notes are refusals of nobody. Wrong version: they are counted like a caller's, and after sixty nobody is told any more,
    nor can an outcome be recorded."""
    ledger.appender._budget = RefusalBudget(lambda: 30.0)
    await ledger.appender.start()
    for number in range(61):
        await ledger.appender.submit(note("refusals", TRAIL, "too_many_refusals", {"count": number}))
    assert (await ledger.appender.submit(replace(noted(), caller=""))).verdict.allowed
    assert await ledger.size() == 62


async def test_one_aggregate_entry_tells_how_many_were_turned_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the log sees who was turned away and how often; the next minute begins anew."""
    monkeypatch.setattr("storage.ledger.log.AGGREGATE_PERIOD_S", 0.05)
    ledger = await Ledger.opened(database)
    now_s = [30.0]
    ledger.appender._budget = RefusalBudget(lambda: now_s[0])
    await ledger.appender.start()
    for n in range(60):
        await ledger.appender.submit(fetch(f"t_{n}", caller="officer:4"))
    for _ in range(7):
        with pytest.raises(TooManyRefusals):
            await ledger.appender.submit(fetch("t_x", caller="officer:4"))
    now_s[0] = 90.0
    for _ in range(100):
        await asyncio.sleep(0.05)
        if await ledger.size() == 61:
            break
    async with database.reading() as reading:
        rows = await events_of(reading, TRAIL, limit=1, before=None)
    assert rows[0][1]["type"] == "refusals"
    assert (rows[0][1]["caller"], rows[0][1]["count"]) == ("officer:4", 7)
    assert (await ledger.appender.submit(fetch("t_y", caller="officer:4"))).verdict.allowed is False
    await ledger.appender.stop()


async def test_each_citizen_counts_densely_also_within_a_batch(ledger: Ledger) -> None:
    """``subject_seq`` without a gap or a double: a hidden middle entry would show."""
    await ledger.in_one_batch(grant(), *(fetch("t_1") for _ in range(20)), withdraw())
    async with ledger.database.reading() as reading:
        rows = await reading.raw.fetch("SELECT subject_seq FROM audit_event ORDER BY idx")
    assert [row["subject_seq"] for row in rows] == list(range(1, 23))


async def test_a_supervisor_answers_and_starts_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong version: the loop dies with its first surprise and every later caller waits for ever."""
    await ledger.appender.start()

    async def surprise(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(ledger.appender, "_attempt", surprise)
        with pytest.raises(LedgerUnavailable):
            await ledger.appender.submit(noted())
    assert (await ledger.appender.submit(noted())).verdict.allowed


async def test_sixty_refusals_a_minute(ledger: Ledger) -> None:
    """The 61st is turned away before the queue; another caller is not; one aggregate entry is owed."""
    ledger.appender._budget = RefusalBudget(lambda: 30.0)  # the minute shall not end in mid-test
    await ledger.appender.start()
    for n in range(60):
        assert not (await ledger.appender.submit(fetch(f"t_{n}", caller="officer:2"))).verdict.allowed
    for _ in range(5):
        with pytest.raises(TooManyRefusals) as turned_away:
            await ledger.appender.submit(fetch("t_x", caller="officer:2"))
        assert 0 < turned_away.value.retry_after_s <= 60
    assert not (await ledger.appender.submit(fetch("t_1", caller="officer:3"))).verdict.allowed
    assert await ledger.size() == 61


async def test_a_database_that_stays_away_is_a_503_and_comes_back(
    database: Database, database_url: str
) -> None:
    """I9, I10: the callers get a definite answer; the appender goes on when the server is there again."""
    async with CuttingProxy(database_url) as proxy:
        behind = Database(proxy.url)
        ledger = await Ledger.opened(behind, reader=database)
        assert proxy._server is not None
        port = proxy._server.sockets[0].getsockname()[1]
        proxy._server.close()
        await ledger.appender.start()
        with pytest.raises(LedgerUnavailable):
            await ledger.appender.submit(noted())
        proxy._server = await asyncio.start_server(proxy._serve, "127.0.0.1", port)
        assert (await ledger.appender.submit(noted())).verdict.allowed
        await ledger.appender.stop()
        await behind.close()


async def test_a_judge_sees_only_what_was_declared(ledger: Ledger) -> None:
    """Asking for an undeclared row is a bug and refuses the item; it is never read as "not there"."""
    work = fetch("t_1")
    hidden = type(work)(**{name: getattr(work, name) for name in work.__slots__} | {"load": ()})
    results = await ledger.in_one_batch(hidden)
    assert isinstance(results[0], JudgeFailed)


def test_undo_forgets_only_the_failed_item() -> None:
    from storage.limits import BUDGETS, HourlyBudget

    facts = Facts()
    facts.put(BUDGETS, HourlyBudget("a", 1))
    mark = facts.mark()
    facts.put(BUDGETS, HourlyBudget("a", 2))
    facts.put(BUDGETS, HourlyBudget("b", 1))
    facts.undo(mark)
    assert facts.get(BUDGETS, "a") == HourlyBudget("a", 1)
    with pytest.raises(LookupError):
        facts.get(BUDGETS, "b")


async def _execute(url: str, statement: str, *arguments: object) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement, *arguments)
    await connection.close()


async def _verify(database: Database) -> None:
    """Every stored entry, node and the head agree (I6)."""
    async with database.transaction() as transaction:
        head = await transaction.raw.fetchrow("SELECT size, root FROM log_head")
        entries = await transaction.raw.fetch("SELECT idx, entry FROM log_entry ORDER BY idx")
        nodes = {
            (r["level"], r["idx"]): r["hash"] for r in await transaction.raw.fetch("SELECT * FROM log_node")
        }
    edge = Edge()
    computed: dict[tuple[int, int], bytes] = {}
    for expected, row in enumerate(entries):
        assert row["idx"] == expected
        assert row["entry"][:1] == ENTRY_PREFIX
        computed |= {(level, index): value for level, index, value in edge.append(leaf_hash(row["entry"]))}
    assert (edge.size, edge.root()) == (head["size"], head["root"])
    assert nodes == computed
