"""A witness's folder: its key, the logs that it knows, its memory.

key          PRIVATE+KEY+<name>+<key id>+<base64 of type byte and seed>, as Go's note.GenerateKey writes keys; 0400
logs         verifier keys of known logs, one a line; # begins a comment
state.json   storage/witness/memory.py
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path

from storage.errors import StorageError
from storage.ledger.checkpoint import SEED_BYTES, CheckpointRefused, NoteVerifier
from storage.ledger.cosignature import ED25519_COSIGNATURE, CosignatureSigner, is_key_name
from storage.witness.judging import Logs
from storage.witness.memory import Memory

_PREFIX = "PRIVATE+KEY+"


class HomeRefused(StorageError):
    """No witness's folder, or not one to be used; the message says why, and never what the key is."""


def create(folder: Path, name: str) -> CosignatureSigner:
    """A new witness: key, empty memory, no log known. Raises ``HomeRefused`` and ``MemoryLost``."""
    if not is_key_name(name):
        raise HomeRefused(
            "a witness's name has no spaces and no plus sign: a domain name with what it is for, say"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / "key").exists():
        raise HomeRefused(f"{folder / 'key'} is there already: a witness keeps its key")
    Memory.create(folder)
    seed = secrets.token_bytes(SEED_BYTES)
    signer = CosignatureSigner(name, seed)
    encoded = base64.b64encode(ED25519_COSIGNATURE + seed).decode()
    _write_new(folder / "logs", "# Verifier keys of logs that this witness knows, one a line.\n", 0o644)
    _write_new(folder / "key", f"{_PREFIX}{signer.id}+{encoded}\n", 0o400)
    return signer


def signer_of(folder: Path) -> CosignatureSigner:
    """Raises ``HomeRefused``."""
    path = folder / "key"
    try:
        mode, text = path.stat().st_mode, path.read_text()
    except (OSError, UnicodeDecodeError):
        raise HomeRefused(f"no key at {path}: make one with `berkas witness init`") from None
    if mode & 0o077:
        raise HomeRefused(f"{path} can be read by others: chmod 0400")
    return _signer_in(text, path)


def _signer_in(text: str, path: Path) -> CosignatureSigner:
    try:
        name, key_id, encoded = text.removesuffix("\n").removeprefix(_PREFIX).split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        if raw[:1] != ED25519_COSIGNATURE or not text.startswith(_PREFIX):
            raise ValueError("another kind of key")
        signer = CosignatureSigner(name, raw[1:])
    except (ValueError, binascii.Error):
        raise HomeRefused(f"{path} holds no key of a witness") from None
    if signer.id != f"{name}+{key_id}":
        raise HomeRefused(f"{path} is damaged")
    return signer


def logs_of(folder: Path) -> Logs:
    """Raises ``HomeRefused``."""
    path = folder / "logs"
    found: dict[str, list[NoteVerifier]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise HomeRefused(f"{path} cannot be read") from None
    for number, line in enumerate(lines, 1):
        vkey = line.strip()
        if vkey and not vkey.startswith("#"):
            try:
                verifier = NoteVerifier(vkey)
            except CheckpointRefused as refused:
                raise HomeRefused(f"{path}, line {number}: {refused}") from None
            found.setdefault(verifier.origin, []).append(verifier)
    return found


def know(folder: Path, vkey: str) -> str:
    """From now on the witness knows this log, or this further key of it; its origin. Raises ``HomeRefused``."""
    try:
        origin = NoteVerifier(vkey).origin
    except CheckpointRefused as refused:
        raise HomeRefused(f"not a log's verifier key: {refused}") from None
    logs_of(folder)
    text = (folder / "logs").read_text(encoding="utf-8")
    if vkey not in text.split():
        with (folder / "logs").open("a", encoding="utf-8") as file:
            file.write(f"{'' if text.endswith(chr(10)) or not text else chr(10)}{vkey}\n")
    return origin


def _write_new(path: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
