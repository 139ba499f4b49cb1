"""The load generator where wrk is not installed, and the one upload: ``python -m exchange.cli.bench.client``.

A process of its own, so that its CPU time does not count as the gateway's; it costs about as much as the gateway does,
which is why figures under it are reported and not judged.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import uvloop
from yarl import URL

PART_BYTES = 1_048_576
KEPT_BYTES = 65_536  # an answer of JSON; documents are read and forgotten
_LIMITS = aiohttp.ClientTimeout(total=120)


async def calls(origin: str, listed: Sequence[str], connections: int) -> tuple[dict[str, Any], list[str]]:
    """Each of ``listed`` once: method, path, body and headers, separated by tabs. Returns figures and answers."""
    lines = iter(listed)
    counts: Counter[int] = Counter()
    errors = 0
    bodies: list[str] = []

    async def caller(session: aiohttp.ClientSession, mine: Iterator[str]) -> None:
        nonlocal errors
        for line in mine:
            method, path, body, *headers = line.split("\t")
            named = dict(header.split(": ", 1) for header in headers)
            began = time.perf_counter()
            url = URL(origin + path, encoded=True)
            async with session.request(method, url, headers=named, data=body or None) as answer:
                received = await answer.read()
            counts[int((time.perf_counter() - began) * 1e6)] += 1
            errors += not 200 <= answer.status < 300
            if len(received) < KEPT_BYTES:
                bodies.append(received.decode(errors="replace"))

    async with _session(connections) as session:
        began_s = time.time()
        await asyncio.gather(*(caller(session, lines) for _ in range(connections)))
        ended_s = time.time()
    result = {
        "requests": sum(counts.values()),
        "errors": errors,
        "began_us": int(began_s * 1e6),
        "ended_us": int(ended_s * 1e6),
        "counts": sorted(counts.items()),
    }
    return result, bodies


async def upload(origin: str, file: BinaryIO, path: str, headers: dict[str, str]) -> dict[str, Any]:
    """One file as a raw body of known length; ``headers`` state it."""

    async def parts() -> AsyncIterator[bytes]:
        while part := file.read(PART_BYTES):
            yield part

    async with _session(1) as session:
        began = time.perf_counter()
        url = URL(origin + path, encoded=True)
        async with session.post(url, data=parts(), headers=headers) as answer:
            await answer.read()
        return {"status": answer.status, "seconds": time.perf_counter() - began}


def _session(connections: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=_LIMITS,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=PART_BYTES,
    )


def main(arguments: list[str]) -> None:
    what, origin, source, target, more, *flags = arguments
    output = Path(target)
    if what == "calls":
        listed = Path(source).read_text(encoding="ascii").splitlines()
        result, bodies = uvloop.run(calls(origin, listed, int(more)))
        if "--bodies" in flags:
            output.with_name(f"{output.name}.bodies").write_text("\n".join(bodies) + "\n", encoding="utf-8")
    else:
        asked = json.loads(more)
        with Path(source).open("rb") as file:
            length = {"Content-Length": str(Path(source).stat().st_size)}
            result = uvloop.run(upload(origin, file, asked["path"], asked["headers"] | length))
    output.write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
