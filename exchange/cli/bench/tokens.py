"""``bench tokens``: what the token endpoint gives, and what a machine's token with its proof costs to verify."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from auth.client_tokens import verified_proof
from auth.keys import PURPOSES, KeySet, generate_signing_key
from auth.tokens import ACCESS, TokenDesk
from exchange.cli.bench.back_end import BackEnd, open_back_end
from exchange.cli.bench.figures import Part, Scale
from exchange.cli.bench.load import Generator
from exchange.cli.bench.people import open_counter
from exchange.cli.bench.world import World
from exchange.deps import clock
from exchange.wiring import at_work

CONCURRENCY = 8
ISSUER = "https://berkas.example"
PATH = "/v1/services"

T = TypeVar("T")
Say = Callable[[str], None]


async def tokens(world: World, generator: Generator, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "tokens". A token costs an assertion, a proof and two rows that say that they were used."""
    async with at_work(world.settings) as parts:
        await open_counter(parts)
        back_end = await open_back_end(parts)
    with world.application() as application:
        warming = [back_end.token_call() for _ in range(max(1, scale.tokens // 10))]
        await generator.run(world.settings.origin, warming, CONCURRENCY)
        say(f"{scale.tokens} access tokens ...")
        calls = [back_end.token_call() for _ in range(scale.tokens)]
        cpu_s = application.cpu_s()
        load = await generator.run(world.settings.origin, calls, CONCURRENCY)
        cpu_s = application.cpu_s() - cpu_s
    say("verifying ...")
    return {
        "tokens": {
            "rps": round(load.requests / load.seconds, 1),
            "gateway_cpu_ms": round(cpu_s / load.requests * 1000, 3),
            "per_core_s": round(load.requests / cpu_s, 1),
            **_verifying(scale.tokens),
            "judged": generator.cheap,
        }
    }


def _verifying(number: int) -> Part:
    """CPU of one token and one proof, both seen for the first time, beside two bare verifications in the same minute."""
    now = clock()
    key = generate_signing_key("access", now)
    public, bare = key.private_key.public_key(), ec.ECDSA(hashes.SHA256())
    signature = key.private_key.sign(b"x" * 500, bare)
    raw_ms = _cpu_ms(iter(range(number)), lambda _: public.verify(signature, b"x" * 500, bare))
    ours_ms = _cpu_ms(_shown(BackEnd(ISSUER, "bench", key), number, now), _verify(now))
    return {
        "verify_cpu_ms": round(ours_ms, 4),
        "raw_verify_cpu_ms": round(raw_ms, 4),
        "of_two_raw": round(ours_ms / (2 * raw_ms), 2),
    }


_Shown = tuple[TokenDesk, str, str]


def _shown(back_end: BackEnd, number: int, now: datetime) -> Iterator[_Shown]:
    """A desk that has seen nothing yet, a token of its issuer, and a proof about it."""
    keys = KeySet([generate_signing_key(purpose, now) for purpose in PURPOSES])
    issued_s = int(now.timestamp())
    for _ in range(number):
        claims = {"iat": issued_s, "exp": issued_s + 300, "jti": secrets.token_urlsafe(16)}
        names = {"sub": "bench", "client_id": "bench", "scope": "tickets.issue"}
        bound = {"cnf": {"jkt": back_end.jkt}}
        token = TokenDesk(ISSUER, f"{ISSUER}/v1", keys).sign(ACCESS, claims | names | bound)
        yield TokenDesk(ISSUER, f"{ISSUER}/v1", keys), token, back_end.redeeming(PATH, token)["DPoP"]


def _verify(now: datetime) -> Callable[[_Shown], object]:
    def verify(shown: _Shown) -> object:
        desk, token, proof = shown
        desk.verify(ACCESS, token, now)
        return verified_proof(proof, method="GET", uri=ISSUER + PATH, now=now, access_token=token)

    return verify


def _cpu_ms(items: Iterator[T], work: Callable[[T], object]) -> float:
    """For each item; making it is not counted."""
    prepared = list(items)
    began_s = time.process_time()
    for item in prepared:
        work(item)
    return (time.process_time() - began_s) / len(prepared) * 1000
