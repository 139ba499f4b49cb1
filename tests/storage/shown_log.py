"""A log in memory, and what people are given of it: exports, bundles, tiles. Receipts are signed by the service's own desk, so that the
verifier's reading of them is held against another program's writing.
"""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auth.keys import KeySet, SigningKey, generate_signing_key
from auth.tokens import CONSENT, RECEIPT, RECORD_RECEIPT, Profile, TokenDesk
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.entry import canonical, entry_bytes
from storage.ledger.merkle import Edge, inclusion_proof, leaf_hash
from storage.ledger.tlog_proof import TlogProof

SIGNER = NoteSigner("berkas.test/akses", bytes(range(32)))
NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
DOCUMENT = b"%PDF-1.7 a paper"
Files = dict[str, bytes]


def keys() -> KeySet:
    return KeySet([generate_signing_key("document", NOW), generate_signing_key("access", NOW)])


def archive_of(keys: KeySet) -> bytes:
    return json.dumps({"keys": keys.jwks()["keys"] + keys.jwks_archive()["keys"]}).encode()


@dataclass
class ShownLog:
    """``bodies`` are salt and canonical event of each entry."""

    bodies: list[tuple[bytes, bytes]]
    signing: KeySet = field(default_factory=keys)

    @classmethod
    def of(cls, count: int, citizens: int = 3) -> ShownLog:
        """Releases of ``citizens`` people, in turn."""
        rng = random.Random(count)
        return cls(
            [
                (rng.randbytes(32), canonical(release(number, number % citizens, number // citizens + 1)))
                for number in range(count)
            ]
        )

    @property
    def entries(self) -> list[bytes]:
        return [entry_bytes(*body) for body in self.bodies]

    @property
    def desk(self) -> TokenDesk:
        return TokenDesk("https://berkas.test", "https://berkas.test/v1", self.signing)

    def note(self, size: int | None = None, signer: NoteSigner = SIGNER) -> str:
        entries = self.entries[:size]
        return signer.sign(len(entries), root_of([leaf_hash(entry) for entry in entries]))

    def proof(self, index: int, size: int | None = None, *, opened: bool = True) -> TlogProof:
        leaves = [leaf_hash(entry) for entry in self.entries[:size]]

        def read(level: int, place: int) -> bytes:
            return root_of(leaves[place << level : (place + 1) << level])

        salt, event = self.bodies[index]
        path = tuple(inclusion_proof(read, index, len(leaves)))
        extra = salt + event if opened else self.entries[index]
        return TlogProof(extra, index, path, self.note(size))

    def export(self, indexes: Sequence[int]) -> Files:
        files = {f"entries/{index}.tlog-proof": self.proof(index).text().encode() for index in indexes}
        return files | self.around() | {"checkpoint": self.note().encode()}

    def around(self) -> Files:
        return {
            "jwks-archive.json": archive_of(self.signing),
            "log-vkeys": f"{SIGNER.vkey()}\n".encode(),
            "README": b"how to check it\n",
        }

    def receipt(self, index: int, document: bytes = DOCUMENT, **changes: Any) -> str:
        event = json.loads(self.bodies[index][1])
        claims = {
            "jti": f"r_{index:026}",
            "iat": int(NOW.timestamp()) + 60,
            "ticket": event["ticket"],
            "consent": {"id": event["consent"], "sha256": "0" * 64},
            "recipient": event["agency"],
            "act": event["actor"],
            "doc": {
                "id": event["doc"]["id"],
                "ver": event["doc"]["ver"],
                "type": "KTP",
                "source_sha256": event["doc"]["sha256"],
                "served_sha256": hashlib.sha256(document).hexdigest(),
                "size": len(document),
            },
            "log": {
                "origin": SIGNER.origin,
                "index": index,
                "leaf_sha256": leaf_hash(self.entries[index]).hex(),
            },
        }
        return self.desk.sign(RECEIPT, claims | changes)

    def bundle(self, index: int, *, opened: bool = True, **changes: Any) -> Files:
        salt, event = self.bodies[index]
        files = {
            "document": DOCUMENT,
            "document.sha256": f"{hashlib.sha256(DOCUMENT).hexdigest()}  KTP.pdf\n".encode(),
            "receipt.jws": self.receipt(index, **changes).encode() + b"\n",
            "receipt.tlog-proof": self.proof(index, opened=opened).text().encode(),
            "entry": self.entries[index],
        }
        return files | ({"salt": salt, "event.json": event} if opened else {}) | self.around()

    def signed(self, profile: Profile, claims: Mapping[str, Any]) -> str:
        return self.desk.sign(profile, {"iat": int(NOW.timestamp()) + 60, **claims})


def release(number: int, citizen: int, seq: int, **changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "t": "2026-11-26T08:00:00.000Z",
        "type": "release",
        "subject": f"pw:{citizen}",
        "subject_seq": seq,
        "actor": "officer:1",
        "agency": "DPMPTSP@6472",
        "ticket": f"t_{number}",
        "consent": f"c_{citizen}",
        "doc": {"id": f"d_{citizen}", "ver": 1, "sha256": hashlib.sha256(b"source").hexdigest()},
        "result": {"allowed": True},
    } | changes


def consent_bundle(log: ShownLog) -> Files:
    """A record, and behind the log's last entry the one of the decision that it was made of."""
    record = log.signed(CONSENT, {"jti": "c_0123456789ABCDEF-1", "record_id": "c_0"})
    sha256 = hashlib.sha256(record.encode()).hexdigest()
    log.bodies.append((bytes(32), canonical(release(0, 0, 99, type="grant", consent_sha256=sha256))))
    index = len(log.bodies) - 1
    place = {"origin": SIGNER.origin, "index": index, "leaf_sha256": leaf_hash(log.entries[index]).hex()}
    about = {"id": "c_0", "revision": 1, "sha256": sha256}
    claims = {"jti": "c_0123456789ABCDEF/1", "record": about, "recipient": "DPMPTSP@6472", "log": place}
    return {
        "record-1.jws": record.encode(),
        "record-1.receipt.jws": log.signed(RECORD_RECEIPT, claims).encode() + b"\n",
        "record-1.tlog-proof": log.proof(index).text().encode(),
        "record-1.entry": log.entries[index],
    } | log.around()


def root_of(leaves: Sequence[bytes]) -> bytes:
    edge = Edge()
    for leaf in leaves:
        edge.append(leaf)
    return edge.root()


def folder(files: Files, path: Path) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def archive(files: Files, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def stolen(signing: SigningKey, keys: KeySet) -> bytes:
    """The archive after ``keys retire --compromised``."""
    jwks = json.loads(archive_of(keys))
    for jwk in jwks["keys"]:
        if jwk["kid"] == signing.kid:
            ended_s = jwk["nbf"] + 3_600
            jwk |= {"exp": ended_s, "revoked": {"revoked_at": ended_s}}
    return json.dumps(jwks).encode()
