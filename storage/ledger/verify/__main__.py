"""The command line of the verifier; ``berkas log verify`` starts it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from storage.database import Database
from storage.errors import StorageError
from storage.keyring import Keyring, provider_for
from storage.ledger import verify as package
from storage.ledger.checkpoint import CheckpointRefused, NoteVerifier
from storage.ledger.es256 import RecordRefused, read_keys
from storage.ledger.policy import Policy, PolicyRefused
from storage.ledger.verify.database import verify
from storage.ledger.verify.export import judge
from storage.ledger.verify.files import Files, alone
from storage.ledger.verify.findings import Findings
from storage.ledger.verify.key_use import KeyUseRefused, read_names, read_uses, reconcile, trails_of
from storage.ledger.verify.package import PackageRefused
from storage.ledger.verify.shown import Held
from storage.ledger.verify.tiles import LiveLog, LogUnreadable, verify_live

WRONG = 3
UNREADABLE = 1
_UNREADABLE = (
    StorageError, CheckpointRefused, PolicyRefused, PackageRefused, RecordRefused, KeyUseRefused, LogUnreadable, OSError, UnicodeError,
)  # fmt: skip


def main() -> None:
    arguments = _parser().parse_args()
    try:
        findings = asyncio.run(_run(arguments))
    except _UNREADABLE as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        sys.exit(UNREADABLE)
    if arguments.json:
        print(json.dumps(findings.as_json()))
    else:
        _tell(findings)
    sys.exit(WRONG if findings.problems else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m storage.ledger.verify",
        description=package.__doc__,
        epilog="Exit code 0 whole, 3 not whole, 1 unreadable.",
    )
    add = parser.add_argument
    add("--vkey", action="append", help="C2SP verifier key of the log; again for each key that it had before")
    add(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        help="a checkpoint that was kept outside; again for each",
    )
    add("--policy", type=Path, help="C2SP tlog-policy: which witnesses must have cosigned")
    add("--url", help="a live log, over its public tiles")
    add(
        "--export",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="a bundle or an export, folder or ZIP, or a folder of them",
    )
    add(
        "--receipt",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a signed receipt (JWS), or the same as --export",
    )
    add("--jwks", type=Path, help="the archive of signing keys (jwks-archive.json) as it was kept outside")
    add(
        "--key-use",
        type=Path,
        metavar="FILE",
        help="audit file of OpenBao: each use of a citizen's key needs an entry (with the database)",
    )
    add("--key-names", type=Path, metavar="FILE", help="whose keys the values in that file are")
    add("--database", action="store_true", help="read BERKAS_DATABASE_URL, as without --url and --export")
    add("--json", action="store_true", help="for programs")
    return parser


async def _run(arguments: argparse.Namespace) -> Findings:
    vkeys = arguments.vkey or os.environ.get("BERKAS_LOG_VKEY", "").split()
    if not vkeys:
        raise PackageRefused("name the log's verifier key, as somebody outside knows it (--vkey)")
    verifiers = [NoteVerifier(vkey) for vkey in vkeys]
    policy = Policy.read(arguments.policy.read_text()) if arguments.policy else None
    keys = read_keys(arguments.jwks.read_bytes()) if arguments.jwks else None
    findings, held = Findings(), Held()
    held.notes += [(path.name, path.read_text()) for path in arguments.checkpoint]
    _judge_files(Files(verifiers, findings, held, keys), [*arguments.export, *arguments.receipt])
    if arguments.url:
        log = LiveLog(arguments.url)
        try:
            verify_live(log, vkeys=vkeys, policy=policy, held=held, findings=findings)
        finally:
            log.close()
    if arguments.database or not (arguments.url or arguments.export):
        await _database(arguments, vkeys, policy, held, findings)
    elif not arguments.url:
        alone(findings, verifiers, policy, held)
    return findings


def _judge_files(files: Files, paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir() or path.suffix == ".zip":
            judge(files, path)
        else:
            files.receipt(path)


async def _database(
    arguments: argparse.Namespace, vkeys: Sequence[str], policy: Policy | None, held: Held, findings: Findings
) -> None:
    url = os.environ.get("BERKAS_DATABASE_URL")
    if not url:
        raise PackageRefused("BERKAS_DATABASE_URL, --url or --export is needed")
    uses = read_uses(arguments.key_use.read_text().splitlines()) if arguments.key_use else None
    names = read_names(arguments.key_names.read_text().splitlines()) if arguments.key_names else {}
    database = Database(url)
    try:
        keyring = await _keyring(database, os.environ.get("BERKAS_ROOT_KEY"))
        await verify(database, vkeys=vkeys, keyring=keyring, policy=policy, held=held, findings=findings)
        if uses is not None:
            reconcile(uses, await trails_of(database, uses), names, findings)
    finally:
        await database.close()


async def _keyring(database: Database, root_key: str | None) -> Keyring | None:
    if not root_key:
        return None
    keyring = Keyring(database, provider_for(root_key, os.environ.get("BERKAS_ROOT_KEY_OTHER", "")))
    await keyring.open_existing()
    return keyring


def _tell(findings: Findings) -> None:
    print(f"entries        {findings.size}")
    print(f"root           {findings.root}")
    print(f"checkpoints    {findings.checkpoints} signed and consistent")
    print(
        f"covered        {findings.covered} by a checkpoint from outside, {findings.as_json()['not_covered']} are newer: not covered"
    )
    print(f"bodies         {findings.bodies_opened} opened, {findings.bodies_erased} erased")
    print(
        f"files          {findings.proofs} proofs, {findings.receipts} receipts and records, {findings.key_uses} uses of keys"
    )
    for note in findings.notes:
        print(f"NOTE           {note}")
    for scar in findings.scars:
        print(f"SCAR           {scar}")
    for problem in findings.problems:
        print(f"WRONG          {problem}")
    print("the log is whole" if not findings.problems else "THE LOG IS NOT WHOLE")


if __name__ == "__main__":
    main()
