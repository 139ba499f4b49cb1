"""The one call of https://c2sp.org/tlog-witness, as both sides read and write it: ``POST <submission prefix>/add-checkpoint``.

    old <size of the checkpoint that the witness cosigned last>
    <base64 of 32 bytes>           (one line for each hash of the consistency proof)
    <empty line>
    <the checkpoint, verbatim>

Answers: 200 with cosignature lines; 409 with the witness's size (``text/x.tlog.size``); 400, 403, 404, 422. Pure, and read strictly.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from storage.ledger.checkpoint import CheckpointRefused
from storage.ledger.cosignature import CosignatureVerifier, parted, signature_of
from storage.ledger.merkle import HASH_BYTES

PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
MAX_HASHES = 63
LIMIT_BYTES = (
    65_536  # of a request and of an answer: 63 hashes and 100 signatures of today's kinds are a quarter of it
)
OK, BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE = 200, 400, 403, 404, 409, 422
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})", re.ASCII)


class RequestRefused(ValueError):
    """Not a request of this call."""


@dataclass(frozen=True, slots=True)
class Request:
    """``proof`` leads from ``old`` entries to the checkpoint in ``note``."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    def body(self) -> bytes:
        hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in self.proof)
        return f"old {self.old}\n{hashes}\n{self.note}".encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """``media_type`` without parameters."""

    status: int
    body: bytes
    media_type: str = "text/plain"

    def size(self) -> int | None:
        """What the witness says that it cosigned last (409); None where it does not say it as it must."""
        if self.media_type != SIZE_TYPE or not self.body.endswith(b"\n"):
            return None
        word = self.body[:-1].decode("ascii", "replace")
        return int(word) if _SIZE.fullmatch(word) else None


def read_request(body: bytes) -> Request:
    """Raises ``RequestRefused``."""
    if len(body) > LIMIT_BYTES:
        raise RequestRefused("too large")
    try:
        head, separator, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise RequestRefused("not UTF-8") from None
    first, *hashes = head.split("\n")
    if not separator or not first.startswith("old ") or not _SIZE.fullmatch(first[4:]):
        raise RequestRefused("not an old size, a proof, an empty line and a checkpoint")
    if len(hashes) > MAX_HASHES:
        raise RequestRefused("too many hashes")
    return Request(int(first[4:]), tuple(map(_hash, hashes)), note)


def _hash(line: str) -> bytes:
    try:
        raw = base64.b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        raise RequestRefused("not a hash") from None
    if len(raw) != HASH_BYTES or base64.b64encode(raw).decode() != line:
        raise RequestRefused("not a hash")
    return raw


def cosignature_in(body: bytes, verifier: CosignatureVerifier, text: str) -> tuple[str, int]:
    """(line with its newline, POSIX time in seconds) of this witness in the body of a 200, over the note's ``text``. Lines of other keys
    are passed over. Raises ``CheckpointRefused``: garbage, no line of this witness, or one that does not hold.
    """
    if not body.endswith(b"\n"):
        raise CheckpointRefused("no signature")
    try:
        lines = parted(f"{text}\n{body.decode()}")[1]
    except UnicodeDecodeError:
        raise CheckpointRefused("not UTF-8") from None
    for line in lines:
        signature_of(line)
    for line in lines:
        at_s = verifier.time_of(f"{text}\n{line}\n")
        if at_s is not None:
            return f"{line}\n", at_s
    raise CheckpointRefused(f"{verifier.name} did not sign")
