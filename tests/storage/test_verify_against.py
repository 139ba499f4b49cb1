"""The database against what is held outside: several checkpoints, a quorum of witnesses, receipts; and the program itself."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from storage.database import Database
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.cosignature import CosignatureSigner, parted
from storage.ledger.merkle import leaf_hash
from storage.ledger.policy import Policy
from storage.ledger.verify import verify
from storage.ledger.verify.shown import Held
from tests.conftest import PostgresServer
from tests.rules.house import ROOT
from tests.storage.kept_log import SIGNER, Keys, Log, made, tiles_of
from tests.storage.shown_log import ShownLog, archive, archive_of
from tests.storage.test_verify_tiles import Static

WITNESS = CosignatureSigner("saksi.test", b"\x05" * 32)
POLICY = Policy.read(f"witness inspektorat {WITNESS.vkey()}\nquorum inspektorat\n")


@pytest.fixture
async def rows(
    database: Database, database_url: str, postgres: PostgresServer
) -> AsyncIterator[asyncpg.Connection]:
    """A log of 90 entries with checkpoints at about 30, 60 and 90; the connection of somebody who may do everything."""
    await made(database, 90, {30, 60}, random.Random(1))
    connection = await asyncpg.connect(postgres.at(postgres.superuser, database_url.rpartition("/")[2]))
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def test_several_checkpoints_say_how_far_it_is_proven(
    database: Database, rows: asyncpg.Connection
) -> None:
    """The first bad entry lies between the last one that agrees and the first that does not; newer entries are not covered."""
    log = await Log.read(rows)
    notes = [note for _, note in sorted(log.notes.items())]
    sizes = sorted(log.notes)
    covered, later = sizes[0], sizes[-2]
    findings = await verify(database, vkeys=[SIGNER.vkey()], outside=notes[:1])
    assert (findings.problems, findings.covered) == ([], covered)
    assert findings.as_json()["not_covered"] == sizes[-1] - covered
    forged = log.copy()
    entries = forged.entries
    entries[later - 2] = b"\x01" + bytes(32)
    forged.write(entries, forged.bodies)
    forged.rehash()
    forged.sign_again()
    await forged.put(rows, log)
    assert (
        await verify(database, vkeys=[SIGNER.vkey()], outside=notes[:1])
    ).problems == []  # not covered, and said so
    findings = await verify(database, vkeys=[SIGNER.vkey()], outside=[notes[-2], notes[0]])
    assert findings.problems == [
        f"entries {covered} to {later - 1}: the log differs from a checkpoint of {later} entries"
    ]
    assert findings.covered == covered


async def test_a_quorum_holds_a_checkpoint_wherever_it_lies(
    database: Database, rows: asyncpg.Connection
) -> None:
    """The wrong version lets any stored checkpoint cover: its signer has the database, the witnesses have not."""
    log = await Log.read(rows)
    size = sorted(log.notes)[-2]
    alone = await verify(database, vkeys=[SIGNER.vkey()], policy=POLICY)
    assert (alone.problems, alone.covered) == (["no checkpoint is cosigned by the quorum of the policy"], 0)
    line = WITNESS.line(parted(log.notes[size])[0], 1_795_505_361)
    await rows.execute(
        "INSERT INTO log_cosignature (size, witness, line, at) VALUES ($1, 'saksi.test', $2, now())",
        size,
        line,
    )
    findings = await verify(database, vkeys=[SIGNER.vkey()], policy=POLICY)
    assert (findings.problems, findings.covered) == ([], size)
    outside = await verify(database, vkeys=[SIGNER.vkey()], policy=POLICY, outside=log.notes[size])
    assert "not cosigned by the quorum" in outside.problems[0]
    forged = CosignatureSigner("saksi.test", b"\x06" * 32).line(parted(log.notes[size])[0], 1)
    await rows.execute("UPDATE log_cosignature SET line = $1", forged)
    assert (await verify(database, vkeys=[SIGNER.vkey()], policy=POLICY)).covered == 0


async def test_receipts_and_numbers_against_the_rows(database: Database, rows: asyncpg.Connection) -> None:
    """A receipt's leaf against the entry. Without the root key the numbers beside the sealed bodies still show what is hidden."""
    log = await Log.read(rows)
    held = Held()
    held.claim(44, leaf_hash(log.entries[44]), "a receipt")
    held.claim(51, leaf_hash(log.entries[50]), "another receipt")
    findings = await verify(database, vkeys=[SIGNER.vkey()], held=held)
    assert findings.problems == ["entry 51: not the one that another receipt proves"]
    await rows.execute("DELETE FROM audit_event WHERE idx = 51")
    findings = await verify(database, vkeys=[SIGNER.vkey()])
    assert findings.problems[0] == "entry 51: its body is gone, and no erasure in the log names it"
    await log.put(rows, await Log.read(rows))
    await rows.execute("UPDATE subject_trail SET seq = seq + 1 WHERE id = 'site'")
    assert "were given out" in (await verify(database, vkeys=[SIGNER.vkey()])).problems[0]


