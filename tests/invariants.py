"""The invariants of ``attacks-and-faults.md`` section 3, checked in one place at the end of every fault test."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

from exchange.deps import clock
from exchange.flows import turn_keys
from storage.documents import GONE
from storage.ledger.receipt import Receipt
from storage.ledger.verify import verify
from tests.world import World


async def check_invariants(world: World) -> None:
    """I1 every version that was not erased or voided reads back whole, and what opens the others is destroyed; I2 nothing else rests in
    the bucket or waits; I3, I5 an outcome has its release before it, a use is delivered once; I6 the log verifies, each citizen's count is dense;
    I7 what rests is not what came in. (I4, I8, I9 and I10 are what the tests themselves look at.)
    """
    parts = world.parts
    await _settled(world)
    async with parts.database.reading() as reading:
        rows = await reading.raw.fetch(
            "SELECT document_id, version, object_key, sha256, size, state, wrapped_key FROM document_version"
        )
        waiting = await reading.raw.fetchval("SELECT count(*) FROM intake")
        seqs = await reading.raw.fetch(
            "SELECT subject_ref, array_agg(subject_seq ORDER BY subject_seq) AS seqs FROM audit_event GROUP BY subject_ref"
        )
    blobs = parts.vault._blobs
    kept = [row for row in rows if row["state"] not in GONE]
    gone = {row["object_key"]: row["wrapped_key"] for row in rows if row["state"] in GONE}
    assert set(gone.values()) <= {b""}
    # The objects of what nobody can open are collected later.
    stored, named = set(await blobs.list()) - set(gone), {row["object_key"] for row in kept}
    assert {"lost": named - stored, "nobody's": stored - named} == {"lost": set(), "nobody's": set()}
    assert waiting == 0
    for row in kept:
        plain = await _read(world, row["document_id"], row["version"])
        assert hashlib.sha256(plain).hexdigest() == row["sha256"]
        assert len(plain) == row["size"]
        assert plain[:64] not in await blobs.get(
            row["object_key"], await _cipher_size(world, row["object_key"])
        )
    for row in seqs:
        assert row["seqs"] == list(range(1, len(row["seqs"]) + 1))
    findings = await verify(
        parts.database, vkeys=list(await turn_keys.known_log_vkeys(parts.database)), keyring=parts.keyring
    )
    assert findings.problems == []
    _deliveries(await world.entries())


def _deliveries(entries: list[dict[str, object]]) -> None:
    released: Counter[tuple[object, str]] = Counter()
    sent: Counter[tuple[object, str]] = Counter()
    for entry in entries:
        if entry.get("names_you"):
            continue  # the same act, told to somebody whom the paper names
        key = (entry.get("ticket"), str(entry.get("doc")))
        if entry["type"] in {"release", "redelivery"} and entry["result"]["allowed"]:  # type: ignore[index]
            released[key] += 1
        if entry["type"] == "outcome":
            assert released[key] > 0, "an outcome without its release"
            sent[key] += entry["outcome"] == "sent"
    assert all(count <= 1 for count in sent.values()), "one use was delivered twice"


async def _read(world: World, document_id: str, version: int) -> bytes:
    vault = world.parts.vault
    place = await vault.find(document_id, version)
    assert place is not None
    receipt = Receipt(0, b"", True, clock(), document_id, version)
    opened = await vault.prepare(place).open(receipt)
    if opened.whole is not None:
        return opened.whole
    assert opened.parts is not None
    return b"".join([part async for part in opened.parts])


async def _cipher_size(world: World, object_key: str) -> int:
    async with world.parts.database.reading() as reading:
        return int(
            await reading.raw.fetchval(
                "SELECT cipher_size FROM document_version WHERE object_key = $1", object_key
            )
        )


async def _settled(world: World) -> None:
    """Outcomes and clean-ups run beside the answers."""
    for _ in range(200):
        async with world.parts.database.reading() as reading:
            if not await reading.raw.fetchval("SELECT count(*) FROM ticket_use WHERE open"):
                return
        await asyncio.sleep(0.05)
    raise AssertionError("a delivery stayed open")
