"""The tree against RFC 9162, the protocol's vector, and a naive implementation of the RFC's own definition."""

from __future__ import annotations

import hashlib

import pytest

from storage.ledger.checkpoint import CheckpointRefused, NoteSigner, NoteVerifier
from storage.ledger.entry import entry_bytes
from storage.ledger.merkle import (
    EMPTY_ROOT,
    Edge,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    peak_positions,
    verify_consistency,
    verify_inclusion,
)

SIZES = range(1, 71)
ORIGIN = "berkas.example.go.id/akses"
SEED = bytes(range(32))
VKEY = "berkas.example.go.id/akses+3ab62de2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
NOTE = """berkas.example.go.id/akses
1000
BpXAcddXiVG2eaqxwAzEt8E0zDM4H89kZ1GmqLmti74=

— berkas.example.go.id/akses OrYt4lzRMN3dFf7wys1ZG3THG6gvoGVAD2QxfjHY0C6VuyDYz8CgTVUqr/RWJi8pU4rOgKzZYf56pDmEF2Ah2ReBGQQ=
"""


def _leaves(count: int) -> list[bytes]:
    return [leaf_hash(f"entry {n}".encode()) for n in range(count)]


def _mth(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(_mth(leaves[:split]), _mth(leaves[split:]))


def _reader(leaves: list[bytes]):  # type: ignore[no-untyped-def]
    edge, nodes = Edge(), {}
    for index, leaf in enumerate(leaves):
        nodes[0, index] = leaf
        nodes |= {(level, position): value for level, position, value in edge.append(leaf)}
    return lambda level, index: nodes[level, index]


@pytest.mark.parametrize("size", SIZES)
def test_root_and_peaks(size: int) -> None:
    leaves = _leaves(size)
    edge = Edge()
    for leaf in leaves:
        edge.append(leaf)
    assert edge.root() == _mth(leaves)
    read = _reader(leaves)
    assert Edge(size, [read(level, index) for level, index in peak_positions(size)]).root() == edge.root()


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_and_consistency(size: int) -> None:
    leaves = _leaves(size)
    read, root = _reader(leaves), _mth(leaves)
    for index in range(size):
        path = inclusion_proof(read, index, size)
        assert verify_inclusion(leaves[index], index, size, path, root)
        assert not verify_inclusion(leaves[index], (index + 1) % (size + 1), size, path, root) or size == 1
        if path:
            assert not verify_inclusion(leaves[index], index, size, path[:-1], root)
            assert not verify_inclusion(leaves[index], index, size, [b"\0" * 32, *path[1:]], root)
    for old in range(1, size + 1):
        old_root = _mth(leaves[:old])
        proof = consistency_proof(read, old, size)
        assert verify_consistency(old, size, proof, old_root, root)
        if old < size:
            assert not verify_consistency(old, size, proof, root, root)
            assert not verify_consistency(old, size, proof[:-1], old_root, root)


def test_empty_tree() -> None:
    assert Edge().root() == EMPTY_ROOT == _mth([])


def test_protocol_vector() -> None:
    """``protocols.md`` 6.1: 1,000 entries, root and signature as Go's sumdb/note opens them."""
    edge = Edge()
    for n in range(1000):
        salt = hashlib.sha256(f"salt{n}".encode()).digest()
        entry = entry_bytes(salt, f'{{"n":{n}}}'.encode())
        if n == 0:
            assert entry.hex() == "01bc9747607754dc993781fe1a4e3612aa569e450278b9dfecea23a821e78f0cbe"
        edge.append(leaf_hash(entry))
    signer = NoteSigner(ORIGIN, SEED)
    assert signer.vkey() == VKEY
    assert signer.sign(edge.size, edge.root()) == NOTE
    assert NoteVerifier(VKEY).open(NOTE).size == 1000


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("1000", "1001"),
        NOTE.replace("1000", "01000"),
        NOTE.replace("BpXA", "BpXB"),
        NOTE.replace("akses\n1000", "lain\n1000"),
        NOTE.split("\n\n", maxsplit=1)[0],
        NOTE.replace("OrYt", "OrYu"),
        NOTE[:-30] + "\n",
        "",
    ],
)
def test_notes_that_do_not_open(note: str) -> None:
    with pytest.raises(CheckpointRefused):
        NoteVerifier(VKEY).open(note)


@pytest.mark.parametrize(
    "vkey", ["", "a+b", VKEY.replace("3ab62de2", "3ab62de3"), VKEY[:-4], VKEY.replace("+AQ", "+Ag")]
)
def test_malformed_verifier_keys(vkey: str) -> None:
    with pytest.raises(CheckpointRefused):
        NoteVerifier(vkey)