async def test_an_erasure_on_record_explains_bodies_that_are_gone(
    database: Database, rows: asyncpg.Connection
) -> None:
    """A citizen's first entries are erased, the proofs hold. One body more that goes with them is named: the wrong version lets any body be
    gone once anything was erased. Opened, the entry of the order must name them (``tests/flows/test_trail_erasure.py``: the real one does).
    """
    log = await Log.read(rows)
    bodies = log.bodies
    mine = [body for body in bodies if body.subject_ref == "sbj_1"]
    order = next(body for body in bodies if body.subject_ref == "site").item_id
    await rows.execute(
        "INSERT INTO trail_erasure VALUES ('sbj_1', $1, 'L26', $2, now())", order, len(mine) - 1
    )
    await rows.execute("DELETE FROM audit_event WHERE subject_ref = 'sbj_1' AND subject_seq < $1", len(mine))
    findings = await verify(database, vkeys=[SIGNER.vkey()])
    assert (findings.problems, findings.bodies_erased) == ([], len(mine) - 1)
    unnamed = await verify(database, vkeys=[SIGNER.vkey()], keyring=Keys())  # type: ignore[arg-type]
    assert unnamed.problems == [f"entry {mine[0].idx}: its body is gone, and no erasure in the log names it"]
    await rows.execute("DELETE FROM audit_event WHERE subject_ref = 'sbj_1'")  # the last one was not ordered
    assert (await verify(database, vkeys=[SIGNER.vkey()])).problems
    await log.put(rows, await Log.read(rows))
    middle = [body for body in bodies if body.subject_ref == "sbj_2"][1]
    await rows.execute("DELETE FROM audit_event WHERE idx = $1", middle.idx)
    assert (
        "number 2 in the list of one citizen" in (await verify(database, vkeys=[SIGNER.vkey()])).problems[0]
    )
    await rows.execute("UPDATE trail_erasure SET item_id = 'i_never'")
    assert "no erasure in the log" in (await verify(database, vkeys=[SIGNER.vkey()])).problems[0]


async def test_a_checkpoint_of_another_log_covers_nothing(
    database: Database, rows: asyncpg.Connection
) -> None:
    """Somebody names two logs' keys: the wrong version takes either's checkpoint for this log's."""
    log = await Log.read(rows)
    other = NoteSigner("berkas.other/akses", b"\x09" * 32)
    size = min(log.notes)
    findings = await verify(
        database, vkeys=[SIGNER.vkey(), other.vkey()], outside=other.sign(size, log.roots()[size])
    )
    assert findings.problems == [
        "the checkpoint from outside is of berkas.other/akses, this log is berkas.test/akses"
    ]


def _verify(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "storage.ledger.verify", *words]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
    return subprocess.run(
        command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False
    )


def test_the_program_judges_files_and_a_live_log(tmp_path: Path) -> None:
    """What an auditor types. Exit codes: 0 whole, 3 not whole, 1 unreadable."""
    log = ShownLog.of(40)
    bundle, vkey = archive(log.bundle(3), tmp_path / "b.zip"), SIGNER.vkey()
    (tmp_path / "jwks.json").write_bytes(archive_of(log.signing))
    (tmp_path / "kept").write_text(log.note(20))
    (tmp_path / "receipt.jws").write_text(log.receipt(7))
    whole = _verify("--export", str(bundle), "--json", BERKAS_LOG_VKEY=vkey)
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["proofs"] == 1
    (tmp_path / "kept-other").write_text(ShownLog.of(40, citizens=2).note())
    forked = _verify("--export", str(bundle), "--checkpoint", str(tmp_path / "kept-other"), "--vkey", vkey)
    assert (forked.returncode, "THE LOG IS NOT WHOLE" in forked.stdout) == (3, True)
    for words in (
        ["--export", str(bundle)],
        ["--vkey", vkey],
        ["--vkey", "x", "--export", str(bundle)],
        ["--vkey", vkey, "--url", "http://127.0.0.1:9"],
    ):
        unreadable = _verify(*words)
        assert (unreadable.returncode, unreadable.stderr.count("\n")) == (1, 1), unreadable.stderr
        assert unreadable.stderr.startswith("cannot verify: ")
    server = Static()
    server.files = tiles_of(log.entries, log.note())
    live = _verify(
        "--url", server.url, "--vkey", vkey, "--checkpoint", str(tmp_path / "kept"), "--receipt", str(tmp_path / "receipt.jws"),
        "--jwks", str(tmp_path / "jwks.json"), "--export", str(bundle), "--json",
    )  # fmt: skip
    server.close()
    assert live.returncode == 0, live.stdout + live.stderr
    findings = json.loads(live.stdout)
    assert (findings["size"], findings["covered"], findings["receipts"], findings["not_covered"]) == (
        40,
        40,
        2,
        0,
    )
