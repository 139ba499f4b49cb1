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
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import uvloop
from yarl import URL

PART_BYTES = 1_048_576
_LIMITS = aiohttp.ClientTimeout(total=120)


async def calls(origin: str, listed: Path, output: Path, connections: int, *, keep_bodies: bool) -> None:
    """Each line of ``listed`` once: method, path, body and headers, separated by tabs."""
    lines = iter(listed.read_text(encoding="ascii").splitlines())
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
            if keep_bodies:
                bodies.append(received.decode())

    async with _session(connections) as session:
        began_s = time.time()
        await asyncio.gather(*(caller(session, lines) for _ in range(connections)))
        ended_s = time.time()
    if keep_bodies:
        output.with_name(f"{output.name}.bodies").write_text("\n".join(bodies) + "\n", encoding="utf-8")
    result = {
        "requests": sum(counts.values()),
        "errors": errors,
        "began_us": int(began_s * 1e6),
        "ended_us": int(ended_s * 1e6),
        "counts": sorted(counts.items()),
    }
    output.write_text(json.dumps(result), encoding="utf-8")


async def upload(origin: str, file: Path, output: Path, path: str, headers: dict[str, str]) -> None:
    """One file as a raw body of known length."""

    async def parts() -> AsyncIterator[bytes]:
        with file.open("rb") as opened:
            while part := opened.read(PART_BYTES):
                yield part

    named = {**headers, "Content-Length": str(file.stat().st_size)}
    async with _session(1) as session:
        began = time.perf_counter()
        url = URL(origin + path, encoded=True)
        async with session.post(url, data=parts(), headers=named) as answer:
            await answer.read()
        result = {"status": answer.status, "seconds": time.perf_counter() - began}
    output.write_text(json.dumps(result), encoding="utf-8")


def _session(connections: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=_LIMITS,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=PART_BYTES,
    )


def main(arguments: list[str]) -> None:
    what, origin, source, output, more, *flags = arguments
    if what == "calls":
        uvloop.run(calls(origin, Path(source), Path(output), int(more), keep_bodies="--bodies" in flags))
    else:
        asked = json.loads(more)
        uvloop.run(upload(origin, Path(source), Path(output), asked["path"], asked["headers"]))


if __name__ == "__main__":
    main(sys.argv[1:])
