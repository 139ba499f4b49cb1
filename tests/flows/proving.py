"""What tests of bundles share: everything is checked by hand or by programs that are not ours, from the files of the archive alone.

Coreutils hash; the audit path is followed by the definition of RFC 9162 2.1.3 (from above, not as our verifier goes); the note is taken
apart by C2SP's description; joserfc verifies the JWS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jws
from joserfc.jwk import KeySet

from tests.flows.packing import listed
from tests.world import World


def unpacked(answer: httpx.Response, folder: Path) -> dict[str, bytes]:
    """The files of the archive, which lie in ``folder`` too."""
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-type"] == "application/zip"
    assert "no-store" in answer.headers["cache-control"]
    files = listed(answer.content)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return files


def shell(folder: Path, command: str) -> str:
    """What the command of a README says, in the folder of the archive."""
    ran = subprocess.run(["sh", "-ec", command], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout.split()[0]


def claims_under(files: dict[str, bytes], name: str, typ: str) -> dict[str, Any]:
    """Of a JWS of the archive, by joserfc with the keys of the archive."""
    keys = json.loads(files["jwks-archive.json"])["keys"]
    bare = {"keys": [{m: v for m, v in key.items() if m not in {"nbf", "exp"}} for key in keys]}
    found = jws.deserialize_compact(files[name].strip(), KeySet.import_key_set(bare), algorithms=["ES256"])  # type: ignore[arg-type]
    assert found.headers()["typ"] == typ
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


def proven(files: dict[str, bytes], name: str) -> tuple[int, bytes, bytes]:
    """(index, leaf hash, extra) of a proof file, once the note is signed by a key of ``log-vkeys`` and the path leads to its root."""
    head, _, note = files[name].decode().partition("\n\n")
    first, *lines = head.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    extra = base64.b64decode(lines.pop(0).removeprefix("extra "))
    index = int(lines.pop(0).removeprefix("index "))
    origin, size, root = opened_note(note, files["log-vkeys"].decode().split())
    assert origin
    entry = extra if len(extra) == 33 else b"\x01" + hashlib.sha256(b"berkas-log-v1\x00" + extra).digest()
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    assert _root(leaf, index, size, [base64.b64decode(line) for line in lines]) == root
    return index, leaf, extra


def opened_note(note: str, vkeys: list[str]) -> tuple[str, int, bytes]:
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    for vkey in vkeys:
        name, key_id, encoded = vkey.split("+", 2)
        public = base64.b64decode(encoded)
        assert hashlib.sha256(name.encode() + b"\n" + public).digest()[:4].hex() == key_id
        for line in signatures.splitlines():
            mark, signer, blob = line.split(" ")
            signed = base64.b64decode(blob)
            if (mark, signer, signed[:4].hex()) == ("\u2014", name, key_id):
                Ed25519PublicKey.from_public_bytes(public[1:]).verify(signed[4:], text.encode())
                return origin, int(size), base64.b64decode(root)
    raise AssertionError("signed by none of these keys")


def _root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """PATH(m, D[n]) = PATH(m, D[0:k]) : MTH(D[k:n]) for m < k, else PATH(m - k, D[k:n]) : MTH(D[0:k])."""
    if size == 1:
        assert path == []
        return leaf
    split = 1
    while split * 2 < size:
        split *= 2
    *rest, sibling = path
    if index < split:
        return _node(_root(leaf, index, split, rest), sibling)
    return _node(sibling, _root(leaf, index - split, size - split, rest))


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def number_of(answer: httpx.Response) -> str:
    """The number of the receipt that a delivery's ``Link`` leads to."""
    link, _, rel = answer.headers["link"].partition("; ")
    assert rel == 'rel="describedby"'
    return link.removeprefix("</v1/receipts/").removesuffix("/bundle>")


async def signed_now(world: World) -> None:
    """Every delivery has ended, and a checkpoint covers everything."""
    await world.outcomes()
    await world.parts.publisher.sign_head()


def event_of(files: dict[str, bytes], name: str = "event.json") -> dict[str, Any]:
    event: dict[str, Any] = json.loads(files[name])
    return event
