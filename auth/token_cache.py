"""What was verified is remembered: a signature costs 80 us, a look here 1 us (``performance.md``, Token)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from auth.token_checks import Profile

MAX_REMEMBERED = 4_096
# A ticket of 50 documents is ten times the usual size; with this bound the whole cache takes at most 26 MB (measured).
MAX_REMEMBERED_CHARACTERS = 8_000_000


@dataclass(frozen=True, slots=True)
class Verified:
    """The read-only claims of one token, what they mean (``Profile.read``), and its length."""

    profile: Profile
    claims: Mapping[str, Any]
    meaning: object
    characters: int


class Remembered:
    """Bounded; the oldest goes first, for tokens live 5 minutes. Holds accepted tokens only, by their SHA-256.

    Nothing here depends on the clock: who finds a token here still asks every rule that does.
    """

    def __init__(self) -> None:
        self._tokens: dict[bytes, Verified] = {}
        self._characters = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, digest: bytes, profile: Profile) -> Verified | None:
        """A token is found only as what it was verified as, never as another type. No lock: one atomic read."""
        verified = self._tokens.get(digest)
        return verified if verified is not None and verified.profile is profile else None

    def keep(self, digest: bytes, verified: Verified) -> None:
        with self._lock:
            if digest in self._tokens:
                return
            self._tokens[digest] = verified
            self._characters += verified.characters
            while len(self._tokens) > MAX_REMEMBERED or self._characters > MAX_REMEMBERED_CHARACTERS:
                self._characters -= self._tokens.pop(next(iter(self._tokens))).characters
