"""A bundle: proofs of one act's entries, and the records that were signed about it (``protocols.md`` 5).

    receipt.jws, receipt.tlog-proof, outcome.tlog-proof, document.sha256        a delivery
    record-N.jws, record-N.receipt.jws, record-N.tlog-proof                     a consent, revision by revision
    entry.tlog-proof                                                            any other entry
    entry, salt, event.json (outcome-..., record-N. ...)                        the same as files of their own

Every file is judged that is there: each must say what the proven entry says. ``document`` beside them is compared with its receipt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from storage.ledger.es256 import CONSENT, RECEIPT, RECORD_RECEIPT, Record
from storage.ledger.verify.files import Files, Proven
from storage.ledger.verify.findings import Fault
from storage.ledger.verify.package import Package
from storage.ledger.verify.receipts import contradictions

PROOF = ".tlog-proof"
DOCUMENT, DIGEST = "document", "document.sha256"
PIECE_BYTES = 1 << 20
# What stands before the names of an entry's own files.
_BESIDE = {"receipt": "", "entry": "", "outcome": "outcome-"}


def is_bundle(package: Package) -> bool:
    return any(name.endswith(PROOF) and "/" not in name for name in package.names)


def judge_bundle(files: Files, package: Package) -> None:
    """Raises ``PackageRefused``."""
    proven: dict[str, Proven] = {}
    for name in package.names:
        if name.endswith(PROOF) and "/" not in name:
            one = files.proven(f"{package.place}: {name}", package.text(name))
            if one is None:
                return
            stem = name.removesuffix(PROOF)
            proven[stem] = one
            _beside(files, package, _BESIDE.get(stem, f"{stem}."), one)
    keys = files.keys_for(package)
    for name in package.names:
        if name.endswith(".jws"):
            text = package.text(name)
            record = files.record(f"{package.place}: {name}", text.strip(), keys)
            if record is not None:
                _against(files, package, name, record, proven)


def _beside(files: Files, package: Package, prefix: str, one: Proven) -> None:
    """Entry, salt and event as files of their own."""
    told = {"entry": one.entry, "salt": one.salt, "event.json": one.body}
    for kind, content in told.items():
        name = prefix + kind
        if content and name in package.names and package.content(name) != content:
            words = f"{package.place}: {name} is not that of the proof"
            files.findings.bad(Fault(one.index, one.index, words))


def _against(files: Files, package: Package, name: str, record: Record, proven: Mapping[str, Proven]) -> None:
    """One record against the entries that were proven beside it."""
    where = f"{package.place}: {name}"
    stem = name.removesuffix(".jws").removesuffix(".receipt")
    wrong = [] if stem in proven else ["entry, which is not proven beside it"]
    beside = {one.place for one in proven.values()}
    places = files.places(where, record)
    if any((place.index, place.leaf) not in beside for place in places):
        wrong.append("place in the log")
    own = proven.get(stem)
    if (
        own is not None
        and record.typ != CONSENT
        and (not places or (places[0].index, places[0].leaf) != own.place)
    ):
        wrong.append("place in the log")
    if own is not None and own.event:
        wrong += contradictions(record, own.event)
    if record.typ == RECEIPT:
        wrong += _document(package, _members(record.claims, "doc").get("served_sha256"))
    if record.typ == RECORD_RECEIPT and _members(record.claims, "record").get("sha256") != _sha256(
        package, f"{stem}.jws"
    ):
        wrong.append("record that lies beside it")
    if wrong:
        index = own.index if own else 0
        files.findings.bad(Fault(index, index, f"{where} says otherwise: {', '.join(dict.fromkeys(wrong))}"))


def _document(package: Package, served: Any) -> list[str]:
    """The paper is in the hands of who fetched it: it, or its digest, may lie beside the receipt."""
    wrong = []
    if DOCUMENT in package.names and _sha256(package, DOCUMENT) != served:
        wrong.append("document that lies beside it")
    if DIGEST in package.names and package.text(DIGEST).partition(" ")[0] != served:
        wrong.append("digest that lies beside it")
    return wrong


def _sha256(package: Package, name: str) -> str | None:
    if name not in package.names:
        return None
    digest = hashlib.sha256()
    with package.opened(name) as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _members(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}
