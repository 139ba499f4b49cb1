"""The end of a citizen's trail: papers gone, years over; keys destroyed, bodies gone from a raw dump, the neighbours' proofs hold (A58; L04,
L26, L52; protocols.md 6.4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from exchange.deps import clock
from exchange.flows import erase_trails, turn_keys
from storage.citizen_keys import CITIZEN_KEYS
from storage.documents import VERSIONS
from storage.embedded.postgres_binaries import dump_tools
from storage.errors import KeyMissing, SealBroken
from storage.ledger.entry import entry_bytes
from storage.ledger.history import events_of, opened
from storage.ledger.merkle import inclusion_proof, leaf_hash, verify_inclusion
from storage.ledger.tombstones import numbers, ranges
from storage.ledger.verify import Findings, verify
from storage.ledger.work import Trail
from storage.trails import due_trails
from tests.conftest import PostgresServer
from tests.world import NIK, OTHER_NIK, OfficerAt, World

YEARS = 5
AGENCY = "DPMPTSP@6472"


@dataclass
class Resting:
    """Two citizens with a trail; the first one's paper is gone and everything about them six years old."""

    world: World
    officer: OfficerAt
    superuser: str
    gone: str
    stays: str
    kept_rows: list[dict[str, Any]]
    trail: Trail

    async def erases(self) -> int:
        parts = self.world.parts
        return await erase_trails.erase_due(parts.database, parts.keyring, parts.appender, years=YEARS, now=clock())  # fmt: skip

    async def past(self, *statements: str) -> None:
        """What time, or an administrator of the server, does: triggers off."""
        connection = await asyncpg.connect(self.superuser)
        await connection.execute("SET session_replication_role = replica")
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    async def checked(self) -> Findings:
        """At the times that the bodies say, which the verifier compares."""
        parts, moved = (
            self.world.parts,
            "UPDATE audit_event SET at = at {} interval '6 years' WHERE idx <= {}",
        )
        vkeys = list(await turn_keys.known_log_vkeys(parts.database))
        last = self.kept_rows[-1]["idx"]
        await self.past(moved.format("+", last))
        findings = await verify(parts.database, vkeys=vkeys, keyring=parts.keyring)
        await self.past(moved.format("-", last))
        return findings

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        async with self.world.parts.database.reading() as reading:
            return list(await reading.raw.fetch(statement, *arguments))


@pytest.fixture
async def resting(world: World, postgres: PostgresServer) -> Resting:
    officer = await world.officer()
    gone, stays = [await _enrolled_with_paper(world, officer, nik) for nik in (NIK, OTHER_NIK)]
    url = world.parts.settings.database_url
    assert url is not None
    name = urlsplit(url.get_secret_value()).path[1:]
    async with world.parts.database.reading() as reading:
        rows = await reading.raw.fetch("SELECT * FROM audit_event WHERE subject_ref = $1 ORDER BY idx", gone)
    trail = await world.parts.keyring.trail(gone)
    made = Resting(world, officer, postgres.at(postgres.superuser, name), gone, stays, [dict(row) for row in rows], trail)  # fmt: skip
    await made.past(
        f"UPDATE document_version SET state = 'erased', wrapped_key = '' WHERE subject_ref = '{gone}'",
        f"UPDATE audit_event SET at = at - interval '6 years' WHERE idx <= {rows[-1]['idx']}",
        "DELETE FROM seen",  # whom an officer saw is forgotten within hours
    )
    return made


async def _enrolled_with_paper(world: World, officer: OfficerAt, nik: str) -> str:
    """The reference as it rests, not as the agency knows it."""
    subject = await world.enrols(officer, nik)
    await world.stores(officer, subject)
    return world.parts.keyring.meant(AGENCY, subject)


