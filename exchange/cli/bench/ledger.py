"""``bench ledger``: durable entries a second at a number of waiting callers.

A real appender in this process, and the real release of a fetch: officer, consent, items, version and use are read
after the lock and judged, the use is consumed, the entry sealed, one commit a batch. No HTTP, no object.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auth.tokens import Ticket
from exchange.acts import caller_details
from exchange.answers import access_text, limits_of
from exchange.cli.bench.figures import BenchError, Part, Scale, percentile_ms
from exchange.cli.bench.papers import unread
from exchange.cli.bench.people import Citizen, Counter, consenting, open_counter
from exchange.cli.bench.world import World
from exchange.deps import Parts, clock
from exchange.flows import issue_ticket
from exchange.quarantine import Second
from exchange.releases import Release, release_work
from exchange.requirements.renditions import rendition_in
from exchange.wiring import at_work
from storage.ids import new_id
from storage.ledger.work import Trail, Work

CITIZENS = 64
DOCUMENT_BYTES = 1_000
WARM_UP_ENTRIES = 200

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Grant:
    """A genuine ticket with what its release needs; copies with fresh ids stand for further tickets."""

    citizen: Citizen
    ticket: Ticket
    place: Any  # storage.vault's Place: the command line does not import the vault
    trail: Trail


async def ledger(world: World, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "ledger"."""
    say(f"making {CITIZENS} citizens with their consents ...")
    figures: Part = {}
    async with at_work(world.settings) as parts:
        counter = await open_counter(parts)
        citizens = await consenting(
            parts, counter, itertools.islice(world.numbers, CITIZENS), unread(DOCUMENT_BYTES)
        )
        grants = [await _grant(parts, counter, citizen) for citizen in citizens]
        await _settled(parts, _works(counter, grants, WARM_UP_ENTRIES), 8)
        for callers, entries in scale.ledger_entries().items():
            say(f"{entries} entries at {callers} waiting callers ...")
            works = _works(counter, grants, entries)
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            counts = await _settled(parts, works, callers)
            seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            figures[f"c{callers}"] = {
                "entries_per_s": round(entries / seconds, 1),
                "p50_ms": percentile_ms(counts, 0.5),
                "p99_ms": percentile_ms(counts, 0.99),
                "cpu_ms": round(cpu_s / entries * 1000, 3),
            }
    return {"ledger": figures}


async def _grant(parts: Parts, counter: Counter, citizen: Citizen) -> _Grant:
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
    return _Grant(citizen, ticket, place, await parts.keyring.trail(citizen.subject_ref))


def _works(counter: Counter, grants: Sequence[_Grant], number: int) -> list[Work[Any]]:
    """Made before the clock starts: it is the ledger that is measured."""
    return [_work(counter, grant) for grant in itertools.islice(itertools.cycle(grants), number)]


def _work(counter: Counter, grant: _Grant) -> Work[Any]:
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
        grant.trail,
        (),
        details,
        _nothing_is_read,
        size=grant.place.size,
    )
    return release_work(release)  # exactly the work of the fetch, and nothing beside it


async def _nothing_is_read() -> Second:
    raise BenchError("the ledger alone is measured, no copy is opened")


async def _settled(parts: Parts, works: Sequence[Work[Any]], callers: int) -> dict[int, int]:
    """Submit all of ``works``, ``callers`` waiting at any time. Latencies in microseconds -> how often."""
    counts: Tally[int] = Tally()

    async def caller(mine: Iterator[Work[Any]]) -> None:
        for work in mine:
            began = time.perf_counter()
            settled = await parts.appender.submit(work)
            counts[int((time.perf_counter() - began) * 1e6)] += 1
            if not settled.verdict.allowed:
                raise BenchError(f"the ledger refused an entry: {settled.verdict.reason}")

    waiting = iter(works)
    await asyncio.gather(*(caller(waiting) for _ in range(callers)))
    return dict(counts)
