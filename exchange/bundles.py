"""Bundles: what somebody takes along, to check an entry of the log without asking us again (``protocols.md`` 5 and 6.1; M34).

A commitment opens only as a whole. So a citizen gets the own entries opened (salt and event), and an agency gets the 33 bytes that stand
in the public log: the event holds the citizen's name in the log, which is the same for all agencies (D10), the count of everything that
was ever done with the citizen's papers, and of a decision which papers were not on file. What binds an agency's proof to its act is a
signed receipt that names the entry; the citizen and an auditor can open that entry, and a receipt that says otherwise convicts us.

No bundle holds a byte of a paper: its digest and its name are there, the paper itself is in the hands of who fetched it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any

from exchange.archives import Archive
from storage.database import Reading
from storage.ledger.evidence import Evidence
from storage.ledger.proofs import inclusions
from storage.ledger.published import Signed
from storage.ledger.tlog_proof import TlogProof

Files = dict[str, bytes]
"""By their names in the archive."""

# In the folder of the program; FOLDER is the unpacked archive.
VERIFY = 'BERKAS_LOG_VKEY="$(cat FOLDER/log-vkeys)" python -m storage.ledger.verify --export FOLDER'


@dataclass(frozen=True, slots=True)
class Keys:
    """What a bundle is checked with: every public key that signed records and receipts (RFC 7517), and the log's verifier keys. A
    bundle's own keys prove nothing to who does not compare them with keys that came another way: the texts in it say so.
    """

    jwks: Mapping[str, Any]
    log_vkeys: Collection[str]

    def files(self) -> Files:
        vkeys = "".join(f"{vkey}\n" for vkey in self.log_vkeys)
        return {
            "jwks-archive.json": json.dumps(self.jwks, indent=1).encode() + b"\n",
            "log-vkeys": vkeys.encode(),
        }


@dataclass(frozen=True, slots=True)
class Bundle:
    """``name`` is that of the archive."""

    name: str
    files: Files

    def packed(self, at: datetime) -> bytes:
        """A ZIP archive; ``at`` is the time on the site's clock that every file gets. Small: no paper is in it."""
        archive = Archive(at)
        return b"".join(archive.whole(*file) for file in self.files.items()) + archive.ends()


async def proofs_of(
    reading: Reading, entries: Sequence[Evidence], signed: Signed, *, opened: bool
) -> list[TlogProof]:
    """``opened`` for the citizen whose entries they are. Raises ``NodeMissing``."""
    paths = await inclusions(reading, [one.index for one in entries], signed.size)
    return [
        TlogProof(one.salt + one.body if opened else one.entry, one.index, tuple(path), signed.note)
        for one, path in zip(entries, paths, strict=True)
    ]


def entry_files(one: Evidence, proof: TlogProof, name: str, *, opened: bool, prefix: str = "") -> Files:
    """The proof as ``name``, and beside it, in files of their own, what it is about."""
    files = {f"{name}.tlog-proof": proof.text().encode(), f"{prefix}entry": one.entry}
    return files | ({f"{prefix}salt": one.salt, f"{prefix}event.json": one.body} if opened else {})


def origin_of(signed: Signed) -> str:
    """The log's name, as the checkpoint has it: after a loss it is another one."""
    return signed.note.partition("\n")[0]


def readme(kind: str, **values: object) -> bytes:
    """The text that tells how a bundle is checked, in Indonesian and in English: ``data/readme-KIND.txt``."""
    text = (Path(__file__).parent / "data" / f"readme-{kind}.txt").read_text(encoding="utf-8")
    told = {name: str(value) for name, value in values.items()}
    return Template(text).substitute(told, verify=VERIFY).encode()