async def test_the_trail_goes_and_its_neighbours_are_proven(resting: Resting) -> None:
    """Every entry stays in the tree; the verifier tells bodies that went by order from bodies that are hidden."""
    before = await resting.checked()
    assert (await resting.erases(), await resting.erases()) == (1, 0)
    after = await resting.checked()
    indexes = [row["idx"] for row in resting.kept_rows]
    assert (after.problems, after.bodies_erased) == ([], len(indexes))
    assert after.size == before.size + 1
    entry = (await resting.world.entries())[-1]
    assert (entry["type"], entry["act"], numbers(entry["entries"])) == ("erase", "trail_erased", indexes)
    assert (entry["subject_erased"], entry["subject_seq_to"], entry["kept_years"]) == (resting.trail.pseudonym, len(indexes), YEARS)  # fmt: skip
    entries = {row["idx"]: row["entry"] for row in await resting.fetch("SELECT idx, entry FROM log_entry")}
    nodes = {(row["level"], row["idx"]): row["hash"] for row in await resting.fetch("SELECT * FROM log_node")}
    nodes |= {(0, index): leaf_hash(value) for index, value in entries.items()}
    (head,) = await resting.fetch("SELECT size, root FROM log_head")
    trail = await resting.world.parts.keyring.trail(resting.stays)
    rows = await resting.fetch("SELECT * FROM audit_event WHERE subject_ref = $1", resting.stays)
    assert rows
    for row in rows:
        leaf = leaf_hash(entry_bytes(*opened(trail, row)))
        path = inclusion_proof(lambda level, index: nodes[level, index], row["idx"], head["size"])
        assert verify_inclusion(leaf, row["idx"], head["size"], path, head["root"])


async def test_the_body_is_gone_from_a_raw_dump(resting: Resting, tmp_path: Path) -> None:
    """Must show: rows, salts and the name are in no table; and who kept the rows opens them with no key that is left. Wrong versions: the
    row is emptied of its key only, or the key goes and the row stays."""
    wrapped = (await resting.fetch("SELECT trail_key FROM citizen_key WHERE id = $1", resting.gone))[0]["trail_key"]  # fmt: skip
    identity = (await resting.fetch("SELECT identity, nik_index FROM subject WHERE ref = $1", resting.gone))[0]  # fmt: skip
    secrets = [wrapped, *identity.values(), *(row["body"] for row in resting.kept_rows)]
    before = await _dumped(resting.superuser, tmp_path / "before.sql")
    assert all(secret.hex() in before for secret in secrets)
    await resting.erases()
    after = await _dumped(resting.superuser, tmp_path / "after.sql")
    assert not any(secret.hex() in after for secret in secrets)
    for keys in await _keys_left(resting):
        for row in resting.kept_rows:
            with pytest.raises(SealBroken):
                opened(Trail(resting.gone, "", keys), row)
    assert opened(resting.trail, resting.kept_rows[0])  # the control: with its key it opens
    resting.world.parts.keyring.forget(resting.gone)
    with pytest.raises(KeyMissing):
        await resting.world.parts.keyring.trail(resting.gone)


async def _keys_left(resting: Resting) -> list[bytes]:
    keyring = resting.world.parts.keyring
    left = [key for key in keyring._site.values() if len(key) == 32]
    for row in await resting.fetch("SELECT id FROM citizen_key WHERE document_key IS NOT NULL"):
        left += [(await keyring.document_key(row["id"]))[1], (await keyring.trail(row["id"])).key]
    assert len(left) >= 6
    return left


async def _dumped(url: str, path: Path) -> str:
    async with asyncio.timeout(30):
        connection = await asyncpg.connect(url)
        major = int(await connection.fetchval("SHOW server_version_num")) // 10_000
        await connection.close()
        process = await asyncio.create_subprocess_exec(dump_tools(major) / "pg_dump", "--format=plain", f"--file={path}", url)  # fmt: skip
        assert await process.wait() == 0
    return await asyncio.to_thread(path.read_text)


async def test_who_comes_back_begins_anew(resting: Resting) -> None:
    """The number leads to nobody any more: another reference, another trail."""
    await resting.erases()
    parts = resting.world.parts
    again = parts.keyring.meant(AGENCY, await resting.world.enrols(resting.officer, NIK))
    assert again not in {resting.gone, resting.stays}
    async with parts.database.reading() as reading:
        events = await events_of(reading, await parts.keyring.trail(again), limit=9)
    assert [body["subject_seq"] for _, body in events] == list(range(len(events), 0, -1))


