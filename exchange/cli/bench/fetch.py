"""``bench fetch``: the complete fetch path beside direct presigned GETs of the same objects from the same store.

Rounds of both alternate in one run, because the speed of a shared machine moves by a factor of two within minutes. The
clock of the fetch path stops when the last outcome entry is durable, not when the last byte has left.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg
import urllib3
from minio import Minio

from exchange.cli.bench.back_end import open_back_end
from exchange.cli.bench.figures import (
    BYTES_PER_MB,
    LARGE_BYTES,
    SMALL_BYTES,
    BenchError,
    Part,
    Scale,
    merged,
    percentile_ms,
)
from exchange.cli.bench.load import Call, Generator, Load
from exchange.cli.bench.papers import unread
from exchange.cli.bench.people import Citizen, Counter, consenting, open_counter
from exchange.cli.bench.world import Application, World
from exchange.wiring import at_work

CONCURRENCIES = (1, 8, 32)
DPOP_CONCURRENCIES = (8, 32)
LARGE_CONCURRENCY = 4
MINT_CONCURRENCY = 8
OUTCOMES_WITHIN_S = 30.0
POLL_S = 0.005
TICKETS_PATH, PACKAGES_PATH = "/v1/tickets", "/v1/packages"

Say = Callable[[str], None]


@dataclass
class _Sums:
    """Added up over the rounds of one concurrency."""

    direct: list[Load] = field(default_factory=list)
    fetched: list[Load] = field(default_factory=list)
    fetched_s: float = 0.0
    cpu_s: float = 0.0

    def figures(self) -> Part:
        requests = sum(load.requests for load in self.fetched)
        direct_rps = sum(load.requests for load in self.direct) / sum(load.seconds for load in self.direct)
        rps = requests / self.fetched_s
        counts = merged([load.counts for load in self.fetched])
        return {
            "rps": round(rps, 1),
            "p50_ms": percentile_ms(counts, 0.5),
            "p99_ms": percentile_ms(counts, 0.99),
            "gateway_cpu_ms": round(self.cpu_s / requests * 1000, 3),
            "ratio": round(rps / direct_rps, 3),
            "direct_rps": round(direct_rps, 1),
        }


class Asker(Protocol):
    """An officer at a counter, or a back end with its proofs."""

    async def arrive(self, generator: Generator) -> None:
        """Be ready for the next minutes."""

    def asking(self, path: str) -> dict[str, str]:
        """Headers of a POST."""

    def redeeming(self, path: str, ticket: str) -> dict[str, str]:
        """Headers of the GET that redeems a ticket."""


class FetchBench:
    """One application, one set of citizens, one connection to look at the outcomes with."""

    def __init__(
        self, world: World, generator: Generator, counter: Counter, connection: asyncpg.Connection
    ) -> None:
        self._world = world
        self._generator = generator
        self._counter = counter
        self._connection = connection
        self._origin = world.settings.origin

    async def mint(
        self, citizens: Sequence[Citizen], number: int, asker: Asker | None = None, *, packed: bool = False
    ) -> tuple[list[Call], Load]:
        """``number`` fresh single-use tickets, a document each, as calls that redeem them; or ``packed``, for all documents in one call."""
        asker = asker or self._counter
        await asker.arrive(self._generator)
        wanted = itertools.islice(itertools.cycle(citizens), number)
        json_body = {"Content-Type": "application/json"}
        calls = [
            Call(
                TICKETS_PATH,
                asker.asking(TICKETS_PATH) | json_body,
                "POST",
                json.dumps(
                    {"consent_id": one.consent_id} | ({} if packed else {"documents": [one.document_id]})
                ),
            )
            for one in wanted
        ]
        load = await self._generator.run(self._origin, calls, MINT_CONCURRENCY, keep_bodies=True)
        # Each ticket wrote a notice to its citizen; waiting until the sandbox has "sent" them would measure nothing.
        await self._connection.execute("UPDATE outbox SET state = 'sent' WHERE state = 'waiting'")
        return [_redeeming(asker, body, packed=packed) for body in load.bodies], load

    async def fetch(
        self, application: Application, calls: Sequence[Call], concurrency: int
    ) -> tuple[Load, float, float]:
        """(load, seconds until the last outcome is durable, CPU seconds of the application)."""
        cpu_s = application.cpu_s()
        load = await self._generator.run(self._origin, calls, concurrency)
        await self._outcomes()
        return load, time.time() - load.began_s, application.cpu_s() - cpu_s

    async def _outcomes(self) -> None:
        async with asyncio.timeout(OUTCOMES_WITHIN_S):
            open_uses = "SELECT EXISTS (SELECT 1 FROM ticket_use WHERE open)"
            while await self._connection.fetchval(open_uses):
                await asyncio.sleep(POLL_S)

    async def compare(
        self,
        application: Application,
        citizens: Sequence[Citizen],
        concurrency: int,
        scale: tuple[int, int],
        askers: Sequence[Asker] = (),
    ) -> list[_Sums]:
        """``scale``: rounds, and requests a round. Each round is direct, then through the gateway, once for each asker (the
        counter when none is named).
        """
        rounds, requests = scale
        askers = askers or [self._counter]
        sums = [_Sums() for _ in askers]
        direct = presigned(self._world, list(itertools.islice(itertools.cycle(citizens), requests)))
        for _ in range(rounds):
            alone = await self._generator.run(self._world.settings.s3_endpoint or "", direct, concurrency)
            for asker, mine in zip(askers, sums, strict=True):
                calls, _load = await self.mint(citizens, requests, asker)
                load, seconds, cpu_s = await self.fetch(application, calls, concurrency)
                mine.direct.append(alone)
                mine.fetched.append(load)
                mine.fetched_s += seconds
                mine.cpu_s += cpu_s
        return sums

    async def mint_and_fetch(
        self, application: Application, citizens: Sequence[Citizen], requests: int
    ) -> Part:
        """Both calls that an officer's document costs, one phase after the other."""
        cpu_s = application.cpu_s()
        calls, minted = await self.mint(citizens, requests)
        _load, seconds, _cpu_s = await self.fetch(application, calls, MINT_CONCURRENCY)
        return {
            "rps": round(requests / (minted.seconds + seconds), 1),
            "gateway_cpu_ms": round((application.cpu_s() - cpu_s) / requests * 1000, 3),
            "concurrency": MINT_CONCURRENCY,
        }


