"""``bench fsck``: a store of a hundred thousand small papers compared with its rows, and a deep check of large ones.

Every object is sealed, stored and read back as an intake does it; the rows are written in one go.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import asyncpg

from exchange.cli.bench.figures import BYTES_PER_MB, BenchError, Part, Scale
from exchange.cli.bench.readiness import copied_citizens
from exchange.cli.bench.world import World
from exchange.deps import Parts, clock
from exchange.flows.check_store import Check, Report, Wish
from exchange.wiring import wired
from storage.documents import VERSIONS, DocumentVersion, version_id
from storage.ids import new_id

SMALL_PAPER_BYTES = 1_000
LARGE_PAPER_BYTES = 5 * BYTES_PER_MB
VERSIONS_A_CITIZEN = 20
PUTS_AT_ONCE = 16
ROWS_AT_ONCE = 2_000

Say = Callable[[str], None]


async def fsck(world: World, scale: Scale, say: Say) -> dict[str, Part]:
    """The parts "fsck" (rows, sizes, listing) and "fsck_deep" (every byte read and opened)."""
    async with wired(world.settings) as parts:
        connection = await asyncpg.connect(world.owner_url)
        try:
            say(f"{scale.fsck_versions} papers of {SMALL_PAPER_BYTES} bytes ...")
            await _filled(parts, connection, scale.fsck_versions, SMALL_PAPER_BYTES)
            await connection.execute("ANALYZE document_version")
            seconds, cpu_s, report = await _checked(parts, deep=False)
            small = {
                "seconds": round(seconds, 2),
                "cpu_s": round(cpu_s, 2),
                "versions": report.versions,
                "versions_per_s": round(report.versions / seconds),
            }
            # Only the large ones are read: the small ones would measure requests, not bytes.
            await connection.execute("UPDATE document_version SET state = 'disputed'")
            number = max(1, scale.fsck_deep_bytes // LARGE_PAPER_BYTES)
            say(f"{number} papers of {LARGE_PAPER_BYTES / BYTES_PER_MB:g} MB ...")
            await _filled(parts, connection, number, LARGE_PAPER_BYTES)
            seconds, cpu_s, report = await _checked(parts, deep=True)
        finally:
            await connection.close()
    megabytes = report.read_bytes / BYTES_PER_MB
    return {
        "fsck": small,
        "fsck_deep": {
            "mb_per_s": round(megabytes / seconds, 1),
            "mb": round(megabytes),
            "cpu_ms_per_mb": round(cpu_s * 1000 / megabytes, 2),
        },
    }


async def _checked(parts: Parts, *, deep: bool) -> tuple[float, float, Report]:
    began_s, cpu_s = time.monotonic(), time.process_time()
    check = Check(parts.database, parts.keyring, parts.appender, parts.vault, Wish(deep=deep), now=clock())
    report = await check.run()
    if not report.clean:
        raise BenchError(f"the store of the bench is not clean: {report.found[:1]}")
    return time.monotonic() - began_s, time.process_time() - cpu_s, report


async def _filled(parts: Parts, connection: asyncpg.Connection, number: int, size: int) -> None:
    refs = await copied_citizens(connection, parts, -(-number // VERSIONS_A_CITIZEN))
    for start in range(0, number, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, number - start)
        names = _names(refs, start, count)
        made: list[DocumentVersion] = []
        await asyncio.gather(*(_puts(parts, names, size, made) for _ in range(PUTS_AT_ONCE)))
        await connection.execute(VERSIONS.upsert(1), *VERSIONS.arrays(made))


def _names(refs: list[str], start: int, count: int) -> Iterator[str]:
    return (refs[number // VERSIONS_A_CITIZEN] for number in range(start, start + count))


async def _puts(parts: Parts, refs: Iterator[str], size: int, made: list[DocumentVersion]) -> None:
    made.extend([await _stored(parts, ref, size) for ref in refs])


async def _stored(parts: Parts, ref: str, size: int) -> DocumentVersion:
    document_id = new_id("d")
    place = await parts.vault.new_place(ref, document_id, 1)
    stored = await parts.vault.put(place, _body(size), size)
    absent: dict[str, Any] = dict.fromkeys(
        ("issued_on", "valid_until", "tax_year", "level", "background", "number", "about", "stale_event")
    )
    return DocumentVersion(
        id=version_id(document_id, 1),
        document_id=document_id,
        version=1,
        subject_ref=ref,
        type="KTP",
        state="ready",
        object_key=place.object_key,
        wrapped_key=place.wrapped_key,
        sha256=stored.sha256,
        received_sha256=stored.sha256,
        cipher_sha256=stored.cipher_sha256,
        size=stored.size,
        cipher_size=stored.cipher_size,
        media_type="image/jpeg",
        provenance="scan",
        taken_by="off_bench",
        taken_at=clock(),
        **absent,
    )


async def _body(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, BYTES_PER_MB):
        yield os.urandom(min(BYTES_PER_MB, size - start))