@pytest.mark.parametrize(
    "still",
    [
        "UPDATE document_version SET state = 'ready' WHERE subject_ref = '{gone}'",
        "UPDATE audit_event SET at = at + interval '2 years'",
        "INSERT INTO withdrawal SELECT 'w_1', 'c_1', '{gone}', '', '', '', '', now(), now(), '', '', '', NULL, 0",
        "UPDATE subject_trail SET seq = seq + 1 WHERE id = '{gone}'",
    ],
)
async def test_nothing_goes_too_early(resting: Resting, still: str) -> None:
    """A paper, an entry within the years, an answer that is owed, a trail that is not whole: nothing changed, no entry."""
    await resting.past(still.format(gone=resting.gone))
    size = len(await resting.world.entries())
    assert await resting.erases() == 0
    assert len(await resting.world.entries()) == size
    async with resting.world.parts.database.reading() as reading:
        (keys,) = await CITIZEN_KEYS.load(reading.raw, "id", [resting.gone])
    assert keys.trail_key


async def test_an_act_between_look_and_batch_keeps_the_trail(resting: Resting) -> None:
    """The batch compares the dense count: refused, on record, nothing destroyed. Wrong version: what was looked up decides."""
    parts = resting.world.parts
    async with parts.database.reading() as reading:
        (due,) = await due_trails(reading, clock(), limit=5)
    await resting.world.enrols(resting.officer, NIK)
    await erase_trails._ordered(parts.keyring, parts.appender, due, YEARS)
    refused = (await resting.world.entries())[-1]
    assert (refused["type"], refused["result"]) == ("erase", {"allowed": False, "reason": "paper_touched"})
    assert await resting.fetch("SELECT 1 FROM trail_erasure") == []
    assert (await parts.keyring.trail(resting.gone)).key == resting.trail.key
    assert (await resting.checked()).problems == []


async def test_a_kill_between_the_order_and_the_deletion(resting: Resting) -> None:
    """Nothing can be opened any more, and the next round deletes it."""
    parts = resting.world.parts
    async with parts.database.reading() as reading:
        (due,) = await due_trails(reading, clock(), limit=5)
    await erase_trails._ordered(parts.keyring, parts.appender, due, YEARS)
    with pytest.raises(KeyMissing):
        await parts.keyring.trail(resting.gone)
    assert await resting.fetch("SELECT 1 FROM audit_event WHERE subject_ref = $1", resting.gone)
    assert await resting.erases() == 1
    assert not await resting.fetch("SELECT 1 FROM audit_event WHERE subject_ref = $1", resting.gone)
    assert (await resting.checked()).problems == []


async def test_a_body_that_somebody_hides_is_found(resting: Resting) -> None:
    """Deleted past the triggers, or its key: no erasure in the log names it. Wrong version: what is gone counts as erased."""
    await resting.erases()
    hidden = (await resting.fetch("SELECT min(idx) AS idx FROM audit_event WHERE subject_ref = $1", resting.stays))[0]["idx"]  # fmt: skip
    await resting.past(f"DELETE FROM audit_event WHERE idx = {hidden}")
    findings = await resting.checked()
    assert "cannot be seen" in findings.problems[0]
    assert findings.first_bad
    assert findings.first_bad[0] <= hidden <= findings.first_bad[1]
    await resting.past(f"UPDATE citizen_key SET trail_key = NULL WHERE id = '{resting.stays}'")
    resting.world.parts.keyring.forget(resting.stays)


async def test_papers_that_are_gone_stay_counted(resting: Resting) -> None:
    await resting.erases()
    async with resting.world.parts.database.reading() as reading:
        (row,) = await VERSIONS.load(reading.raw, "subject_ref", [resting.gone])
        (keys,) = await CITIZEN_KEYS.load(reading.raw, "id", [resting.gone])
    assert (row.state, row.wrapped_key, keys.document_key, keys.trail_key) == ("erased", b"", None, None)


def test_ranges() -> None:
    for indexes in ([], [3], [3, 4, 5, 9], [0, 2, 4]):
        assert numbers(ranges(reversed(indexes))) == indexes
    assert ranges([5, 4, 3, 9]) == "3-5 9"
