"""Exports and bundles are judged without a log, a database or the service; and tampered with by chance (A55, M34, N03)."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.ledger.checkpoint import NoteSigner, NoteVerifier
from storage.ledger.cosignature import CosignatureSigner, parted
from storage.ledger.es256 import read_keys
from storage.ledger.merkle import leaf_hash
from storage.ledger.policy import Policy
from storage.ledger.verify.export import judge as judge_package
from storage.ledger.verify.files import Files as Judge
from storage.ledger.verify.files import alone
from storage.ledger.verify.findings import Findings
from storage.ledger.verify.package import PackageRefused
from storage.ledger.verify.shown import Held
from tests.storage.shown_log import (
    DOCUMENT,
    NOW,
    SIGNER,
    Files,
    ShownLog,
    archive,
    archive_of,
    consent_bundle,
    folder,
    keys,
    release,
    stolen,
)  # fmt: skip

VERIFIERS = [NoteVerifier(SIGNER.vkey())]
TAMPERINGS = max(300, int(os.environ.get("BERKAS_TAMPERINGS", "0")) // 10)
# Texts and keys that prove nothing by themselves; of the digest the name of the paper.
UNJUDGED = {"README", "log-vkeys", "jwks-archive.json", "document.sha256"}


@pytest.fixture(scope="module")
def log() -> ShownLog:
    return ShownLog.of(40)


def judged(
    path: Path, *, policy: Policy | None = None, jwks: bytes | None = None, notes: tuple[str, ...] = ()
) -> Findings:
    findings, held = Findings(), Held(notes=[("kept", note) for note in notes])
    judge = Judge(VERIFIERS, findings, held, read_keys(jwks) if jwks else None)
    judge_package(judge, path)
    alone(findings, VERIFIERS, policy, held)
    return findings


def own(log: ShownLog) -> Files:
    """The list of citizen 1: entries 1, 4, 7 ..."""
    return log.export(range(1, 40, 3))


@pytest.mark.parametrize("packed", [archive, folder])
def test_a_citizens_export(log: ShownLog, tmp_path: Path, packed: Callable[[Files, Path], Path]) -> None:
    findings = judged(packed(own(log), tmp_path / "own.zip"))
    assert (findings.problems, findings.proofs, findings.covered) == ([], 13, 40)


def test_a_bundle_and_a_folder_of_bundles(log: ShownLog, tmp_path: Path) -> None:
    for index in (3, 17):
        archive(log.bundle(index), tmp_path / f"{index}.zip")
    archive(consent_bundle(ShownLog.of(11)), tmp_path / "consent.zip")
    findings = judged(tmp_path)
    assert (findings.problems, findings.proofs, findings.receipts) == ([], 3, 4)


def test_a_hidden_middle_entry_is_named(log: ShownLog, tmp_path: Path) -> None:
    """protocols.md 6.3: the wrong version judges each proof for itself and finds all of them good."""
    files = own(log)
    del files["entries/19.tlog-proof"]
    findings = judged(archive(files, tmp_path / "own.zip"))
    assert findings.problems == [
        "entries 17 to 22: number 7 in the list of one citizen, after entry 16, cannot be seen: hidden or taken away"
    ]
    assert findings.first_bad == (17, 22)
    part = {
        name: content
        for name, content in own(log).items()
        if name not in {"entries/1.tlog-proof", "entries/37.tlog-proof"}
    }
    assert judged(archive(part, tmp_path / "part.zip")).problems == []  # a period has a beginning and an end


def test_an_export_of_several_citizens_says_what_it_cannot_show(log: ShownLog, tmp_path: Path) -> None:
    """An auditor's, by its list: opened, or only the 33 bytes that are public. A citizen's own holds nobody else's."""
    files = log.export([2, 9, 11])
    assert "entry 9: not one of the list" in judged(archive(files, tmp_path / "own.zip")).problems[0]
    closed = {
        name: log.proof(index, opened=False).text().encode()
        for index in (2, 9, 11)
        if (name := f"entries/{index}.tlog-proof")
    }
    for name, chosen in (("opened", files | {"index.csv": b"index\n"}), ("closed", files | closed)):
        findings = judged(archive(chosen, tmp_path / f"{name}.zip"))
        assert (findings.problems, findings.proofs) == ([], 3)
        assert "cannot be told" in findings.notes[0]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"ticket": "t_another"}, "ticket"),
        ({"consent": {"id": "c_9", "sha256": "0" * 64}}, "consent"),
        ({"recipient": "DINKES@6472"}, "recipient"),
        ({"act": "officer:2"}, "who fetched"),
        ({"doc": {"id": "d_0", "ver": 2, "source_sha256": "1" * 64}}, "document, document's SHA-256, document that lies beside it"),
        ({"log": {"origin": SIGNER.origin, "index": 4, "leaf_sha256": "0" * 64}}, "place in the log"),
        ({"log": {"origin": "berkas.other/akses", "index": 3, "leaf_sha256": "0" * 64}}, "berkas.other/akses, whose key was not named"),
        ({"log": {"index": 3}}, "names no entry"),
    ],
)  # fmt: skip
def test_a_receipt_that_says_otherwise_than_its_entry(
    log: ShownLog, tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    """Signed by the service, and false: the wrong version stops at the signature."""
    findings = judged(archive(log.bundle(3, **changes), tmp_path / "b.zip"))
    assert what in findings.problems[0]


def test_a_refusal_is_no_release(tmp_path: Path) -> None:
    log = ShownLog.of(5)
    salt, event = log.bodies[3]
    refused = json.loads(event) | {"result": {"allowed": False, "reason": "withdrawn"}}
    log.bodies[3] = (salt, json.dumps(refused, sort_keys=True, separators=(",", ":")).encode())
    findings = judged(archive(log.bundle(3), tmp_path / "b.zip"))
    assert findings.problems == ["entry 3: b.zip: receipt.jws says otherwise: kind of act"]


def test_another_document_lies_beside_it(log: ShownLog, tmp_path: Path) -> None:
    files = log.bundle(3) | {"document": DOCUMENT + b" "}
    assert "document that lies beside it" in judged(archive(files, tmp_path / "b.zip")).problems[0]
    files = log.bundle(3) | {"document.sha256": b"00" * 32 + b"  KTP.pdf\n"}
    assert "digest that lies beside it" in judged(archive(files, tmp_path / "d.zip")).problems[0]


def test_an_outcome_and_a_record_that_belong_elsewhere(log: ShownLog, tmp_path: Path) -> None:
    """A receipt names the entry of its end too, and a record's receipt the bytes of its record."""
    end = {"origin": SIGNER.origin, "index": 4, "leaf_sha256": leaf_hash(log.entries[4]).hex()}
    files = log.bundle(3, outcome={"result": "sent", "log": end})
    assert "place in the log" in judged(archive(files, tmp_path / "unproven.zip")).problems[0]
    files["outcome.tlog-proof"] = log.proof(4).text().encode()
    assert judged(archive(files, tmp_path / "whole.zip")).problems == []
    files = consent_bundle(ShownLog.of(11))
    files["record-1.jws"] += b"\n"
    assert "record that lies beside it" in judged(archive(files, tmp_path / "consent.zip")).problems[0]


def test_keys_from_outside_and_stolen_ones(log: ShownLog, tmp_path: Path) -> None:
    bundle = archive(log.bundle(3), tmp_path / "b.zip")
    assert judged(bundle, jwks=archive_of(log.signing)).problems == []
    strangers = judged(bundle, jwks=archive_of(keys()))
    assert "signed with a key that is not in the set" in strangers.problems[0]
    key = log.signing.signing_key("document", NOW)
    found = judged(bundle, jwks=stolen(key, log.signing))
    assert found.problems == []
    assert "rests on its entry alone" in found.notes[0]


def test_a_split_view_shows(log: ShownLog, tmp_path: Path) -> None:
    """Two people were shown two logs of one size: each is whole in itself."""
    other = ShownLog.of(40, citizens=4)
    bundle = archive(log.bundle(3), tmp_path / "b.zip")
    assert "two versions" in judged(bundle, notes=(other.note(),)).problems[0]
    assert judged(bundle, notes=(log.note(),)).problems == []
    unrelated = judged(bundle, notes=(log.note(20),))
    assert unrelated.problems == []
    assert "is seen with the log" in unrelated.notes[0]


def test_a_quorum_of_witnesses(log: ShownLog, tmp_path: Path) -> None:
    witness = CosignatureSigner("saksi.test", b"\x05" * 32)
    policy = Policy.read(f"log {SIGNER.vkey()}\nwitness inspektorat {witness.vkey()}\nquorum inspektorat\n")
    bare = archive(log.bundle(3), tmp_path / "bare.zip")
    assert "not cosigned by the quorum" in judged(bare, policy=policy).problems[0]
    assert judged(bare, policy=policy).covered == 0
    line = witness.line(parted(log.note())[0], 1_795_505_361)
    files = log.bundle(3)
    files["receipt.tlog-proof"] += line.encode()
    findings = judged(archive(files, tmp_path / "cosigned.zip"), policy=policy)
    assert (findings.problems, findings.covered) == ([], 40)


def test_what_is_no_package_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"no archive")
    (tmp_path / "empty").mkdir()
    for name in ("x.zip", "empty", "nothing.zip"):
        with pytest.raises(PackageRefused):
            judged(tmp_path / name)


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _byte(files: Files, rng: random.Random, judged_names: list[str]) -> None:
    name = rng.choice(judged_names)
    files[name] = _flipped(files[name], rng)


