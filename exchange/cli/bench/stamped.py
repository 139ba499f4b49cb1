"""``bench stamped``: what a stamp costs. The same paper fetched as it is and as a stamped copy, in turn, at concurrency 8.

The CPU is that of the application and its workers together; what is added holds everything: the hand-over to the worker, the drawing, the
digest of the copy, and that the copy is a few kilobytes larger.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncpg

from exchange.cli.bench.fetch import FetchBench
from exchange.cli.bench.figures import Part, Scale, merged, percentile_ms
from exchange.cli.bench.load import Generator, Load
from exchange.cli.bench.papers import STAMPED_AGENCY, Scan, original, photographed, scanned, stamped
from exchange.cli.bench.people import Citizen, Counter, consenting, open_counter
from exchange.cli.bench.world import Application, World
from exchange.wiring import at_work

CONCURRENCY = 8
CITIZENS = 16
# (what is fetched, one request in how many of a fetch's round)
KINDS = (("pdf_300kb", scanned("KTP"), 4), ("jpeg_2mp", photographed("KTP"), 16))

Say = Callable[[str], None]


@dataclass
class _Side:
    counter: Counter
    citizens: list[Citizen]
    loads: list[Load] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: float = 0.0

    @property
    def requests(self) -> int:
        return sum(load.requests for load in self.loads)

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s / self.requests * 1000


async def stamped_part(world: World, generator: Generator, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "stamped"."""
    say("making scans and photos, each for a service that stamps and for one that does not ...")
    pairs = []
    async with at_work(world.settings) as parts:
        plain, stamping = await open_counter(parts), await open_counter(parts, STAMPED_AGENCY)
        for name, scan, share in KINDS:
            sides = []
            for counter, folder in ((plain, original(scan)), (stamping, stamped(scan))):
                numbers = itertools.islice(world.numbers, min(CITIZENS, scale.citizens))
                sides.append(_Side(counter, await consenting(parts, counter, numbers, folder)))
            pairs.append((name, scan, max(1, scale.requests // share), sides))
    connection = await asyncpg.connect(world.database_url)
    figures: Part = {}
    try:
        bench = FetchBench(world, generator, plain, connection)
        with world.application() as application:
            for name, scan, requests, sides in pairs:
                say(f"{name}: as it is and stamped ...")
                await _measure(bench, application, sides, requests, scale.rounds)
                figures[name] = _figures(scan, *sides)
    finally:
        await connection.close()
    return {"stamped": figures | {"concurrency": CONCURRENCY, "judged": generator.cheap}}


async def _measure(
    bench: FetchBench, application: Application, sides: list[_Side], requests: int, rounds: int
) -> None:
    for side in sides:
        warming, _load = await bench.mint(side.citizens, max(1, requests // 4), side.counter)
        await bench.fetch(application, warming, CONCURRENCY)
    for _ in range(rounds):
        for side in sides:
            calls, _load = await bench.mint(side.citizens, requests, side.counter)
            load, seconds, cpu_s = await bench.fetch(application, calls, CONCURRENCY)
            side.loads.append(load)
            side.seconds += seconds
            side.cpu_s += cpu_s


def _figures(scan: Scan, plain: _Side, stamping: _Side) -> Part:
    counts = merged([load.counts for load in stamping.loads])
    return {
        "added_cpu_ms": round(stamping.cpu_ms - plain.cpu_ms, 3),
        "stamped_cpu_ms": round(stamping.cpu_ms, 3),
        "original_cpu_ms": round(plain.cpu_ms, 3),
        "rps": round(stamping.requests / stamping.seconds, 1),
        "original_rps": round(plain.requests / plain.seconds, 1),
        "p50_ms": percentile_ms(counts, 0.5),
        "p99_ms": percentile_ms(counts, 0.99),
        "source_kb": round(len(scan.content()) / 1000),
    }
