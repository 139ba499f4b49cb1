"""Files that somebody was given and that prove entries by themselves, with the log's verifier keys and nothing else: what bundles
(``bundle.py``) and exports (``export.py``) share. What was proven goes to ``Held``, so that a log can be held against it.

``extra`` of a proof is either salt and event, as their owner gets it, or the 33 bytes that stand in the public log: then what the entry
says is not told, and only its place is proven.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.ledger.checkpoint import NoteVerifier
from storage.ledger.entry import SALT_BYTES, entry_bytes, is_entry
from storage.ledger.es256 import Record, RecordKey, RecordRefused, read_keys, read_record
from storage.ledger.merkle import leaf_hash
from storage.ledger.policy import Policy
from storage.ledger.tlog_proof import ProofRefused, TlogProof, read_tlog_proof
from storage.ledger.verify.findings import Fault, Findings
from storage.ledger.verify.package import Package, PackageRefused
from storage.ledger.verify.receipts import Place, PlaceRefused, places_of
from storage.ledger.verify.shown import Held, Shower

KEYS = "jwks-archive.json"


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that a proof proves. ``salt``, ``body`` and ``event`` are empty where it is not opened."""

    index: int
    entry: bytes
    salt: bytes
    body: bytes
    event: Mapping[str, Any]

    @property
    def place(self) -> tuple[int, bytes]:
        return self.index, leaf_hash(self.entry)


class Files:
    """Judges what is given and keeps what it proves in ``held``. ``keys``: the archive of signing keys as it was kept outside; None:
    that of the file itself, whose receipts then rest on their entries alone.
    """

    def __init__(
        self,
        verifiers: Sequence[NoteVerifier],
        findings: Findings,
        held: Held,
        keys: Mapping[str, RecordKey] | None = None,
    ) -> None:
        self.findings, self._verifiers, self._held, self._keys = findings, verifiers, held, keys
        self._checkpoints: set[str] = set()

    def receipt(self, path: Path) -> None:
        """A receipt alone: its signature, and the entry that it names, for the log to answer. Raises ``PackageRefused``."""
        if self._keys is None:
            raise PackageRefused("a receipt alone is checked with the archive of signing keys (--jwks)")
        record = self.record(path.name, path.read_text().strip(), self._keys)
        if record is not None:
            self.places(path.name, record)

    def keys_for(self, package: Package) -> Mapping[str, RecordKey]:
        """Raises ``PackageRefused``."""
        if self._keys is not None:
            return self._keys
        try:
            return read_keys(package.text(KEYS))
        except RecordRefused as refused:
            raise PackageRefused(f"{package.place}: {KEYS}: {refused}") from None

    def proven(
        self, name: str, text: str, *, number: int | None = None, note: str | None = None
    ) -> Proven | None:
        """``number`` and ``note``: which entry under which checkpoint it must be. A fault is kept, and None returned."""
        try:
            proof = read_tlog_proof(text)
            if number not in {None, proof.index}:
                raise ProofRefused(f"it is the proof of entry {proof.index}")
            if note not in {None, proof.note}:
                raise ProofRefused("its checkpoint is another one than that of the export")
            proven = _opened(proof)
            proof.open(proven.entry, self._verifiers)
        except ProofRefused as refused:
            words = f"{name} proves nothing: {refused}"
            if number is None:
                self.findings.problems.append(words)
            else:
                self.findings.bad(Fault(number, number, words))
            return None
        self.findings.proofs += 1
        self._held.claim(*proven.place, name)
        self.checkpoint(f"of {name}", proof.note)
        return proven

    def checkpoint(self, name: str, note: str) -> None:
        """Once: the proofs of an export share one."""
        if note not in self._checkpoints:
            self._checkpoints.add(note)
            self._held.notes.append((name, note))

    def record(self, name: str, jws: str, keys: Mapping[str, RecordKey]) -> Record | None:
        """A fault is kept, and None returned."""
        try:
            record = read_record(jws, keys)
        except RecordRefused as refused:
            self.findings.problems.append(f"{name} is not genuine: {refused}")
            return None
        self.findings.receipts += 1
        if record.revoked:
            self.findings.notes.append(
                f"{name}: the key that signed it was given up as stolen, so it rests on its entry alone"
            )
        return record

    def places(self, name: str, record: Record) -> list[Place]:
        """Where the record says that its entries stand: claims for a log to answer. A fault is kept, and none returned."""
        try:
            places = places_of(record)
        except PlaceRefused as refused:
            self.findings.problems.append(f"{name} {refused}")
            return []
        ours = {verifier.origin for verifier in self._verifiers}
        for place in places:
            if place.origin not in ours:
                self.findings.problems.append(
                    f"{name} names an entry of {place.origin}, whose key was not named"
                )
                return []
            self._held.claim(place.index, place.leaf, name)
        return places


def alone(findings: Findings, verifiers: Sequence[NoteVerifier], policy: Policy | None, held: Held) -> None:
    """What the files say of each other, with no log at hand: roots of one size, leaves of one place. Notes what that leaves open."""
    shower = Shower(verifiers, policy, findings)
    for name, note in held.notes:
        shower.keep(note, outside=name)
    for size, roots in sorted(shower.roots.items()):
        if len({one.root for one in roots}) > 1:
            findings.problems.append(
                f"two checkpoints of {size} entries differ: the log was shown in two versions"
            )
    for index, claims in sorted(held.claims.items()):
        if len({claim.leaf for claim in claims}) > 1:
            findings.bad(
                Fault(index, index, f"another one for {claims[0].words} than for {claims[-1].words}")
            )
    findings.covered = max((size for size, roots in shower.roots.items() if roots[0].outside), default=0)
    if len(shower.roots) > 1:
        findings.notes.append(
            "checkpoints of several sizes: that the larger ones grew out of the smaller ones is seen with the log (--url or --database)"
        )


def _opened(proof: TlogProof) -> Proven:
    """What it claims, before it is proven. Raises ``ProofRefused``."""
    if is_entry(proof.extra):
        return Proven(proof.index, proof.extra, b"", b"", {})
    salt, body = proof.extra[:SALT_BYTES], proof.extra[SALT_BYTES:]
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise ProofRefused("it holds neither an entry nor what one says")
    return Proven(proof.index, entry_bytes(salt, body), salt, body, event)
