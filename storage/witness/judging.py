"""What a witness says to one request, given what it cosigned last. Pure: the rules of https://c2sp.org/tlog-witness and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from storage.ledger import add_checkpoint as call
from storage.ledger.add_checkpoint import Answer, Request, RequestRefused, read_request
from storage.ledger.checkpoint import Checkpoint, CheckpointRefused, NoteVerifier, open_note
from storage.ledger.cosignature import parted
from storage.ledger.merkle import EMPTY_ROOT, verify_consistency

Logs = Mapping[str, Sequence[NoteVerifier]]
"""Origin -> the keys that are believed for it (two while one takes the other's place)."""


@dataclass(frozen=True, slots=True)
class Head:
    """The checkpoint that was cosigned last."""

    size: int
    root: bytes


NOTHING = Head(0, EMPTY_ROOT)


@dataclass(frozen=True, slots=True)
class Cosign:
    """``text`` may be signed as soon as ``head`` is remembered for ``origin``."""

    origin: str
    head: Head
    text: str


def read(body: bytes) -> tuple[Request, str] | Answer:
    """The request and the origin that it is about; a 400 for what is no request."""
    try:
        request = read_request(body)
        return request, parted(request.note)[0].split("\n", 1)[0]
    except (RequestRefused, CheckpointRefused) as refused:
        return _refusal(call.BAD_REQUEST, str(refused))


def judge(request: Request, origin: str, logs: Logs, last: Head) -> Cosign | Answer:
    """``last`` is ``NOTHING`` for a log that was never cosigned. In the order of the specification."""
    if origin not in logs:
        return _refusal(call.NOT_FOUND, "a log that this witness does not know")
    try:
        opened = open_note(request.note, logs[origin])
    except CheckpointRefused as refused:
        return _refusal(call.FORBIDDEN, str(refused))
    if request.old > opened.size:
        return _refusal(call.BAD_REQUEST, "the old size is above the checkpoint's")
    if request.old != last.size or (opened.size == last.size and opened.root != last.root):
        return Answer(call.CONFLICT, f"{last.size}\n".encode(), call.SIZE_TYPE)
    if not _grew(request, opened, last):
        return _refusal(call.UNPROCESSABLE, "the proof does not lead from the old tree to the new one")
    return Cosign(origin, Head(opened.size, opened.root), parted(request.note)[0])


def _grew(request: Request, opened: Checkpoint, last: Head) -> bool:
    if last.size == 0:
        return not request.proof and (opened.size > 0 or opened.root == EMPTY_ROOT)
    return verify_consistency(last.size, opened.size, request.proof, last.root, opened.root)


def _refusal(status: int, words: str) -> Answer:
    return Answer(status, f"{words}\n".encode())
