"""Exports and bundles: files that prove entries by themselves, with the log's verifier keys and nothing else.

    bundle                                          export (a citizen's, an auditor's)
      document             left out for a consent     checkpoint
      receipt.jws                                     entries/<index>.tlog-proof
      receipt.tlog-proof                              jwks-archive.json, log-vkeys, README
      jwks-archive.json, log-vkeys, README

``extra`` of a proof is salt and event: the entry is computed from them, and stands in the tree of a signed checkpoint. What was proven goes
to ``Held``, so that a log can be held against it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.ledger.checkpoint import NoteVerifier
from storage.ledger.entry import SALT_BYTES, entry_bytes
from storage.ledger.es256 import RECEIPT, Record, RecordKey, RecordRefused, read_keys, read_record
from storage.ledger.merkle import leaf_hash
from storage.ledger.policy import Policy
from storage.ledger.tlog_proof import ProofRefused, TlogProof, read_tlog_proof
from storage.ledger.verify.counters import Counters
from storage.ledger.verify.findings import Fault, Findings
from storage.ledger.verify.package import Package, PackageRefused, packages_at
from storage.ledger.verify.receipts import PlaceRefused, contradictions, place_of
from storage.ledger.verify.shown import Held, Shower

BUNDLE_PROOF, BUNDLE_RECORD, DOCUMENT = "receipt.tlog-proof", "receipt.jws", "document"
CHECKPOINT, KEYS = "checkpoint", "jwks-archive.json"
PIECE_BYTES = 1 << 20
_ENTRY = re.compile(r"entries/(0|[1-9][0-9]{0,18})\.tlog-proof")


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that a proof proves: ``leaf`` is its hash, ``event`` what it says."""

    index: int
    leaf: bytes
    event: Mapping[str, Any]


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
        self._verifiers, self._findings, self._held, self._keys = verifiers, findings, held, keys
        self._checkpoints: set[str] = set()

    def judge(self, path: Path) -> None:
        """A folder or an archive, or a folder of archives. Raises ``PackageRefused``."""
        for one in packages_at(path):
            package = Package(one)
            try:
                if BUNDLE_PROOF in package.names:
                    self._bundle(package)
                elif CHECKPOINT in package.names:
                    self._export(package)
                else:
                    raise PackageRefused(f"{package.place} is neither a bundle nor an export")
            finally:
                package.close()

    def receipt(self, name: str, jws: str) -> None:
        """A receipt alone: its signature, and the entry that it names, for the log to answer. Raises ``PackageRefused``."""
        if self._keys is None:
            raise PackageRefused("a receipt alone is checked with the archive of signing keys (--jwks)")
        record = self._record(name, jws.strip(), self._keys)
        if record is not None:
            self._claimed(name, record)

    def _bundle(self, package: Package) -> None:
        text = package.text(BUNDLE_PROOF)
        proven = self._proven(f"{package.place}: {BUNDLE_PROOF}", text)
        keys = read_keys_of(package) if self._keys is None else self._keys
        record = self._record(package.place, package.text(BUNDLE_RECORD).strip(), keys)
        if record is None or proven is None:
            return
        wrong = contradictions(record, proven.event)
        place = self._claimed(package.place, record)
        if place is not None and place != (proven.index, proven.leaf):
            wrong.append("place in the log")
        if record.typ == RECEIPT and _document_sha256(package) != _served(record):
            wrong.append("document that lies beside it")
        if wrong:
            words = f"{package.place} says otherwise: {', '.join(wrong)}"
            self._findings.bad(Fault(proven.index, proven.index, words))

    def _export(self, package: Package) -> None:
        note = package.text(CHECKPOINT)
        self._checkpoint(f"of {package.place}", note)
        numbers = [int(found[1]) for name in package.names if (found := _ENTRY.fullmatch(name))]
        strangers = [
            name for name in package.names if name.startswith("entries/") and not _ENTRY.fullmatch(name)
        ]
        if strangers:
            raise PackageRefused(f"{package.place}: {strangers[0]} is no entry's proof")
        proven = []
        for number in sorted(numbers):
            text = package.text(f"entries/{number}.tlog-proof")
            one = self._proven(f"{package.place}: entry {number}", text, number, note)
            if one is None:
                return  # the first bad entry is named
            proven.append(one)
        self._dense(package, proven)

    def _dense(self, package: Package, proven: Sequence[Proven]) -> None:
        """One citizen's list has no hole, from the first entry that is shown to the last; an export about others shows only a part."""
        subjects = {one.event.get("subject") for one in proven}
        if len(subjects) != 1:
            if subjects:
                self._findings.notes.append(
                    f"{package.place}: of several citizens, so whether entries between them are missing cannot be told"
                )
            return
        counters = Counters()
        for place, one in enumerate(proven):
            number = one.event.get("subject_seq")
            if type(number) is not int or number < 1:
                self._findings.bad(Fault(one.index, one.index, "no number in the list of its citizen"))
                return
            if place == 0 and number > 1:
                counters.begin("", one.index, number - 1)
            fault = counters.take(one.index, "", number)
            if fault is not None:
                self._findings.bad(fault)
                return

    def _proven(
        self, name: str, text: str, number: int | None = None, note: str | None = None
    ) -> Proven | None:
        """``number`` and ``note``: which entry under which checkpoint it must be. A fault is kept, and None returned."""
        try:
            proof = read_tlog_proof(text)
            if number not in {None, proof.index}:
                raise ProofRefused(f"it is the proof of entry {proof.index}")
            if note not in {None, proof.note}:
                raise ProofRefused("it is the proof under another checkpoint than that of the export")
            proven = _opened(proof, self._verifiers)
        except ProofRefused as refused:
            self._refused(name, number, str(refused))
            return None
        self._findings.proofs += 1
        self._held.claim(proven.index, proven.leaf, name)
        self._checkpoint(f"of {name}", proof.note)
        return proven

    def _refused(self, name: str, number: int | None, words: str) -> None:
        if number is None:
            self._findings.problems.append(f"{name} proves nothing: {words}")
        else:
            self._findings.bad(Fault(number, number, f"{name} proves nothing: {words}"))

    def _checkpoint(self, name: str, note: str) -> None:
        """Once: the proofs of an export share one."""
        if note in self._checkpoints:
            return
        self._checkpoints.add(note)
        self._held.notes.append((name, note))

    def _record(self, name: str, jws: str, keys: Mapping[str, RecordKey]) -> Record | None:
        try:
            record = read_record(jws, keys)
        except RecordRefused as refused:
            self._findings.problems.append(f"{name}: its record is not genuine: {refused}")
            return None
        self._findings.receipts += 1
        if record.revoked:
            self._findings.notes.append(
                f"{name}: the key that signed it was given up as stolen, so it rests on its entry alone"
            )
        return record

    def _claimed(self, name: str, record: Record) -> tuple[int, bytes] | None:
        try:
            place = place_of(record)
        except PlaceRefused as refused:
            self._findings.problems.append(f"{name} {refused}")
            return None
        if place is None:
            return None
        index, leaf, origin = place
        if origin not in {verifier.origin for verifier in self._verifiers}:
            self._findings.problems.append(f"{name} names an entry of {origin}, whose key was not named")
            return None
        self._held.claim(index, leaf, name)
        return index, leaf


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


def read_keys_of(package: Package) -> dict[str, RecordKey]:
    """Raises ``PackageRefused``."""
    try:
        return read_keys(package.text(KEYS))
    except RecordRefused as refused:
        raise PackageRefused(f"{package.place}: {KEYS}: {refused}") from None


def _opened(proof: TlogProof, verifiers: Sequence[NoteVerifier]) -> Proven:
    """Raises ``ProofRefused``."""
    if len(proof.extra) <= SALT_BYTES:
        raise ProofRefused("it does not say what the entry says")
    salt, body = proof.extra[:SALT_BYTES], proof.extra[SALT_BYTES:]
    entry = entry_bytes(salt, body)
    proof.open(entry, verifiers)
    try:
        event = json.loads(body)  # proven: these very bytes were committed to
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise ProofRefused("the entry is no event")
    return Proven(proof.index, leaf_hash(entry), event)


def _document_sha256(package: Package) -> str | None:
    if DOCUMENT not in package.names:
        return None
    digest = hashlib.sha256()
    with package.opened(DOCUMENT) as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _served(record: Record) -> object:
    doc = record.claims.get("doc")
    return doc.get("served_sha256") if isinstance(doc, dict) else None
