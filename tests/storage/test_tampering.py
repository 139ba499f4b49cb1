"""Attack A55 by the thousand: a log in PostgreSQL is tampered with in ten ways (an edit is one of entries or of bodies), and the verifier
finds all of it at or below a checkpoint that was held outside. ``make tamper`` runs ten thousand, the suite a few hundred.

A campaign is worth what it catches: four wrong verifiers are planted, and each of them must miss something.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg
import pytest

from storage.database import Database, Reading
from storage.ledger.checkpoint import NoteVerifier
from storage.ledger.page import read_edges
from storage.ledger.verify import Findings, verify
from storage.ledger.verify import database as verifier
from tests.conftest import PostgresServer
from tests.storage.kept_log import SIGNER, TABLES, Keys, Log, made
from tests.storage.tamperings import KINDS

TAMPERINGS = int(os.environ.get("BERKAS_TAMPERINGS", "330"))
SEED = os.environ.get("BERKAS_TAMPER_SEED", "2026")
CASES_PER_LOG = 110
BORDERS = (63, 64, 65, 127, 128, 129, 255, 256, 257)


@dataclass(frozen=True)
class Seen:
    """The rows of one connection, with what it has not committed."""

    raw: asyncpg.Connection

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Reading]:
        yield Reading(self.raw)


@dataclass
class Told:
    """Of each kind: how many, how many found, and of those above the held checkpoint how many were only not covered."""

    done: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    uncovered: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def table(self, title: str) -> str:
        lines = [f"{'kind':24}{'done':>8}{'found':>8}{'not covered':>13}   ({title})"]
        lines += [
            f"{kind:24}{self.done[kind]:8}{self.found[kind]:8}{self.uncovered[kind]:13}" for kind in KINDS
        ]
        total = [sum(counter.values()) for counter in (self.done, self.found, self.uncovered)]
        return "\n".join([*lines, f"{'all':24}{total[0]:8}{total[1]:8}{total[2]:13}"])


Judge = Callable[[Seen, str], Awaitable[Findings]]


async def right(seen: Seen, outside: str) -> Findings:
    return await verify(seen, vkeys=[SIGNER.vkey()], outside=outside, keyring=Keys())  # type: ignore[arg-type]


class Campaign:
    """``above``: what is tampered with lies behind the held checkpoint, not at or below it."""

    def __init__(self, connection: asyncpg.Connection, database: Database, *, above: bool = False) -> None:
        self._connection, self._database, self._above = connection, database, above

    async def run(self, judge: Judge, count: int, *, until_a_miss: bool = False) -> Told:
        told, number = Told(), 0
        while sum(told.done.values()) < count:
            await self._log(
                judge,
                told,
                f"{SEED}:{number}",
                min(CASES_PER_LOG, count - sum(told.done.values())),
                until_a_miss,
            )
            number += 1
            if until_a_miss and told.misses:
                break
        return told

    async def _log(self, judge: Judge, told: Told, seed: str, cases: int, until_a_miss: bool) -> None:
        rng = random.Random(seed)
        size = rng.choice(BORDERS) if rng.random() < 0.5 else rng.randrange(60, 300)
        await self._connection.execute(f"TRUNCATE {', '.join(TABLES)}")
        await made(self._database, size, {size // 3, size // 2, size - 20}, rng)
        log = await Log.read(self._connection)
        async with rolled_back(self._connection):
            for case in range(cases):
                name = f"{seed}:{case}"
                kind = list(KINDS)[case % len(KINDS)]
                await self._case(judge, told, log, kind, name)
                if until_a_miss and told.misses:
                    return

    async def _case(self, judge: Judge, told: Told, log: Log, kind: str, name: str) -> None:
        rng = random.Random(name)
        sizes = [size for size in log.notes if 2 <= size <= log.size - (3 if self._above else 0)]
        held = rng.choice(sizes)
        tampered = log.copy()
        KINDS[kind](tampered, range(held, log.size) if self._above else range(held), rng)
        async with rolled_back(self._connection):
            await tampered.put(self._connection, log)
            findings = await judge(Seen(self._connection), log.notes[held])
        told.done[kind] += 1
        told.found[kind] += bool(findings.problems)
        told.uncovered[kind] += not findings.problems
        if not findings.problems and not (self._above and findings.covered <= held <= findings.size):
            told.misses.append(f"{kind}: BERKAS_TAMPER_SEED, log and case {name}")
        elif findings.problems:
            assert _names_it(findings, log, tampered), (
                f"{name}: {kind}: {findings.problems} {findings.first_bad}"
            )


def _names_it(findings: Findings, log: Log, tampered: Log) -> bool:
    """The first bad entry is not behind those that are named, and what is said to be covered is good."""
    places = range(log.size + 2)

    def changed(table: str) -> int | None:
        was, now = log.tables[table], tampered.tables[table]
        return next((place for place in places if was.get(place) != now.get(place)), None)

    entry, body = changed("log_entry"), changed("audit_event")
    first = min((place for place in (entry, body) if place is not None), default=-1)
    return (entry is None or findings.covered <= entry) and (
        findings.first_bad is None or first <= findings.first_bad[1]
    )


@contextlib.asynccontextmanager
async def rolled_back(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction, or a savepoint inside of one, of which nothing stays."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


@pytest.fixture
async def tamperer(database_url: str, postgres: PostgresServer) -> AsyncIterator[asyncpg.Connection]:
    """The owner of the server, triggers off: they refuse it to everybody else."""
    connection = await asyncpg.connect(postgres.at(postgres.superuser, database_url.rpartition("/")[2]))
    await connection.execute(
        "SET session_replication_role = replica; SET enable_seqscan = off; SET jit = off"
    )
    yield connection
    await connection.close()


async def test_whatever_was_tampered_with_is_found(tamperer: asyncpg.Connection, database: Database) -> None:
    """A55. At or below the held checkpoint: everything, and the first bad entry is among those that are named."""
    began_s = time.monotonic()
    told = await Campaign(tamperer, database).run(right, TAMPERINGS)
    print(
        f"\n{told.table('at or below the held checkpoint')}\n{time.monotonic() - began_s:.0f} s, seed {SEED}"
    )
    assert told.misses == []
    assert sum(told.found.values()) == sum(told.done.values()) == TAMPERINGS


async def test_above_the_held_checkpoint_it_is_found_or_not_covered(
    tamperer: asyncpg.Connection, database: Database
) -> None:
    """Nobody outside holds those entries: what was made whole again cannot be seen, and is never said to be covered."""
    told = await Campaign(tamperer, database, above=True).run(right, max(110, TAMPERINGS // 10))
    print(f"\n{told.table('above the held checkpoint')}")
    assert told.misses == []
    assert told.uncovered["database rolled back"], "one that nothing can find was not tried"
    assert told.found["edit an entry"] > told.uncovered["edit an entry"]


async def trusting_nodes(seen: Seen, outside: str) -> Findings:
    """The wrong version: roots from the stored subtrees, the entries only counted."""
    held, findings = NoteVerifier(SIGNER.vkey()).open(outside), Findings()
    size = await seen.raw.fetchval("SELECT size FROM log_head")
    (edge,) = await read_edges(seen.raw, held.size)
    if (
        edge is None
        or edge.root() != held.root
        or await seen.raw.fetchval("SELECT count(*) FROM log_entry") != size
    ):
        findings.problems.append("not whole")
    return findings


async def trusting_the_head(seen: Seen, outside: str) -> Findings:
    """The wrong version: the head's root against the newest stored checkpoint, its size against the held one."""
    held, findings = NoteVerifier(SIGNER.vkey()).open(outside), Findings()
    head = await seen.raw.fetchrow("SELECT size, root FROM log_head")
    newest = await seen.raw.fetchrow("SELECT size, root FROM log_checkpoint ORDER BY size DESC LIMIT 1")
    same = newest is None or newest["size"] != head["size"] or newest["root"] == head["root"]
    if head["size"] < held.size or not same or (head["size"] == held.size and head["root"] != held.root):
        findings.problems.append("not whole")
    return findings


async def asking_the_database_alone(seen: Seen, _outside: str) -> Findings:
    """The wrong version: everything is recomputed, and compared with the checkpoints that lie beside it."""
    return await verify(seen, vkeys=[SIGNER.vkey()], keyring=Keys())  # type: ignore[arg-type]


async def stopping_at_the_head(seen: Seen, outside: str) -> Findings:
    """The wrong version: nothing is asked about what stands behind the head."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verifier, "_BEHIND", "SELECT 'nothing' WHERE false")
        return await right(seen, outside)


@pytest.mark.parametrize(
    "wrong", [trusting_nodes, trusting_the_head, asking_the_database_alone, stopping_at_the_head]
)
async def test_a_wrong_verifier_is_caught(
    tamperer: asyncpg.Connection, database: Database, wrong: Judge
) -> None:
    campaign = Campaign(tamperer, database)
    with pytest.MonkeyPatch.context() as patch:  # what a wrong one names is nothing to go by
        patch.setattr(f"{__name__}._names_it", lambda *_: True)
        told = await campaign.run(wrong, 660, until_a_miss=True)
    assert told.misses, "the campaign would not have noticed"
