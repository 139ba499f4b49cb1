"""Writes ``tests/vectors/ledger.json`` anew: ``python -m tests.storage.freeze_ledger``.

Only for a deliberate change of format, which must not happen to what exists: the bytes were checked with Go's sumdb (test_sumdb.py). Made
from the definitions of RFC 9162 and C2SP as they are written there, with none of our code but the signing of a note.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PATH = Path(__file__).parent.parent / "vectors" / "ledger.json"
ORIGIN, WITNESS = "berkas.example.go.id/akses", "saksi.inspektorat.example"
SIZE, PROVEN, COSIGNED_AT = 1000, 123, 1795505361
SEED, WITNESS_SEED = bytes(range(32)), bytes(range(32, 64))


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _salt(number: int) -> bytes:
    return _hash(f"salt{number}".encode())


def _event(number: int) -> bytes:
    return f'{{"n":{number}}}'.encode()


def _entry(number: int) -> bytes:
    return b"\x01" + _hash(b"berkas-log-v1\0", _salt(number), _event(number))


def mth(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return _hash(b"\x01", mth(leaves[:split]), mth(leaves[split:]))


def _path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*_path(index, leaves[:split]), mth(leaves[split:])]
    return [*_path(index - split, leaves[split:]), mth(leaves[:split])]


def _key(name: str, kind: bytes, seed: bytes) -> tuple[Ed25519PrivateKey, bytes, str]:
    """C2SP signed-note: the key, its id and its vkey."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    key_id = _hash(name.encode(), b"\n", kind, public)[:4]
    return key, key_id, f"{name}+{key_id.hex()}+{_base64(kind + public)}"


def _tiles(leaves: list[bytes]) -> dict[str, str]:
    """Path -> SHA-256 of the tile: C2SP tlog-tiles for a log of this size, and its bundles of entries."""
    tiles: dict[str, bytes] = {}
    for level in range(2):
        hashes = [mth(leaves[at : at + 256**level]) for at in range(0, SIZE - 256**level + 1, 256**level)]
        for start in range(0, len(hashes), 256):
            held = hashes[start : start + 256]
            path = f"{start // 256:03}{'' if len(held) == 256 else f'.p/{len(held)}'}"
            tiles[f"{level}/{path}"] = b"".join(held)
            if level == 0:
                entries = [_entry(start + number) for number in range(len(held))]
                tiles[f"entries/{path}"] = b"".join(len(one).to_bytes(2, "big") + one for one in entries)
    return {path: hashlib.sha256(tile).hexdigest() for path, tile in tiles.items()}


def vectors() -> dict[str, Any]:
    leaves = [_hash(b"\0", _entry(number)) for number in range(SIZE)]
    text = f"{ORIGIN}\n{SIZE}\n{_base64(mth(leaves))}\n"
    key, key_id, vkey = _key(ORIGIN, b"\x01", SEED)
    witness, witness_id, witness_vkey = _key(WITNESS, b"\x04", WITNESS_SEED)
    time = COSIGNED_AT.to_bytes(8, "big")
    cosigned = witness.sign(f"cosignature/v1\ntime {COSIGNED_AT}\n{text}".encode())
    signed = f"{text}\n\u2014 {ORIGIN} {_base64(key_id + key.sign(text.encode()))}\n"
    note = f"{signed}\u2014 {WITNESS} {_base64(witness_id + time + cosigned)}\n"
    proof = [
        "c2sp.org/tlog-proof@v1",
        f"extra {_base64(_salt(PROVEN) + _event(PROVEN))}",
        f"index {PROVEN}",
        *map(_base64, _path(PROVEN, leaves)),
    ]
    return {
        "about": "Frozen bytes of the log's formats: the example of protocols.md 6.1. For n from 0 to 999 the salt is SHA-256 of ASCII "
        "'salt<n>' and the event {\"n\":<n>}. The keys are made from known seeds: never in use.",
        "origin": ORIGIN,
        "size": SIZE,
        "log_seed": SEED.hex(),
        "vkey": vkey,
        "witness": WITNESS,
        "witness_seed": WITNESS_SEED.hex(),
        "witness_vkey": witness_vkey,
        "cosigned_at": COSIGNED_AT,
        "entry_0": _entry(0).hex(),
        "root": mth(leaves).hex(),
        "note": note,
        "proven": PROVEN,
        "proof": "\n".join([*proof, "", note]),
        "tiles_sha256": _tiles(leaves),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
