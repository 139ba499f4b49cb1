"""The trip wire of the messages: no text that leaves by SMS, WhatsApp or e-mail holds a NIK, a telephone or another long number, an
address, a person's name, a token, or a code that is not the message's own (D10, ux.md 2.3).

Every message that the application writes in this process passes here, whichever test made it write one, and a new kind of
message without anybody having to think of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from storage import keyring, outbox
from tests.tripwire import leaks

# Nine digits and more, however they are grouped; dates, times, one-time and pairing codes and reference numbers are shorter.
_LONG_NUMBER = re.compile(r"(?<![0-9])\+?[0-9](?:[ .()/-]{0,2}[0-9]){8,}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_found: list[str] = []
_seal = keyring.seal_field


def gives_away(payload: dict[str, Any]) -> list[str]:
    """By kind; never the thing itself. A message's own link and code are what it is for."""
    text = str(payload["text"])
    for own in (payload.get("link"), payload.get("code")):
        text = text.replace(own, " ") if own else text
    kinds = leaks(text)
    if payload["to"] and payload["to"] in text:
        kinds.append("its own address")
    if _LONG_NUMBER.search(text):
        kinds.append("long number")
    if _ADDRESS.search(text):
        kinds.append("address")
    return kinds


def _sealed(trail: Any, purpose: str, plain: bytes) -> bytes:
    _found.extend(gives_away(json.loads(plain)))
    return _seal(trail, purpose, plain)


vars(outbox)["seal_field"] = (
    _sealed  # when the suite is loaded: every message is sealed there and nowhere else
)


def tripped() -> list[str]:
    """Kinds given away since the last look."""
    found, _found[:] = sorted(set(_found)), []
    return found


@pytest.fixture(autouse=True)
def message_wire() -> Iterator[None]:
    """Fails any test during which a message was written that must not be."""
    yield
    assert tripped() == [], "a message to a citizen gave something away"
