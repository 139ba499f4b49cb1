"""An export: many entries with their proofs under one checkpoint, a citizen's own or an auditor's evidence.

    checkpoint, entries/<index>.tlog-proof, jwks-archive.json, log-vkeys, README        index.csv: an auditor's

A citizen's own list has no hole from its first number to its last. An auditor's shows what was asked for: nothing can be said of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from storage.ledger.verify.bundle import is_bundle, judge_bundle
from storage.ledger.verify.counters import Counters
from storage.ledger.verify.files import Files, Proven
from storage.ledger.verify.findings import Fault
from storage.ledger.verify.package import Package, PackageRefused, packages_at

CHECKPOINT, CHOSEN = "checkpoint", "index.csv"
_ENTRY = re.compile(r"entries/(0|[1-9][0-9]{0,18})\.tlog-proof")


def judge(files: Files, path: Path) -> None:
    """A bundle or an export, a folder or an archive, or a folder of archives. Raises ``PackageRefused``."""
    for one in packages_at(path):
        package = Package(one)
        try:
            if is_bundle(package):
                judge_bundle(files, package)
            elif CHECKPOINT in package.names:
                _export(files, package)
            else:
                raise PackageRefused(f"{package.place} is neither a bundle nor an export")
        finally:
            package.close()


def _export(files: Files, package: Package) -> None:
    note = package.text(CHECKPOINT)
    files.checkpoint(f"of {package.place}", note)
    inside = [name for name in package.names if name.startswith("entries/")]
    strangers = [name for name in inside if not _ENTRY.fullmatch(name)]
    if strangers:
        raise PackageRefused(f"{package.place}: {strangers[0]} is no entry's proof")
    proven = []
    for number in sorted(int(name.removeprefix("entries/").partition(".")[0]) for name in inside):
        text = package.text(f"entries/{number}.tlog-proof")
        one = files.proven(f"{package.place}: entry {number}", text, number=number, note=note)
        if one is None:
            return  # the first bad entry is named
        proven.append(one)
    if CHOSEN in package.names or not all(one.event for one in proven):
        files.findings.notes.append(
            f"{package.place}: an auditor's choice of entries; whether some between them are missing cannot be told"
        )
    else:
        _dense(files, proven)


def _dense(files: Files, proven: Sequence[Proven]) -> None:
    counters = Counters()
    for place, one in enumerate(proven):
        number, subject = one.event.get("subject_seq"), one.event.get("subject")
        if type(number) is not int or number < 1 or subject != proven[0].event.get("subject"):
            files.findings.bad(Fault(one.index, one.index, "not one of the list of this citizen"))
            return
        if place == 0:
            counters.goes_on("", one.index, number - 1)
        fault = counters.take(one.index, "", number)
        if fault is not None:
            files.findings.bad(fault)
            return
