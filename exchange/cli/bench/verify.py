"""``bench verify``: the whole log recomputed from the database, with its bodies sealed and with them opened; receipts apart.

The entries are written by what writes every entry (``storage/ledger/page.py``), in large batches that nobody waits for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

import asyncpg

from auth.tokens import RECEIPT
from auth.verdict import ALLOWED
from exchange.cli.bench.figures import BenchError, Part, Scale
from exchange.cli.bench.people import open_counter
from exchange.cli.bench.readiness import copied_citizens
from exchange.cli.bench.world import World
from exchange.deps import Parts, clock
from exchange.flows import turn_keys
from exchange.wiring import at_work
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.es256 import read_keys, read_record
from storage.ledger.facts import Facts, Need
from storage.ledger.page import Page, read_edges
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.verify import verify as verified
from storage.ledger.work import Event, Trail

CITIZENS = 5_000
ENTRIES_AT_ONCE = 5_000
MILLION = 1_000_000

Say = Callable[[str], None]


async def verify(world: World, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "verify"."""
    async with at_work(world.settings) as parts:
        await open_counter(parts)
        connection = await asyncpg.connect(world.owner_url)
        try:
            say(f"{scale.verify_entries} entries of {CITIZENS} citizens ...")
            refs = await copied_citizens(connection, parts, min(CITIZENS, scale.verify_entries))
            trails = [await parts.keyring.trail(ref) for ref in refs]
            for start in range(0, scale.verify_entries, ENTRIES_AT_ONCE):
                await _written(connection, trails, start, min(scale.verify_entries, start + ENTRIES_AT_ONCE))
            await connection.execute("ANALYZE log_entry, log_node, audit_event")
        finally:
            await connection.close()
        await parts.publisher.sign_head()
        say("verifying ...")
        figures = await _verified(parts, None)
        say("verifying, every body opened ...")
        figures["opened"] = await _verified(parts, parts.keyring)
        figures["receipts_per_s"] = _receipts(parts, scale.receipts)
    return {"verify": figures}


async def _written(connection: asyncpg.Connection, trails: Sequence[Trail], start: int, stop: int) -> None:
    async with connection.transaction():
        await connection.execute("SELECT FROM log_head WHERE id = 1 FOR UPDATE")
        facts, head = await Facts.read(
            connection, [Need(SUBJECT_TRAILS, trail.subject_ref) for trail in trails]
        )
        (edge,) = await read_edges(connection, head.size)
        if edge is None:
            raise BenchError("the log is damaged")
        page = Page(edge, facts, head.now)
        for number in range(start, stop):
            trail = trails[number * 7919 % len(trails)]
            details = {"agency": "DPMPTSP@6472", "counter": "1", "ticket": new_id("t"), "n": number}
            page.add(new_id("i"), [Event("release", trail, "officer:bench", details)], ALLOWED)
        await page.write(connection)


async def _verified(parts: Parts, keyring: Keyring | None) -> Part:
    vkeys = list(await turn_keys.known_log_vkeys(parts.database))
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    findings = await verified(parts.database, vkeys=vkeys, keyring=keyring)
    seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    if findings.problems:
        raise BenchError(f"the log is not whole: {findings.problems[0]}")
    return {
        "entries": findings.size,
        "seconds": round(seconds, 2),
        "cpu_s": round(cpu_s, 2),
        "seconds_per_million": round(seconds / findings.size * MILLION, 2),
        "bodies": findings.bodies_opened,
    }


def _receipts(parts: Parts, number: int) -> float:
    """ES256 by ``cryptography`` alone, each seen for the first time."""
    now_s = int(clock().timestamp())
    place = {"origin": "berkas.example/akses", "index": 1, "leaf_sha256": "0" * 64}
    claims = {"iat": now_s, "ticket": "t", "consent": {}, "recipient": "a", "doc": {}, "log": place}
    made = [parts.desk.sign(RECEIPT, claims | {"jti": f"r_{n:020}"}) for n in range(number)]
    keys = read_keys(json.dumps(parts.desk.keys.jwks()))
    began_s = time.perf_counter()
    for jws in made:
        read_record(jws, keys)
    return round(number / (time.perf_counter() - began_s), 1)
