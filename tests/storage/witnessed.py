"""Logs for the tests of witnesses: trees of any size, honest or forked, as a log would submit them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from storage.ledger.add_checkpoint import Request
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.merkle import EMPTY_ROOT, Edge, consistency_proof, leaf_hash, node_hash
from storage.witness import home
from storage.witness.desk import Desk
from storage.witness.memory import Memory

ORIGIN = "berkas.test/akses"
LOG = NoteSigner(ORIGIN, bytes(range(32)))
AT_S = 1795505361

# The vector of protocols.md 6.1: log key seed 00..1f, witness key seed 20..3f, time 1795505361. Never use these keys in production.
TEXT = "berkas.example.go.id/akses\n1000\nBpXAcddXiVG2eaqxwAzEt8E0zDM4H89kZ1GmqLmti74=\n"
LOG_LINE = "\u2014 berkas.example.go.id/akses OrYt4lzRMN3dFf7wys1ZG3THG6gvoGVAD2QxfjHY0C6VuyDYz8CgTVUqr/RWJi8pU4rOgKzZYf56pDmEF2Ah2ReBGQQ=\n"
WITNESS_LINE = "\u2014 saksi.inspektorat.example 9p78IQAAAABrBTzRJb5sE2Ildt9/+Q8OlhpP2wJYfrzjYGgQ0WeUgAHfZtxzP6DAnHNtOYFPLc6Zcoj5zc9U/+nu3Yezu8Q4cFy/AQ==\n"
NOTE = f"{TEXT}\n{LOG_LINE}{WITNESS_LINE}"


class Tree:
    """``fork`` is the index from which its entries differ from those of every other tree."""

    def __init__(self, fork: int = 2**62) -> None:
        self._fork = fork

    def read(self, level: int, index: int) -> bytes:
        if level == 0:
            return leaf_hash(f"{index}{'!' if index >= self._fork else ''}".encode())
        return node_hash(self.read(level - 1, 2 * index), self.read(level - 1, 2 * index + 1))

    def root(self, size: int) -> bytes:
        edge = Edge()
        for index in range(size):
            edge.append(self.read(0, index))
        return edge.root() if size else EMPTY_ROOT

    def note(self, size: int, log: NoteSigner = LOG) -> str:
        return log.sign(size, self.root(size))

    def request(self, old: int, size: int, log: NoteSigner = LOG) -> bytes:
        proof = consistency_proof(self.read, old, size) if 0 < old < size else []
        return Request(old, tuple(proof), self.note(size, log)).body()


HONEST = Tree()


def made(folder: Path, logs: Iterable[str] = (LOG.vkey(),), name: str = "saksi.test") -> Path:
    """A witness's folder."""
    home.create(folder, name)
    for vkey in logs:
        home.know(folder, vkey)
    return folder


def desk(folder: Path, memory: Memory) -> Desk:
    return Desk(home.signer_of(folder), lambda: home.logs_of(folder), memory, lambda: AT_S)
