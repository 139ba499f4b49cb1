"""Cosignatures of witnesses (https://c2sp.org/tlog-cosignature): lines of a signed note that say "at this time this was the largest
tree of this log that I have seen, and it grew out of every smaller one that I have seen".

    <em dash> <witness name> <base64 of key id (4 bytes), POSIX time in seconds (8 bytes, big-endian), Ed25519 signature (64 bytes)>

The signature is over ``cosignature/v1``, a line with the time, and the note's text; the key id is over the type byte 0x04, so that a
witness's key never passes for a log's. How it may evolve: another type byte (0x06 is C2SP's ML-DSA-44, over another message) is another
row of ``_KINDS``. Pure: whoever asks gives the time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.ledger.checkpoint import CheckpointRefused

ED25519_COSIGNATURE = b"\x04"
MAX_SIGNATURES = (
    100  # of one note, as Go's note.Open has it: whoever sends a note does not choose how long we verify
)
MAX_TIME_S = 2**63 - 1
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_LINE_PREFIX = "\u2014 "


@dataclass(frozen=True, slots=True)
class _Kind:
    """``message`` makes the signed bytes of time in seconds and note text; ``verify`` raises ``InvalidSignature``."""

    public_bytes: int
    signature_bytes: int
    message: Callable[[int, str], bytes]
    verify: Callable[[bytes, bytes, bytes], None]


def _message_v1(at_s: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def _verify_ed25519(public: bytes, signature: bytes, message: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(public).verify(signature, message)


_KINDS = {ED25519_COSIGNATURE: _Kind(32, 64, _message_v1, _verify_ed25519)}


class CosignatureSigner:
    """A witness's key. ``seed`` is the 32-byte Ed25519 private key; one key signs under one name (the message does not name it)."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not is_key_name(name):
            raise ValueError("a key name has no spaces and no plus sign")
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()

    def vkey(self) -> str:
        """Name, key id and public key, as C2SP signed-note writes verifier keys."""
        encoded = base64.b64encode(ED25519_COSIGNATURE + self._public).decode()
        return f"{self.name}+{_key_id(self.name, ED25519_COSIGNATURE, self._public).hex()}+{encoded}"

    def line(self, text: str, at_s: int) -> str:
        """The cosignature line over a note's ``text`` (all up to the blank line), its newline included."""
        if not 0 <= at_s <= MAX_TIME_S:
            raise ValueError("not a POSIX time")
        raw = _key_id(self.name, ED25519_COSIGNATURE, self._public) + at_s.to_bytes(_TIME_BYTES, "big")
        raw += self._key.sign(_message_v1(at_s, text))
        return f"{_LINE_PREFIX}{self.name} {base64.b64encode(raw).decode()}\n"


class CosignatureVerifier:
    """Knows one witness by its ``vkey``. Raises ``CheckpointRefused`` where that is malformed or of a type that is not known here."""

    def __init__(self, vkey: str) -> None:
        try:
            self.name, key_id, encoded = vkey.split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise CheckpointRefused("malformed verifier key") from error
        kind = _KINDS.get(raw[:1])
        if kind is None:
            raise CheckpointRefused("not a witness's key: its type is not that of a cosignature known here")
        if not is_key_name(self.name) or len(raw) != 1 + kind.public_bytes:
            raise CheckpointRefused("malformed verifier key")
        self._kind, self.public = kind, raw[1:]
        self._key_id = _key_id(self.name, raw[:1], self.public)
        if self._key_id.hex() != key_id:
            raise CheckpointRefused("malformed verifier key")
        self.vkey = vkey

    def time_of(self, note: str) -> int | None:
        """The POSIX time in seconds at which this witness cosigned the note, the latest where it did more than once; None where it did not.

        Raises ``CheckpointRefused`` on a signature under its key id that does not hold, and on lines that are no signatures.
        """
        text, lines = parted(note)
        times = [self._time(text, raw) for raw in self._raw_of(lines)]
        return max(times, default=None)

    def lines_of(self, note: str) -> list[str]:
        """The signature lines that bear this witness's name and key id; ``time_of`` says whether they hold."""
        return [line for line in parted(note)[1] if list(self._raw_of([line]))]

    def _raw_of(self, lines: list[str]) -> Iterator[bytes]:
        for line in lines:
            name, raw = signature_of(line)
            if name == self.name and raw[:_KEY_ID_BYTES] == self._key_id:
                yield raw[_KEY_ID_BYTES:]

    def _time(self, text: str, raw: bytes) -> int:
        at_s = int.from_bytes(raw[:_TIME_BYTES], "big")
        if len(raw) != _TIME_BYTES + self._kind.signature_bytes or at_s > MAX_TIME_S:
            raise CheckpointRefused(f"malformed cosignature of {self.name}")
        try:
            self._kind.verify(self.public, raw[_TIME_BYTES:], self._kind.message(at_s, text))
        except InvalidSignature as error:
            raise CheckpointRefused(f"bad cosignature of {self.name}") from error
        return at_s


def parted(note: str) -> tuple[str, list[str]]:
    """The signed text (with its last newline) and the signature lines (without). Raises ``CheckpointRefused``."""
    text, separator, signatures = note.partition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise CheckpointRefused("no signature")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise CheckpointRefused("too many signatures")
    return text + "\n", lines


def signature_of(line: str) -> tuple[str, bytes]:
    """Key name and the bytes behind it (key id, then signature) of one line. Raises ``CheckpointRefused``."""
    name, space, encoded = line.removeprefix(_LINE_PREFIX).partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise CheckpointRefused("malformed signature line") from error
    if not line.startswith(_LINE_PREFIX) or not space or not is_key_name(name) or len(raw) <= _KEY_ID_BYTES:
        raise CheckpointRefused("malformed signature line")
    return name, raw


def is_key_name(name: str) -> bool:
    """C2SP signed-note: not empty, no Unicode spaces, no plus sign (and nothing that prints as no letter at all)."""
    return bool(name) and "+" not in name and name.isprintable() and not any(map(str.isspace, name))


def _key_id(name: str, kind: bytes, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:_KEY_ID_BYTES]
