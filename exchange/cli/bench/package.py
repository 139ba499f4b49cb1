"""``bench package``: six papers of one ticket in one archive, at concurrency 4: scans as stamped PDF, and a mix of photos."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import asyncpg

from exchange.cli.bench.fetch import FetchBench
from exchange.cli.bench.figures import BYTES_PER_MB, Part, Scale, merged, percentile_ms
from exchange.cli.bench.load import Generator, Load
from exchange.cli.bench.papers import SIX_TYPES, STAMPED_AGENCY, photographed, scanned, stamped
from exchange.cli.bench.people import Citizen, consenting, open_counter
from exchange.cli.bench.world import Application, World
from exchange.wiring import at_work

CONCURRENCY = 4
CITIZENS = 12
# One archive in how many single fetches of a round: of scans, of photos.
SCANS_SHARE, PHOTOS_SHARE = 16, 64

Say = Callable[[str], None]


async def package(world: World, generator: Generator, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "package"."""
    say(f"making citizens with {len(SIX_TYPES)} papers each ...")
    async with at_work(world.settings) as parts:
        counter = await open_counter(parts, STAMPED_AGENCY)
        wanted = min(CITIZENS, scale.citizens)
        folders = [stamped(*map(kind, SIX_TYPES)) for kind in (scanned, photographed)]
        scans, photos = [
            await consenting(parts, counter, itertools.islice(world.numbers, wanted), folder)
            for folder in folders
        ]
    connection = await asyncpg.connect(world.database_url)
    try:
        bench = FetchBench(world, generator, counter, connection)
        with world.application() as application:
            warming, _load = await bench.mint(scans, CONCURRENCY * 2, packed=True)
            await bench.fetch(application, warming, CONCURRENCY)
            before_mb = application.memory_mb()
            application.watch_peak()
            say("scans ...")
            figures = await _measure(bench, application, scans, scale, SCANS_SHARE)
            growth_mb = round(max(0.0, application.peak_mb() - before_mb), 1)
            say("photos ...")
            mixed = await _measure(bench, application, photos, scale, PHOTOS_SHARE)
    finally:
        await connection.close()
    sizes = [sum(len(scan.content()) for scan in folder.scans) / BYTES_PER_MB for folder in folders]
    scanned_of = {"papers": len(SIX_TYPES), "source_mb": round(sizes[0], 2), "rss_growth_mb": growth_mb}
    return {
        "package": {
            **figures,
            **scanned_of,
            "photos": {**mixed, "source_mb": round(sizes[1], 2)},
            "concurrency": CONCURRENCY,
            "judged": generator.cheap,
        }
    }


async def _measure(
    bench: FetchBench, application: Application, citizens: Sequence[Citizen], scale: Scale, share: int
) -> Part:
    loads: list[Load] = []
    seconds = cpu_s = 0.0
    requests = max(1, scale.requests // share)
    for _ in range(scale.rounds):
        calls, _load = await bench.mint(citizens, requests, packed=True)
        load, took_s, used_s = await bench.fetch(application, calls, CONCURRENCY)
        loads.append(load)
        seconds += took_s
        cpu_s += used_s
    counts = merged([load.counts for load in loads])
    archives = requests * scale.rounds
    return {
        "p50_ms": percentile_ms(counts, 0.5),
        "p95_ms": percentile_ms(counts, 0.95),
        "archives_per_s": round(archives / seconds, 1),
        "cpu_ms": round(cpu_s / archives * 1000, 1),
        "archives": archives,
    }