async def fetch(world: World, generator: Generator, scale: Scale, say: Say) -> dict[str, Part]:
    """The parts "fetch" and "fetch_20mb"."""
    say(f"making {scale.citizens} citizens with 300 KB documents and their consents ...")
    async with at_work(world.settings) as parts:
        counter = await open_counter(parts)
        back_end = await open_back_end(parts)
        small = await consenting(
            parts, counter, itertools.islice(world.numbers, scale.citizens), unread(SMALL_BYTES)
        )
        large = await consenting(
            parts, counter, itertools.islice(world.numbers, scale.large_citizens), unread(LARGE_BYTES)
        )
    connection = await asyncpg.connect(world.database_url)
    try:
        bench = FetchBench(world, generator, counter, connection)
        figures: Part = {}
        dpop: Part = {}
        with world.application() as application:
            say("warming up ...")
            warming, _load = await bench.mint(small, scale.requests // 4)
            await bench.fetch(application, warming, 8)
            for concurrency in CONCURRENCIES:
                say(f"fetch at concurrency {concurrency} ...")
                # One caller waits for every commit: half as many requests take as long.
                requests = scale.requests if concurrency > 1 else max(1, scale.requests // 2)
                askers: list[Asker] = [counter, back_end] if concurrency in DPOP_CONCURRENCIES else [counter]
                sums = await bench.compare(application, small, concurrency, (scale.rounds, requests), askers)
                officer, *machine = [each.figures() for each in sums]
                figures[f"c{concurrency}"] = officer
                dpop |= {f"c{concurrency}": _beside(officer, figure) for figure in machine}
            figures["dpop"] = dpop
            figures["mint_and_fetch"] = await bench.mint_and_fetch(application, small, scale.requests)
            say("20 MB objects ...")
            large_figures = await _large(bench, application, large, scale)
            # Redeemed by the next process, which has never seen these citizens; a ticket lives for five minutes only.
            cold, _load = await bench.mint(small, len(small))
        say("cold keys ...")
        with world.application() as application:
            load, seconds, cpu_s = await bench.fetch(application, cold, 8)
        figures["cold_keys"] = {
            "rps": round(load.requests / seconds, 1),
            "p50_ms": percentile_ms(load.counts, 0.5),
            "p99_ms": percentile_ms(load.counts, 0.99),
            "gateway_cpu_ms": round(cpu_s / load.requests * 1000, 3),
            "concurrency": 8,
        }
    finally:
        await connection.close()
    judged = {"judged": generator.cheap}
    return {"fetch": figures | judged, "fetch_20mb": large_figures | judged}


async def _large(
    bench: FetchBench, application: Application, citizens: Sequence[Citizen], scale: Scale
) -> Part:
    # The process is warm from the small ones and has never held a large one: everything that these need counts.
    before_mb = application.memory_mb()
    application.watch_peak()
    scaled = scale.rounds, scale.large_requests
    (sums,) = await bench.compare(application, citizens, LARGE_CONCURRENCY, scaled)
    figures = sums.figures()
    megabytes = sum(load.requests for load in sums.fetched) * LARGE_BYTES / BYTES_PER_MB
    return {
        "mb_per_s": round(megabytes / sums.fetched_s, 1),
        "ratio": figures["ratio"],
        "rss_growth_mb": round(max(0.0, application.peak_mb() - before_mb), 1),
        "direct_mb_per_s": round(figures["direct_rps"] * LARGE_BYTES / BYTES_PER_MB, 1),
        "gateway_cpu_ms": figures["gateway_cpu_ms"],
        "concurrency": LARGE_CONCURRENCY,
    }


def _beside(officer: Part, machine: Part) -> Part:
    """What the proof costs beside the cookie, in the same rounds."""
    added_ms = machine["gateway_cpu_ms"] - officer["gateway_cpu_ms"]
    of_officer = machine["ratio"] / officer["ratio"]
    return {**machine, "added_cpu_ms": round(added_ms, 3), "of_officer": round(of_officer, 3)}


def _redeeming(asker: Asker, answer: str, *, packed: bool) -> Call:
    ticket = json.loads(answer)
    if packed:
        return Call(PACKAGES_PATH, asker.redeeming(PACKAGES_PATH, ticket["ticket"]), "POST")
    path = ticket["documents"][0]["content_url"]
    return Call(path, asker.redeeming(path, ticket["ticket"]))


def presigned(world: World, citizens: Sequence[Citizen]) -> list[Call]:
    """What the store alone would serve. Such URLs exist in this bench only: none ever leaves the service."""
    settings = world.settings
    endpoint = urlsplit(settings.s3_endpoint or "")
    if settings.s3_access_key is None or settings.s3_secret_key is None:
        raise BenchError("no key for the object store")
    sdk = Minio(
        endpoint=endpoint.netloc,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=endpoint.scheme == "https",
        region="us-east-1",
        http_client=urllib3.PoolManager(retries=urllib3.Retry(total=0)),
    )
    urls = {
        citizen.object_key: sdk.presigned_get_object(
            bucket_name=settings.s3_bucket, object_name=citizen.object_key, expires=timedelta(hours=1)
        )
        for citizen in citizens
    }
    return [Call("/" + urls[citizen.object_key].split("/", 3)[3]) for citizen in citizens]
