"""Challenges for passkeys that nobody has to remember: random, dated and sealed, so that whoever asks for one grows no table."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

CHALLENGE_LIFE_S = 300
SIGN_IN = "sign-in"
_RANDOM_BYTES, _TIME_BYTES = 16, 8


@dataclass(frozen=True, slots=True)
class Challenge:
    """One of ours that came back, and when it ends."""

    raw: bytes
    until: datetime

    @property
    def name(self) -> str:
        """What is remembered of its use."""
        return self.raw[:_RANDOM_BYTES].hex()


def registration_of(session_id: str) -> str:
    """The purpose of a challenge: to register in this one session, or this browser of a citizen."""
    return f"register/{session_id}"


def new_challenge(key: bytes, purpose: str, now: datetime) -> bytes:
    """Random, dated and sealed, so that nothing is kept of it until it was used: whoever asks for one grows no table."""
    until_s = int(now.timestamp()) + CHALLENGE_LIFE_S
    body = secrets.token_bytes(_RANDOM_BYTES) + until_s.to_bytes(_TIME_BYTES, "big")
    return body + _seal(key, purpose, body)


def opened(key: bytes, purpose: str, challenge: bytes) -> Challenge | None:
    """None when it is not one of ours for this purpose. Whether it is over is judged with the clock of the batch."""
    body, seal = challenge[: _RANDOM_BYTES + _TIME_BYTES], challenge[_RANDOM_BYTES + _TIME_BYTES :]
    if not hmac.compare_digest(seal, _seal(key, purpose, body)):
        return None
    until_s = int.from_bytes(body[_RANDOM_BYTES:], "big")
    return Challenge(challenge, datetime.fromtimestamp(until_s, UTC))


def _seal(key: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.new(key, b"passkey\x00" + purpose.encode() + b"\x00" + body, hashlib.sha256).digest()
