"""``bench ledger``: durable entries a second at a number of waiting callers.

A real appender in this process, and the real release of a fetch: officer, consent, items, version and use are read
after the lock and judged, the use is consumed, the entry sealed, one commit a batch. No HTTP, no object. ``ratio`` compares with a bare
table in the same run: what waits is inserted by one statement with ``unnest``, committed, answered, and nothing is judged or sealed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from auth.tokens import Ticket
from exchange.acts import caller_details
from exchange.answers import access_text, limits_of
from exchange.cli import memory
from exchange.cli.bench.figures import BenchError, Part, Scale, percentile_ms
from exchange.cli.bench.papers import unread
from exchange.cli.bench.people import Citizen, Counter, consenting, open_counter
from exchange.cli.bench.world import World
from exchange.deps import Parts, clock
from exchange.flows import issue_ticket
from exchange.releases import Release, release_work
from exchange.requirements.renditions import rendition_in
from exchange.wiring import at_work
from storage.ids import new_id
from storage.ledger.work import Trail, Work

CITIZENS = 64
BODY_BYTES = 560  # of an entry, sealed
DOCUMENT_BYTES = 1_000
WARM_UP_ENTRIES = 200

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Grant:
    """A genuine ticket with what its release needs; copies with fresh ids stand for further tickets."""

    citizen: Citizen
    ticket: Ticket
    place: Any  # storage.vault's Place: the command line does not import the vault
    trail: Trail


async def ledger(world: World, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "ledger"."""
    figures: Part = {}
    async with at_work(world.settings) as parts, _bare_table(world) as bare:
        counter, grants = await granted(parts, world, say)
        await settled(parts, works(counter, grants, WARM_UP_ENTRIES), 8)
        for callers, entries in scale.ledger_entries().items():
            say(f"{entries} entries at {callers} waiting callers ...")
            made = works(counter, grants, entries)
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            counts = await settled(parts, made, callers)
            seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            bare_per_s = await bare.run(entries, callers)
            figures[f"c{callers}"] = {
                "entries_per_s": round(entries / seconds, 1),
                "p50_ms": percentile_ms(counts, 0.5),
                "p99_ms": percentile_ms(counts, 0.99),
                "cpu_ms": round(cpu_s / entries * 1000, 4),
                "bare_per_s": round(bare_per_s, 1),
                "ratio": round(entries / seconds / bare_per_s, 3),
            }
    return {"ledger": figures}


async def granted(parts: Parts, world: World, say: Say) -> tuple[Counter, list[Grant]]:
    """Citizens with their consents, and this process as a serving one is."""
    say(f"making {CITIZENS} citizens with their consents ...")
    counter = await open_counter(parts)
    numbers = itertools.islice(world.numbers, CITIZENS)
    citizens = await consenting(parts, counter, numbers, unread(DOCUMENT_BYTES))
    grants = [await _grant(parts, counter, citizen) for citizen in citizens]
    memory.settle()
    return counter, grants


class _Bare:
    """Group commit into one table, and nothing else."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def run(self, entries: int, callers: int) -> float:
        """Rows a second."""
        names = iter([new_id("b") for _ in range(entries)])
        writer = asyncio.create_task(self._write())
        began_s = time.perf_counter()
        await asyncio.gather(*(self._caller(names) for _ in range(callers)))
        seconds = time.perf_counter() - began_s
        writer.cancel()
        return entries / seconds

    async def _caller(self, names: Iterator[str]) -> None:
        for name in names:
            answer = asyncio.get_running_loop().create_future()
            self._waiting.append((name, answer))
            self._wake.set()
            await answer

    async def _write(self) -> None:
        body = os.urandom(BODY_BYTES)
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            ids = [name for name, _ in batch]
            await self._connection.execute(_BARE_INSERT, ids, [body] * len(ids))
            for _, answer in batch:
                answer.set_result(None)


_BARE_INSERT = "INSERT INTO bench_bare (id, body) SELECT * FROM unnest($1::text[], $2::bytea[])"


@contextlib.asynccontextmanager
async def _bare_table(world: World) -> AsyncIterator[_Bare]:
    connection = await asyncpg.connect(world.owner_url)
    try:
        await connection.execute("CREATE TABLE bench_bare (id text PRIMARY KEY, body bytea NOT NULL)")
        yield _Bare(connection)
        await connection.execute("DROP TABLE bench_bare")
    finally:
        await connection.close()


async def _grant(parts: Parts, counter: Counter, citizen: Citizen) -> Grant:
    issued = await issue_ticket.issue(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        caller=counter.officer,
        consent_id=citizen.consent_id,
        documents=[citizen.document_id],
        life_s=parts.settings.ticket_life_s,
        limits=limits_of(parts),
        notice=access_text(parts, counter.officer),
        rendition=rendition_in(parts.catalogue),
        now=clock(),
    )
    place = await parts.vault.find(citizen.document_id, citizen.version)
    ticket = parts.desk.ticket(issued.token, clock())
    return Grant(citizen, ticket, place, await parts.keyring.trail(citizen.subject_ref))


def works(
    counter: Counter, grants: Sequence[Grant], number: int, trails: Iterable[Trail] = ()
) -> list[Work[Any]]:
    """Made before the clock starts: it is the ledger that is measured. ``trails`` are other trails than the citizens' own, for as many
    entries as there are of them.
    """
    pairs = itertools.zip_longest(itertools.islice(itertools.cycle(grants), number), trails)
    return [_work(counter, grant, trail or grant.trail) for grant, trail in pairs]


def _work(counter: Counter, grant: Grant, trail: Trail) -> Work[Any]:
    citizen, ticket = grant.citizen, replace(grant.ticket, jti=new_id("t"))
    details = caller_details(
        counter.officer,
        service=ticket.purpose,
        lawful_basis="consent",
        consent=ticket.consent_id,
        ticket=ticket.jti,
        document_type=grant.place.type,
        doc={"id": citizen.document_id, "ver": citizen.version, "sha256": grant.place.sha256},
    )
    release = Release(
        ticket,
        counter.officer,
        None,
        citizen.document_id,
        citizen.version,
        grant.place,
        trail,
        (),
        details,
        _nothing_is_read,
        size=grant.place.size,
    )
    return release_work(release)  # exactly the work of the fetch, and nothing beside it


async def _nothing_is_read() -> bool:
    raise BenchError("the ledger alone is measured, no copy is opened")


async def settled(parts: Parts, works: Sequence[Work[Any]], callers: int) -> dict[int, int]:
    """Submit all of ``works``, ``callers`` waiting at any time. Latencies in microseconds -> how often."""
    counts: Tally[int] = Tally()

    async def caller(mine: Iterator[Work[Any]]) -> None:
        for work in mine:
            began = time.perf_counter()
            answer = await parts.appender.submit(work)
            counts[int((time.perf_counter() - began) * 1e6)] += 1
            if not answer.verdict.allowed:
                raise BenchError(f"the ledger refused an entry: {answer.verdict.reason}")

    waiting = iter(works)
    await asyncio.gather(*(caller(waiting) for _ in range(callers)))
    return dict(counts)
