"""How service and worker speak: a length of four bytes, then JSON; open files travel beside the length."""

from __future__ import annotations

import json
from typing import Any

LENGTH_BYTES = 4
FRAME_LIMIT_BYTES = 1_048_576
FILES_LIMIT = 8


class FrameBroken(Exception):
    """The other side speaks something else."""


def packed(message: dict[str, Any]) -> tuple[bytes, bytes]:
    """(length, body). Raises ``FrameBroken`` when the message is too long."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > FRAME_LIMIT_BYTES:
        raise FrameBroken("too long")
    return len(body).to_bytes(LENGTH_BYTES, "big"), body


def length_of(head: bytes) -> int:
    length = int.from_bytes(head, "big")
    if length > FRAME_LIMIT_BYTES:
        raise FrameBroken("too long")
    return length


def read_body(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise FrameBroken("no JSON") from None
    if not isinstance(message, dict):
        raise FrameBroken("no object")
    return message
