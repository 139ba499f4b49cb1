"""Checkpoints: a C2SP signed note over the tree head (https://c2sp.org/tlog-checkpoint, signed-note).

    <origin>
    <size>
    <base64 root>

    <em dash> <key name> <base64 of key id (4 bytes) and Ed25519 signature (64 bytes)>

How it may evolve: further signature lines (witnesses) may follow; the three text lines never change.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_SIGNATURE_PREFIX = "\u2014 "
SEED_BYTES = 32


class CheckpointRefused(ValueError):
    """A note that is malformed, of another origin or not signed by the expected key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class NoteSigner:
    """Signs the head under ``origin``; ``seed`` is the 32-byte Ed25519 private key (RFC 8032)."""

    def __init__(self, origin: str, seed: bytes) -> None:
        self.origin = origin
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()

    def sign(self, size: int, root: bytes) -> str:
        """The note, with this one signature."""
        return note_of([self], size, root)

    def line(self, text: str) -> str:
        signature = _key_id(self.origin, self._public) + self._key.sign(text.encode())
        return f"{_SIGNATURE_PREFIX}{self.origin} {base64.b64encode(signature).decode()}\n"

    def vkey(self) -> str:
        return vkey_of(self.origin, self._public)


def public_of(seed: bytes) -> bytes:
    """The 32 bytes of the public key."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def vkey_of(origin: str, public: bytes) -> str:
    """The verifier key of C2SP signed-note: name, key id, type and public key."""
    return f"{origin}+{_key_id(origin, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def note_of(signers: Sequence[NoteSigner], size: int, root: bytes) -> str:
    """One note signed by each: while a key takes the place of another, whoever knows either can open it."""
    text = Checkpoint(signers[0].origin, size, root).text()
    return f"{text}\n{''.join(signer.line(text) for signer in signers)}"


def open_note(note: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """With whichever of the keys signed it. Raises ``CheckpointRefused`` as the last of them does."""
    for verifier in verifiers[:-1]:
        with contextlib.suppress(CheckpointRefused):
            return verifier.open(note)
    return verifiers[-1].open(note)


class NoteVerifier:
    """Opens notes signed by the key that ``vkey`` names. Raises ``CheckpointRefused`` on a malformed vkey."""

    def __init__(self, vkey: str) -> None:
        try:
            self.origin, key_id, encoded = vkey.split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise CheckpointRefused("malformed verifier key") from error
        if raw[:1] != _ED25519 or len(raw) != 1 + SEED_BYTES or _key_id(self.origin, raw[1:]).hex() != key_id:
            raise CheckpointRefused("malformed verifier key")
        self._key_id = bytes.fromhex(key_id)
        self._public = Ed25519PublicKey.from_public_bytes(raw[1:])

    def open(self, note: str) -> Checkpoint:
        """Raises ``CheckpointRefused``."""
        text, separator, signatures = note.partition("\n\n")
        if not separator:
            raise CheckpointRefused("no signature")
        text += "\n"
        for line in signatures.splitlines():
            name, _, encoded = line.removeprefix(_SIGNATURE_PREFIX).rpartition(" ")
            if not line.startswith(_SIGNATURE_PREFIX) or name != self.origin:
                continue
            try:
                raw = base64.b64decode(encoded, validate=True)
                if raw[:_KEY_ID_BYTES] != self._key_id:
                    continue
                self._public.verify(raw[_KEY_ID_BYTES:], text.encode())
            except (ValueError, InvalidSignature) as error:  # ValueError: not base64, or not even ASCII
                raise CheckpointRefused("bad signature") from error
            return _parsed(text, self.origin)
        raise CheckpointRefused("not signed by the expected key")


def _parsed(text: str, origin: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) < 4 or lines[0] != origin or not lines[1].isascii() or not lines[1].isdigit():  # noqa: PLR2004
        raise CheckpointRefused("malformed checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except ValueError as error:
        raise CheckpointRefused("malformed root") from error
    if lines[1] != str(int(lines[1])) or len(root) != hashlib.sha256().digest_size:
        raise CheckpointRefused("malformed checkpoint")
    return Checkpoint(origin, int(lines[1]), root)


def _key_id(name: str, public_key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_KEY_ID_BYTES]
