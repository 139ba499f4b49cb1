"""``bench intake``: one 200 MB file through ``POST /v1/subjects/{ref}/documents``.

Received, hashed, sealed, stored, read back, on record. The gate is off and the report says so: no paper has 200 MB, and ``bench gate`` measures
its verdict.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from exchange.cli.bench.figures import BYTES_PER_MB, Part, Scale
from exchange.cli.bench.load import upload
from exchange.cli.bench.papers import DOCUMENT_TYPE, JPEG_HEAD
from exchange.cli.bench.people import enrolled, open_counter
from exchange.cli.bench.world import World
from exchange.wiring import at_work

BLOCK_BYTES = 1_048_576
WARM_UP_BYTES = 300 * 1024

Say = Callable[[str], None]


async def intake(world: World, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "intake"."""
    async with at_work(world.settings) as parts:
        counter = await open_counter(parts)
        refs = [(await enrolled(parts, counter, next(world.numbers)))[0] for _ in range(2)]
        first, second = (parts.keyring.pseudonym(counter.officer.agency_id, ref) for ref in refs)
    origin = world.settings.origin
    with world.application() as application:
        warming = _file(world.folder, WARM_UP_BYTES)
        await upload(origin, _path(first), counter.headers(**_headers(warming)), warming)
        say(f"one upload of {scale.upload_bytes / BYTES_PER_MB:g} MB ...")
        large = _file(world.folder, scale.upload_bytes)
        headers = counter.headers(**_headers(large))
        before_mb = application.memory_mb()
        application.watch_peak()
        cpu_s = application.cpu_s()
        seconds = await upload(origin, _path(second), headers, large)
        cpu_s = application.cpu_s() - cpu_s
        growth_mb = max(0.0, application.peak_mb() - before_mb)
    megabytes = scale.upload_bytes / BYTES_PER_MB
    return {
        "intake": {
            "gate": "off",
            "mb_per_s": round(megabytes / seconds, 1),
            "rss_growth_mb": round(growth_mb, 1),
            "file_mb": megabytes,
            "gateway_cpu_ms_per_mb": round(cpu_s * 1000 / megabytes, 2),
        }
    }


def _path(subject_ref: str) -> str:
    return f"/v1/subjects/{subject_ref}/documents?type={DOCUMENT_TYPE}"


def _file(folder: Path, size_bytes: int) -> Path:
    """Random bytes behind the signature of a JPEG; a block repeats, with its number, which no part of the way notices."""
    path = folder / f"upload-{size_bytes}"
    block = os.urandom(BLOCK_BYTES)
    with path.open("wb") as file:
        file.write(JPEG_HEAD)
        while (left := size_bytes - file.tell()) > 0:
            file.write((file.tell().to_bytes(8, "big") + block[8:])[:left])
    return path


def _headers(file: Path) -> dict[str, str]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").digest()
    return {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}