def _cut(files: Files, rng: random.Random, judged_names: list[str]) -> None:
    name = rng.choice(judged_names)
    files[name] = files[name][: rng.randrange(len(files[name]))]


def _swapped(files: Files, rng: random.Random, judged_names: list[str]) -> None:
    one, two = rng.sample(judged_names, 2)
    files[one], files[two] = files[two], files[one]


def _another_log(files: Files, rng: random.Random, judged_names: list[str]) -> None:
    """Whole in itself, signed with another key."""
    other, signer = ShownLog.of(40), NoteSigner(SIGNER.origin, rng.randbytes(32))
    for name in judged_names:
        if name.endswith(".tlog-proof"):
            files[name] = files[name].split(b"\n\n")[0] + b"\n\n" + other.note(signer=signer).encode()
    files["checkpoint"] = other.note(signer=signer).encode()


WAYS = {"a byte": _byte, "cut off": _cut, "swapped": _swapped, "another log": _another_log}


def test_tampered_exports_and_bundles_are_found(log: ShownLog, tmp_path: Path) -> None:
    """By chance, in each file that is judged: what a bundle holds, an export's proofs and its checkpoint; a middle entry taken away."""
    kinds = {"export": own(log), "bundle": log.bundle(22), "closed": log.bundle(22, opened=False)}
    missed = []
    for case in range(TAMPERINGS):
        rng = random.Random(f"files:{case}")
        kind = rng.choice(list(kinds))
        files = dict(kinds[kind])
        names = [name for name in files if name not in UNJUDGED]
        if kind == "export" and rng.random() < 0.2:
            del files[f"entries/{rng.randrange(4, 37, 3)}.tlog-proof"]
        else:
            WAYS[rng.choice(list(WAYS))](files, rng, names)
        if files == kinds[kind]:
            continue
        try:
            found = bool(
                judged(archive(files, tmp_path / f"{case}.zip"), jwks=archive_of(log.signing)).problems
            )
        except PackageRefused:
            found = True
        if not found:
            missed.append(case)
    print(f"\n{TAMPERINGS} tamperings with exports and bundles, {len(missed)} missed")
    assert missed == []


def test_release_is_what_the_service_writes() -> None:
    """The events of these tests have the members that ``receipts.py`` compares."""
    assert {"type", "ticket", "consent", "agency", "actor", "doc", "result"} <= release(0, 0, 1).keys()
