"""``bench readiness``: ``POST /v1/readiness`` over distinct citizens of a database that holds 100,000 of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from exchange.cli.bench.figures import Part, Scale, percentile_ms
from exchange.cli.bench.load import Call, Generator
from exchange.cli.bench.people import open_counter
from exchange.cli.bench.world import World
from exchange.deps import Parts, clock
from exchange.wiring import at_work
from storage.citizen_keys import CitizenKey
from storage.documents import DocumentVersion
from storage.ids import new_id

CONCURRENCY = 8
WARM_UP_REQUESTS = 100
COPY_CITIZENS = 5_000
# Eleven requirements, of which five are documents of the applicant: one of the longer lists.
SERVICE = "DPMPTSP.SIP_NAKES"
TYPES = ("KTP", "IJAZAH", "SK_SEHAT", "PASFOTO")
DOCUMENT_BYTES = 300_000

Say = Callable[[str], None]
Row = tuple[Any, ...]


async def readiness(world: World, generator: Generator, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "readiness"."""
    async with at_work(world.settings) as parts:
        counter = await open_counter(parts)
        made = await _populated(world, parts, scale.readiness_citizens, say)
        refs = [parts.keyring.pseudonym(counter.officer.agency_id, ref) for ref in made]
    headers = counter.headers(**{"Content-Type": "application/json"})
    calls = [
        Call("/v1/readiness", headers, "POST", json.dumps({"subject_ref": ref, "service": SERVICE}))
        for ref in _spread(refs, scale.readiness_requests + WARM_UP_REQUESTS)
    ]
    with world.application() as application:
        await generator.run(world.settings.origin, calls[:WARM_UP_REQUESTS], CONCURRENCY)
        say(f"readiness of {scale.readiness_requests} citizens ...")
        cpu_s = application.cpu_s()
        load = await generator.run(world.settings.origin, calls[WARM_UP_REQUESTS:], CONCURRENCY)
        cpu_s = application.cpu_s() - cpu_s
    return {
        "readiness": {
            "rps": round(load.requests / load.seconds, 1),
            "p50_ms": percentile_ms(load.counts, 0.5),
            "p95_ms": percentile_ms(load.counts, 0.95),
            "p99_ms": percentile_ms(load.counts, 0.99),
            "gateway_cpu_ms": round(cpu_s / load.requests * 1000, 3),
            "citizens": len(refs),
            "judged": generator.cheap,
        }
    }


def _spread(refs: list[str], number: int) -> list[str]:
    """Distinct citizens from all over the table, as long as there are enough."""
    step = max(1, len(refs) // number)
    chosen = refs[::step][:number]
    return (chosen * (number // len(chosen) + 1))[:number]


async def _populated(world: World, parts: Parts, citizens: int, say: Say) -> list[str]:
    """Citizens with real wrapped keys and the metadata of five versions each; nothing stands in the object store."""
    connection = await asyncpg.connect(world.owner_url)
    refs: list[str] = []
    now = clock()
    try:
        while len(refs) < citizens:
            fresh = [new_id("sbj") for _ in range(min(COPY_CITIZENS, citizens - len(refs)))]
            await _copied(connection, parts, fresh, now)
            refs += fresh
            if len(refs) % (4 * COPY_CITIZENS) == 0:
                say(f"{len(refs)} of {citizens} citizens ...")
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return refs


async def copied_citizens(connection: asyncpg.Connection, parts: Parts, number: int) -> list[str]:
    """Citizens with real wrapped keys and nothing on file; their references."""
    refs = [new_id("sbj") for _ in range(number)]
    await _copied_citizens(connection, parts, refs, clock())
    return refs


async def _copied(connection: asyncpg.Connection, parts: Parts, refs: list[str], now: datetime) -> None:
    await _copied_citizens(connection, parts, refs, now)
    names = [field.name for field in fields(DocumentVersion)]
    versions = (version for ref in refs for version in _versions(ref, now))
    await _copy(
        connection,
        "document_version",
        names,
        [tuple(getattr(version, name) for name in names) for version in versions],
    )


async def _copied_citizens(
    connection: asyncpg.Connection, parts: Parts, refs: list[str], now: datetime
) -> None:
    keys = [(await parts.keyring.fresh_citizen(ref, now))[0] for ref in refs]
    names = [field.name for field in fields(CitizenKey)]
    await _copy(
        connection, "citizen_key", names, [tuple(getattr(key, name) for name in names) for key in keys]
    )
    # Only readiness by reference is asked: nobody opens these identities or looks for these numbers.
    await _copy(
        connection,
        "subject",
        ["ref", "nik_index", "identity", "created_at"],
        [(ref, os.urandom(32), os.urandom(120), now) for ref in refs],
    )
    await _copy(connection, "subject_trail", ["id", "seq"], [(ref, 0) for ref in refs])


def _versions(ref: str, now: datetime) -> Iterator[DocumentVersion]:
    """Four papers in their newest version, and one that was superseded."""
    for number, kind in enumerate(TYPES):
        document_id = new_id("d")
        states = ("superseded", "ready") if number == 0 else ("ready",)
        for version, state in enumerate(states, start=1):
            sha256 = os.urandom(32).hex()
            yield DocumentVersion(
                id=f"{document_id}/{version}",
                document_id=document_id,
                version=version,
                subject_ref=ref,
                type=kind,
                state=state,
                object_key=f"{sha256[:2]}/{sha256[:32]}",
                wrapped_key=os.urandom(60),
                sha256=sha256,
                received_sha256=sha256,
                cipher_sha256=os.urandom(32).hex(),
                size=DOCUMENT_BYTES,
                cipher_size=DOCUMENT_BYTES + 56,
                media_type="image/jpeg",
                provenance="scan",
                issued_on=(now - timedelta(days=10)).date(),
                valid_until=None,
                tax_year=None,
                level="S1" if kind == "IJAZAH" else None,
                background="red" if kind == "PASFOTO" else None,
                number=None,
                about=None,
                stale_event=None,
                taken_by="off_bench",
                taken_at=now,
            )


async def _copy(connection: asyncpg.Connection, name: str, columns: list[str], rows: list[Row]) -> None:
    await connection.copy_records_to_table(name, records=rows, columns=columns)
