"""Who is unknown is refused like who is known: in text, in status, and in time (A17, A19, A61).

In the suite a few samples, which must not come before the floor; `make timing` takes a thousand of each kind and compares their
distributions (Kolmogorov and Smirnov, two samples, p > 0.01).
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx

from exchange import client_assertions, sessions
from exchange.flows import run_officers
from exchange.passwords import hash_password
from tests.backend import Backend
from tests.world import PASSWORD, SITE, World

REAL_FLOORS = True
SAMPLES = int(os.environ.get("BERKAS_TIMING_SAMPLES", "8"))
COMPARED_FROM = 500
TRIES_OF_A_NAME = 9  # the tenth would lock it
Attempt = Callable[[], Awaitable[httpx.Response]]


def kolmogorov_smirnov(one: Sequence[float], other: Sequence[float]) -> float:
    """The probability that two samples of one distribution differ so much (asymptotic, Numerical Recipes 14.3)."""
    first, second = sorted(one), sorted(other)
    apart, i, j = 0.0, 0, 0
    while i < len(first) and j < len(second):
        value = min(first[i], second[j])
        while i < len(first) and first[i] == value:
            i += 1
        while j < len(second) and second[j] == value:
            j += 1
        apart = max(apart, abs(i / len(first) - j / len(second)))
    size = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scale = (size + 0.12 + 0.11 / size) * apart
    terms = [2 * (-1) ** (k - 1) * math.exp(-2 * k * k * scale * scale) for k in range(1, 101)]
    return min(1.0, max(0.0, sum(terms))) if scale > 0 else 1.0


def test_the_statistic_tells_two_distributions_apart() -> None:
    chance = random.Random(7)
    flat = [[chance.random() for _ in range(1_000)] for _ in range(2)]
    assert kolmogorov_smirnov(*flat) > 0.01
    assert kolmogorov_smirnov(flat[0], [value + 0.1 for value in flat[1]]) < 1e-4
    assert kolmogorov_smirnov([1.0] * 9, [1.0] * 9) == 1.0


async def _sampled(
    kinds: dict[str, list[Attempt]], *, at_once: int
) -> dict[str, list[tuple[float, httpx.Response]]]:
    """In random order, so that nothing that changes meanwhile is one kind's alone."""
    order = [(kind, attempt) for kind, attempts in kinds.items() for attempt in attempts]
    random.Random(1).shuffle(order)
    found: dict[str, list[tuple[float, httpx.Response]]] = {kind: [] for kind in kinds}
    gate = asyncio.Semaphore(at_once)

    async def one(kind: str, attempt: Attempt) -> None:
        async with gate:
            began_s = time.perf_counter()
            answer = await attempt()
            found[kind].append((time.perf_counter() - began_s, answer))

    await asyncio.gather(*(one(kind, attempt) for kind, attempt in order))
    return found


def _compared(found: dict[str, list[tuple[float, httpx.Response]]], floor_s: float) -> None:
    told = {
        (answer.status_code, tuple(sorted(item for item in answer.json().items() if item[0] != "request_id")))
        for samples in found.values()
        for _, answer in samples
    }
    assert len(told) == 1, told
    assert {len(answer.content) for samples in found.values() for _, answer in samples} == {
        len(next(iter(found.values()))[0][1].content)
    }
    times = {kind: [time_s for time_s, _ in samples] for kind, samples in found.items()}
    assert min(min(each) for each in times.values()) >= floor_s
    first, *others = times
    for kind in others if SAMPLES >= COMPARED_FROM else ():
        probability = kolmogorov_smirnov(times[first], times[kind])
        print(f"{first} and {kind}: {SAMPLES} samples of each, p = {probability:.3f}")
        assert probability > 0.01, (first, kind, probability)


async def test_officers(world: World) -> None:
    parts, names = world.parts, -(-SAMPLES // TRIES_OF_A_NAME)
    hashed = await hash_password(PASSWORD)
    for number in range(names):
        await run_officers.add_officer(
            parts.keyring, parts.appender, username=f"petugas-{number}", name="Petugas Contoh",
            agency_id=f"DPMPTSP@{SITE}", counter="9", role="officer", password_hash=hashed,
        )  # fmt: skip

    def attempt(username: str) -> Attempt:
        body = {"username": username, "password": "bukan kata sandinya"}
        return lambda: world.client.post("/v1/session", json=body)

    found = await _sampled(
        {
            "a wrong password": [attempt(f"petugas-{n % names}") for n in range(SAMPLES)],
            "an unknown name": [attempt(f"bukan-{n % names}") for n in range(SAMPLES)],
        },
        at_once=2,  # passwords are slow: more would wait for each other
    )
    _compared(found, sessions.REFUSED_AFTER_S)


async def test_clients(world: World) -> None:
    known = await Backend(world).registered()
    stranger = Backend(world, "tidak-terdaftar")
    another_key = Backend(world)
    another_key.jwk["kid"] = known.jwk["kid"]  # the name of the right key, and not the key
    another_name = Backend(world)

    def attempts(backend: Backend) -> list[Attempt]:
        return [backend.asks for _ in range(SAMPLES)]

    found = await _sampled(
        {
            "a wrong key": attempts(another_key),
            "an unknown client": attempts(stranger),
            "an unknown key": attempts(another_name),
        },
        at_once=8,
    )
    _compared(found, client_assertions.REFUSED_AFTER_S)
