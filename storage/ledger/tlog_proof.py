"""One entry's proof as a file (https://c2sp.org/tlog-proof): whoever holds it and the log's verifier key asks nobody else.

    c2sp.org/tlog-proof@v1
    extra <base64>                 (left out when there is none; ours: salt and canonical event)
    index <decimal>
    <base64 of 32 bytes>           (one line for each hash, from the leaf's sibling upwards)
    <empty line>
    <the checkpoint, verbatim>

``extra`` is not authenticated: whoever reads it computes the entry from it and has that proven.

How it may evolve: another format has another first line. What is read is read strictly, so that one proof has one spelling.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from storage.ledger.checkpoint import Checkpoint, CheckpointRefused, NoteVerifier, open_note
from storage.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MEDIA_TYPE = "text/plain; charset=utf-8"
MAX_HASHES = 63  # more than any tree of 2**63 leaves has
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class ProofRefused(ValueError):
    """A proof file that is malformed, or that does not prove what it is shown for."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """``path`` as ``merkle.inclusion_proof`` gives it for the tree of ``note``, which is a signed checkpoint."""

    extra: bytes
    index: int
    path: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """The file's content, UTF-8."""
        lines = [FIRST_LINE]
        if self.extra:
            lines.append(f"extra {_encoded(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [_encoded(one) for one in self.path]
        return "\n".join([*lines, "", self.note])

    def open(self, entry: bytes, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
        """The checkpoint under which ``entry`` stands at ``index``. Raises ``ProofRefused``."""
        try:
            checkpoint = open_note(self.note, verifiers)
        except CheckpointRefused as refused:
            raise ProofRefused(f"checkpoint: {refused}") from refused
        if not verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.path, checkpoint.root):
            raise ProofRefused("the entry is not at this place of the checkpoint's tree")
        return checkpoint


def read_tlog_proof(text: str) -> TlogProof:
    """Read and check the form; ``TlogProof.open`` then checks what it proves. Raises ``ProofRefused``."""
    head, separator, note = text.partition("\n\n")
    if not separator or not note.endswith("\n") or "\n\n" not in note:
        raise ProofRefused("no checkpoint")
    lines = head.split("\n")
    if lines.pop(0) != FIRST_LINE:
        raise ProofRefused("not a tlog-proof@v1")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _decoded(lines.pop(0).removeprefix("extra "))
        if not extra:
            raise ProofRefused("empty extra")
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None or int(index[1]) >= 1 << 63:
        raise ProofRefused("no index")
    path = tuple(_decoded(line) for line in lines)
    if len(path) > MAX_HASHES or any(len(one) != HASH_BYTES for one in path):
        raise ProofRefused("not a path of SHA-256 hashes")
    return TlogProof(extra, int(index[1]), path, note)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(encoded: str) -> bytes:
    """RFC 4648 section 4 in its one canonical spelling."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProofRefused("malformed base64") from error
    if _encoded(raw) != encoded:
        raise ProofRefused("base64 is not canonical")
    return raw
