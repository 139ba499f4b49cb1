"""The appender: the one order of events (DESIGN section 2).

    take what waits (at most 512; what comes until the lock is held joins) -> lock the head
    -> read the clock and the facts, in later statements -> judge item by item, in order, on a working copy
    -> append entries and nodes -> commit -> answer

Each process runs one. The row lock on ``log_head`` puts the batches of all processes into one order, so an act
that was acknowledged is seen by every later one, single use is decided in the transaction that records it, and
one disk sync serves the whole batch. Nothing here signs: the publisher does, from the committed head.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from storage.database import Database
from storage.errors import (
    ClockWentBack,
    CommitUnknown,
    DatabaseUnavailable,
    JudgeFailed,
    LedgerHalted,
    LedgerUnavailable,
    OutcomeUnknown,
    WorkPoisoned,
)
from storage.ledger.facts import Facts, Head, Need
from storage.ledger.merkle import Edge
from storage.ledger.page import Page, committed_items, read_edges
from storage.ledger.receipt import Receipt
from storage.ledger.refusals import RefusalBudget
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.waiting import Line, Waiting, fail
from storage.ledger.work import Event, Noted, Settled, Trail, V, VerdictLike, Work, note

CLOCK_TOLERANCE = timedelta(seconds=5)
# 5 tries within about three seconds outlast a restart of PostgreSQL; then the callers get their 503.
RECONNECT_DELAYS_S = (0.0, 0.1, 0.3, 0.8, 1.6)
AGGREGATE_PERIOD_S = 5.0
PLACES_IN_THE_LOG = frozenset({"log_entry_pkey", "log_node_pkey", "audit_event_pkey"})
# The lock is a statement of its own: facts that the locking statement itself read could predate it.
_LOCK = "SELECT FROM log_head WHERE id = 1 FOR UPDATE"

_log = logging.getLogger("berkas.ledger")


class Appender:
    """``site_trail`` is where entries without a citizen go. ``on_commit`` nudges the publisher."""

    def __init__(
        self, database: Database, *, site_trail: Trail, on_commit: Callable[[], None] | None = None
    ) -> None:
        self._connection = database.serial_connection()
        self._site_trail = site_trail
        self._on_commit = on_commit
        self._line = Line()
        self._edge = Edge()
        self._halted: str | None = None
        self._stopping = False
        self._budget = RefusalBudget()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        loops = (self._supervise(), self._tell_aggregates(), self._line.answer_the_oldest())
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """Settle what waits, then close. A batch under way is never cancelled."""
        self._stopping = True
        self._line.wake()
        if self._tasks:
            worker, aggregates, late = self._tasks
            aggregates.cancel()
            await asyncio.shield(asyncio.gather(worker, aggregates, return_exceptions=True))
            late.cancel()
        await self._connection.close()

    @property
    def halted(self) -> str | None:
        """Why writing has stopped for good, or None."""
        return self._halted

    @property
    def waiting(self) -> int:
        return len(self._line)

    async def submit(self, work: Work[V]) -> Settled[V]:
        """Wait until ``work`` is judged and its entry is durable.

        Raises ``LedgerBusy`` (2,048 wait), ``LedgerUnavailable``, ``LedgerHalted``, ``TooManyRefusals``,
        ``JudgeFailed`` or ``WorkPoisoned``: nothing of the act took effect. Raises ``OutcomeUnknown`` when there was no
        answer in time: the act may stand.
        """
        return await self._entered(work, left=False)

    def leave(self, work: Work[Any]) -> None:
        """Hand in what nobody waits for (an outcome): it goes with the next batch, or alone after 5 ms. What keeps it from
        the record is logged.
        """
        try:
            self._entered(work, left=True).add_done_callback(_tell)
        except LedgerUnavailable as error:
            _log.warning("left work failed", extra={"kind": work.kind, "error": type(error).__name__})

    def _entered(self, work: Work[V], *, left: bool) -> asyncio.Future[Settled[V]]:
        if self._halted is not None:
            raise LedgerHalted(self._halted)
        if self._stopping:
            raise LedgerUnavailable("stopping")
        self._budget.check(work.caller)
        return self._line.enter(work, left=left)

    async def _supervise(self) -> None:
        while not (self._stopping and not self._line):
            batch = self._line.take()
            if not batch:
                if not self._stopping:
                    await self._line.awake()
                continue
            try:
                await self._settle(batch, join=True)
            except Exception as error:  # noqa: BLE001 - the supervisor answers 503 and goes on
                _log.exception("appender restarted", extra={"error": type(error).__name__})
                fail(batch, OutcomeUnknown("restarted"))

    async def _settle(self, batch: list[Waiting], *, join: bool = False) -> None:
        """Commit the batch and answer; look before doing anything twice. Who comes while it waits for the lock may ``join``."""
        held: dict[str, Settled[Any] | JudgeFailed] = {}
        if self._halted is not None:
            fail(batch, LedgerHalted(self._halted))
            return
        failure: Exception = LedgerUnavailable("database")
        unknown = False
        for delay_s in RECONNECT_DELAYS_S:
            if delay_s:
                await asyncio.sleep(delay_s)
                batch = [waiting for waiting in batch if not waiting.answer.done()]
            try:
                await self._attempt(batch, held, look_up=unknown, join=join)
            except CommitUnknown:
                unknown = True
                failure = OutcomeUnknown("the connection was lost during COMMIT")
            except DatabaseUnavailable:
                continue
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, UnicodeError):
                await self._bisect(batch)
                return
            except (LedgerHalted, ClockWentBack) as error:
                failure = OutcomeUnknown(str(error)) if unknown else error
                break
            else:
                self._answer(batch, held)
                return
        fail(batch, failure)

    async def _attempt(
        self,
        batch: list[Waiting],
        held: dict[str, Settled[Any] | JudgeFailed],
        *,
        look_up: bool,
        join: bool,
    ) -> None:
        async with self._connection.transaction(lock=_LOCK) as connection:
            if join:
                self._line.join(batch)
            committed = await committed_items(connection, [w.work.id for w in batch]) if look_up else set()
            works = [waiting.work for waiting in batch if waiting.work.id not in committed]
            needs = [need for work in works for need in work.load]
            needs += [Need(SUBJECT_TRAILS, work.trail.subject_ref) for work in works]
            facts, head = await Facts.read(connection, needs)
            if head.now < head.at - CLOCK_TOLERANCE:
                raise ClockWentBack("the database clock is behind the ledger")
            page = Page(await self._edge_at(connection, head), facts, head.now)
            for work in works:
                held[work.id] = _judged(work, facts, page, head.now)
            if works:
                await self._write(page, connection)
        self._edge = page.edge
        if self._on_commit is not None:
            self._on_commit()

    async def _write(self, page: Page, connection: asyncpg.Connection) -> None:
        """Raises ``LedgerHalted`` when an entry stands already where the head says that there is none."""
        try:
            await page.write(connection)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name in PLACES_IN_THE_LOG:
                self._halt("entries exist behind the head")
            raise

    async def _edge_at(self, connection: asyncpg.Connection, head: Head) -> Edge:
        """A copy of the right edge at the locked head: our own when size and root agree, else read again.

        Raises ``LedgerHalted`` when the head is behind one already seen, does not follow from it, or does not match its
        own nodes: then history was changed under us and nothing more may be written on it.
        """
        size, root, seen = head.size, head.root, self._edge
        if size < seen.size:
            self._halt(f"the head went back from {seen.size} to {size} entries")
        if size == seen.size and root == seen.root():
            return seen.copy()
        then, now = await read_edges(connection, seen.size, size)
        if then is None or then.root() != seen.root():
            self._halt(f"the first {seen.size} entries are not those that were seen before")
        if now is None or now.root() != root:
            self._halt(f"the tree of {size} entries does not have the root that its head states")
        return now  # type: ignore[return-value]  # _halt raises

    def _halt(self, reason: str) -> None:
        self._halted = reason
        _log.critical("ledger halted", extra={"reason": reason})
        raise LedgerHalted(reason)

    async def _bisect(self, batch: list[Waiting]) -> None:
        """Find the item that the database cannot take; the good ones go through."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])
            return
        poisoned = batch[0]
        _log.error("poisoned item", extra={"kind": poisoned.work.kind})
        self._budget.note(poisoned.work.caller)
        if poisoned.work.kind != "poison":
            told = note("poison", self._site_trail, "unstorable", {"of": poisoned.work.kind})
            noted = Waiting(told, asyncio.get_running_loop().create_future(), poisoned.since_s, left=True)
            await self._settle([noted])
            noted.answer.exception()  # nobody else looks at it
        fail(batch, WorkPoisoned(poisoned.work.kind))

    def _answer(self, batch: list[Waiting], held: dict[str, Settled[Any] | JudgeFailed]) -> None:
        for waiting in batch:
            outcome = held[waiting.work.id]
            if isinstance(outcome, JudgeFailed) or not outcome.verdict.allowed:
                self._budget.note(waiting.work.caller)
        self._line.answer((waiting, held[waiting.work.id]) for waiting in batch)

    async def _tell_aggregates(self) -> None:
        while True:
            await asyncio.sleep(AGGREGATE_PERIOD_S)
            for caller, count in self._budget.owed():
                details = {"caller": caller, "count": count}
                try:
                    await self.submit(note("refusals", self._site_trail, "too_many_refusals", details))
                except LedgerUnavailable:
                    self._budget.owe(caller, count)


def _judged(work: Work[Any], facts: Facts, page: Page, now: datetime) -> Settled[Any] | JudgeFailed:
    mark = facts.mark()
    try:
        verdict: VerdictLike = work.judge(facts, now)
        (work.apply if verdict.allowed else work.apply_refused)(facts, now, verdict)
        index, leaf = page.add(work.id, work.events(facts, now, verdict), verdict)
    except Exception as error:  # noqa: BLE001 - an exception of a judge refuses its item, not its neighbours
        _log.exception("judge failed", extra={"kind": work.kind, "error": type(error).__name__})
        facts.undo(mark)
        page.add(work.id, [Event(work.kind, work.trail, work.caller)], Noted("judge_failed"))
        return JudgeFailed(work.kind)
    document_id, version = work.released or (None, None)
    return Settled(verdict, Receipt(index, leaf, verdict.allowed, now, document_id, version))


def _tell(answer: asyncio.Future[Settled[Any]]) -> None:
    if not answer.cancelled() and (error := answer.exception()) is not None:
        _log.warning("left work failed", extra={"error": type(error).__name__})
