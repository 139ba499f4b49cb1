"""Frozen bytes of the log (protocols.md 6.1): what this release makes, an earlier one made, and Go's sumdb opens (test_sumdb.py)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from storage.ledger.checkpoint import NoteSigner, NoteVerifier
from storage.ledger.entry import entry_bytes
from storage.ledger.proofs import inclusion
from storage.ledger.publisher import Publisher, open_log
from storage.ledger.tiles import read_tile, tile_at
from storage.ledger.tlog_proof import ProofRefused, TlogProof, read_tlog_proof
from tests.storage.bulk_log import grow, vector_entry, vector_event, vector_salt
from tests.storage.freeze_ledger import vectors
from tests.storage.test_merkle import NOTE, VKEY

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "ledger.json").read_text(encoding="utf-8")
)
VERIFIERS = [NoteVerifier(VKEY)]
PROVEN = VECTORS["proven"]


@pytest.fixture
async def log(database: Database) -> Database:
    """The example's thousand entries, really stored and signed."""
    await open_log(database, VECTORS["origin"])
    await grow(database, map(vector_entry, range(VECTORS["size"])))
    signer = NoteSigner(VECTORS["origin"], bytes.fromhex(VECTORS["log_seed"]))
    await Publisher(database, [signer], at_once=True).sign_head()
    return database


def test_the_vectors_are_those_of_the_definitions() -> None:
    """The frozen file against the naive implementation of the RFC's words, and against what protocols.md prints."""
    assert vectors() == VECTORS
    assert (VECTORS["vkey"], VECTORS["note"].startswith(NOTE)) == (VKEY, True)
    assert VECTORS["note"].endswith(
        "saksi.inspektorat.example 9p78IQAAAABrBTzRJb5sE2Ildt9/+Q8OlhpP2wJYfrzjYGgQ0WeUgAHfZtxzP6DAnHNtOYFPLc6Zcoj5zc9U/+nu3Yezu8Q4cFy/AQ==\n"
    )
    assert VECTORS["entry_0"] == "01bc9747607754dc993781fe1a4e3612aa569e450278b9dfecea23a821e78f0cbe"


async def test_our_code_makes_the_same_bytes(log: Database) -> None:
    """Entries, root, signed note, tiles, bundles and the proof file, from a log in the database. Wrong versions: a path from the root
    downwards; tiles of level 1 that begin above single leaves; a length of four bytes.
    """
    async with log.reading() as reading:
        head = await reading.raw.fetchrow("SELECT size, root FROM log_head")
        signed = await reading.raw.fetchval("SELECT note FROM log_checkpoint")
        tiles = {path: await read_tile(reading, tile_at(path)) for path in VECTORS["tiles_sha256"]}
        path = await inclusion(reading, PROVEN, VECTORS["size"])
    assert vector_entry(0).hex() == VECTORS["entry_0"]
    assert (head["size"], head["root"].hex()) == (VECTORS["size"], VECTORS["root"])
    assert (signed, VECTORS["note"].startswith(signed)) == (NOTE, True)
    assert {path: hashlib.sha256(tile).hexdigest() for path, tile in tiles.items()} == VECTORS["tiles_sha256"]
    extra = vector_salt(PROVEN) + vector_event(PROVEN)
    assert TlogProof(extra, PROVEN, tuple(path), VECTORS["note"]).text() == VECTORS["proof"]


def test_the_proof_file_is_read_and_proves() -> None:
    """The entry comes out of ``extra``; the witness's line behind the log's own disturbs nobody."""
    proof = read_tlog_proof(VECTORS["proof"])
    assert proof.text() == VECTORS["proof"]
    entry = entry_bytes(proof.extra[:32], proof.extra[32:])
    checkpoint = proof.open(entry, VERIFIERS)
    assert (checkpoint.size, checkpoint.root.hex()) == (VECTORS["size"], VECTORS["root"])
    without = replace(proof, extra=b"")
    assert "extra" not in without.text()
    assert read_tlog_proof(without.text()) == without


@pytest.mark.parametrize(
    "what", ["another entry", "another index", "swapped", "shorter", "longer", "another checkpoint"]
)
def test_what_a_proof_file_does_not_prove(what: str) -> None:
    proof = read_tlog_proof(VECTORS["proof"])
    entry, path = vector_entry(PROVEN), proof.path
    changed = {
        "another entry": proof,
        "another index": replace(proof, index=PROVEN + 1),
        "swapped": replace(proof, path=(path[1], path[0], *path[2:])),
        "shorter": replace(proof, path=path[:-1]),
        "longer": replace(proof, path=(*path, path[-1])),
        "another checkpoint": replace(proof, note=proof.note.replace("\n1000\n", "\n1001\n")),
    }[what]
    with pytest.raises(ProofRefused):
        changed.open(vector_entry(PROVEN + 1) if what == "another entry" else entry, VERIFIERS)


_PROOF: str = VECTORS["proof"]
_HASH = _PROOF.split("\n")[3]


@pytest.mark.parametrize(
    "text",
    [
        "",
        _PROOF.replace("@v1", "@v2"),
        _PROOF.replace("c2sp", "C2SP"),
        _PROOF.replace("\n", "\r\n"),
        _PROOF.removesuffix("\n"),
        _PROOF.replace("\n\n\u2014", "\n\u2014"),
        _PROOF.partition("\n\n")[0] + "\n\n",
        _PROOF.replace("index 123", "index 0123"),
        _PROOF.replace("index 123", "index -1"),
        _PROOF.replace("index 123", "index \u0661"),
        _PROOF.replace("index 123", "index  123"),
        _PROOF.replace("index 123", f"index {1 << 63}"),
        _PROOF.replace("index 123", f"index {'9' * 5000}"),
        _PROOF.replace("index 123\n", ""),
        _PROOF.replace("index 123\n", "index 123\nindex 123\n"),
        _PROOF.replace("extra ", "extra  "),
        _PROOF.replace("extra ", "Extra "),
        _PROOF.replace("=\nindex", "\nindex"),
        _PROOF.replace("extra ", "extra \nextra "),
        "\n".join([_PROOF.split("\n", maxsplit=1)[0], "extra ", *_PROOF.split("\n")[2:]]),
        _PROOF.replace(_HASH, f"{_HASH} "),
        _PROOF.replace(_HASH, _HASH[:-2] + "N="),  # the same 32 bytes, spelled otherwise
        _PROOF.replace(_HASH, _HASH[:-4]),
        _PROOF.replace(_HASH, _HASH.replace("/", "_").replace("+", "-").replace("r", "-")),
        _PROOF.replace(_HASH, "\n".join([_HASH] * 64)),
        "\ufeff" + _PROOF,
    ],
)  # fmt: skip
def test_other_spellings_are_refused(text: str) -> None:
    """One proof has one spelling. Wrong version: ``int`` and ``b64decode`` take blanks, signs, other scripts' digits and loose bits."""
    assert text != _PROOF
    with pytest.raises(ProofRefused):
        read_tlog_proof(text)
