"""``bench gate``: how long the verdict about a scan of 300 KB takes, from the first byte in the spool to the word of a worker.

JPEG, PNG, and a PDF around the JPEG; one after the other and four at a time. Without receiving, sealing and storing, which ``bench intake``
measures with the gate off.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from exchange.cli.bench.figures import BYTES_PER_MB, BenchError, Part, Scale, percentile_ms
from exchange.cli.bench.world import World
from exchange.deps import clock
from storage.inspection import GATE_TASKS, Gate, Rejected
from storage.spool import Spool
from storage.workers import LimitedWorkers

SCAN_BYTES = 300 * 1024
CONCURRENCY = 4
PAGE = (1240, 1754)  # A4 at 150 dpi
Say = Callable[[str], None]


async def gate(world: World, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "gate"."""
    settings = world.settings
    workers = LimitedWorkers(GATE_TASKS, processes=settings.inspection_workers)
    opened = Gate(workers, Spool(settings.spool_limit_bytes), None)
    figures: Part = {}
    try:
        await workers.warm()
        for name, (media_type, content) in _scans().items():
            say(f"{scale.verdicts} verdicts about a {name} of {len(content) // 1024} KB ...")
            await _verdict(opened, media_type, content)  # what a worker loads late, it has then
            alone = [await _verdict(opened, media_type, content) for _ in range(scale.verdicts)]
            crowd = await _crowd(opened, media_type, content, scale.verdicts)
            figures[name] = _shown(alone) | {f"c{CONCURRENCY}_p50_ms": _shown(crowd)["p50_ms"]}
    finally:
        await workers.stop()
    figures["worker_peak_mb"] = round(workers.peak_bytes / BYTES_PER_MB, 1)
    return {"gate": figures}


async def _verdict(opened: Gate, media_type: str, content: bytes) -> int:
    """Microseconds."""
    began_ns = time.perf_counter_ns()
    with opened.spool.room(len(content)) as spooled:
        spooled.write(content)
        if isinstance(await opened.judge(spooled, media_type, clock()), Rejected):
            raise BenchError(f"the gate refuses an honest {media_type}")
    return (time.perf_counter_ns() - began_ns) // 1000


async def _crowd(opened: Gate, media_type: str, content: bytes, number: int) -> list[int]:
    async def some() -> list[int]:
        return [await _verdict(opened, media_type, content) for _ in range(max(1, number // CONCURRENCY))]

    return [one for each in await asyncio.gather(*(some() for _ in range(CONCURRENCY))) for one in each]


def _shown(latencies_us: list[int]) -> Part:
    counts: dict[int, int] = {}
    for latency_us in latencies_us:
        counts[latency_us] = counts.get(latency_us, 0) + 1
    return {"p50_ms": percentile_ms(counts, 0.5), "p95_ms": percentile_ms(counts, 0.95)}


def _scans() -> dict[str, tuple[str, bytes]]:
    """A page with the grain of a scanner's glass, so strong that its file has 300 KB."""
    page = page_of_300_kb()
    return {
        "jpeg": ("image/jpeg", page),
        "png": ("image/png", _grained("PNG", (PAGE[0] // 2, PAGE[1] // 2))),
        "pdf": ("application/pdf", bound(page)),
    }


def page_of_300_kb() -> bytes:
    return _grained("JPEG", PAGE, quality=75)


def _grained(kind: str, size: tuple[int, int], **more: Any) -> bytes:
    low, high, content = 0.0, 60.0, b""
    for _ in range(12):
        grain = (low + high) / 2
        file = io.BytesIO()
        Image.effect_noise(size, grain).save(file, kind, **more)
        content = file.getvalue()
        low, high = (grain, high) if len(content) < SCAN_BYTES else (low, grain)
    return content


def bound(page: bytes) -> bytes:
    """The JPEG as the only page of a PDF, its bytes unchanged, as a scanner does it."""
    from fpdf import FPDF

    document = FPDF(unit="pt", format=(595, 842))
    document.add_page()
    document.image(io.BytesIO(page), x=0, y=0, w=595, h=842)
    return bytes(document.output())
