#!/usr/bin/env python3
"""Papers out of a database dump, a copy of the bucket and the root key, without Berkas: `cryptography` is all it needs.

For the day on which nothing else is left. It reads a plain dump of PostgreSQL (`pg_dump`, COPY format), a folder with the
bucket's objects, and the root key's file (32 bytes); it writes nothing but what it opened, for its owner alone to read.

    python recover.py --dump berkas.sql --list
    python recover.py --dump berkas.sql --objects bucket/ --root-key root.key --document d_01... --out paper.pdf
    python recover.py --dump berkas.sql --objects bucket/ --root-key root.key --all --out folder/

The formats, so that another program can do the same (every Tink implementation reads the objects):

    document key  = 12-byte nonce || AES-256-GCM(root key),     associated data berkas-kek|<citizen>
    data key      = 12-byte nonce || AES-256-GCM(document key), associated data berkas-dek|<document>|<version>|<key id>
    object        = Tink's streaming AEAD AES256_GCM_HKDF_1MB (AesGcmHkdfStreaming, SHA-256, derived key of 32 bytes) under
                    the data key, associated data berkas-doc|<site>|<document>|<version>
        header    = 0x28 || salt (32 bytes) || nonce prefix (7 bytes)
        segment   = AES-256-GCM(HKDF-SHA256(data key, salt, associated data), prefix || uint32_be(number) || last)

Where an HSM or OpenBao holds the root key, let that holder unwrap the citizen's document key (`--show-key` prints what
to hand it) and give the 32 bytes with `--document-key FILE`.

Exit codes: 0 done, 1 something could not be read or opened, 2 wrong use.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER_BYTES = 40
SEGMENT_BYTES = 1_048_576
NONCE_BYTES = 12
KEY_BYTES = 32
Row = dict[str, str | None]
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ENDINGS = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}


class CannotRecover(Exception):
    """A sentence for whoever runs this."""


def rows_of(dump: Path, wanted: frozenset[str]) -> Iterator[tuple[str, Row]]:
    """(table, row) of the wanted tables in a plain dump, in the COPY format of ``pg_dump``."""
    table, columns = "", []
    with dump.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            text = line.rstrip("\n")
            if not table:
                begins = re.fullmatch(r"COPY (?:\w+\.)?(\w+) \((.*)\) FROM stdin;", text)
                if begins:
                    table, columns = begins[1], [name.strip('" ') for name in begins[2].split(",")]
            elif text == "\\.":
                table = ""
            elif table in wanted:
                yield table, dict(zip(columns, map(_value, text.split("\t")), strict=True))


def _value(text: str) -> str | None:
    """One field of COPY's text format; None for NULL."""
    if text == "\\N":
        return None
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), text)


def _bytes(value: str | None, what: str) -> bytes:
    """A bytea column, as PostgreSQL writes it in hex, after a backslash and an x."""
    if not value or value == "\\x":
        raise CannotRecover(f"{what} was destroyed: this paper was erased or voided")
    return bytes.fromhex(value.removeprefix("\\x"))


class Dump:
    """What matters of a dump: sites, citizens' keys, versions of papers."""

    def __init__(self, path: Path) -> None:
        self.sites: list[str] = []
        self.keys: dict[str, Row] = {}
        self.versions: list[Row] = []
        for table, row in rows_of(path, frozenset({"site", "citizen_key", "document_version"})):
            if table == "site":
                self.sites.append(str(row["id"]))
            elif table == "citizen_key":
                self.keys[str(row["id"])] = row
            else:
                self.versions.append(row)
        if not self.versions:
            raise CannotRecover(
                "the dump holds no papers (is it a plain dump of Berkas' database, pg_dump without -F?)"
            )

    def key_of(self, version: Row) -> Row:
        row = self.keys.get(str(version["subject_ref"]))
        if row is None:
            raise CannotRecover("the dump holds no key of this paper's citizen")
        return row


def unwrapped(key: bytes, blob: bytes, associated_data: str, what: str) -> bytes:
    try:
        opened = AESGCM(key).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], associated_data.encode())
    except InvalidTag:
        raise CannotRecover(f"{what} does not open under this key") from None
    return opened


def opened_object(data_key: bytes, associated_data: str, sealed: bytes) -> bytes:
    """Tink's AES256_GCM_HKDF_1MB; raises ``CannotRecover`` unless every segment authenticates."""
    header = sealed[:HEADER_BYTES]
    if len(header) < HEADER_BYTES or header[0] != HEADER_BYTES:
        raise CannotRecover("the object is not a sealed one")
    cipher = AESGCM(HKDF(SHA256(), KEY_BYTES, header[1:33], associated_data.encode()).derive(data_key))
    plain, at, number = [], HEADER_BYTES, 0
    while at < len(sealed) or number == 0:
        end = min(SEGMENT_BYTES * (number + 1), len(sealed))
        nonce = header[33:40] + number.to_bytes(4, "big") + bytes([end == len(sealed)])
        try:
            plain.append(cipher.decrypt(nonce, sealed[at:end], None))
        except InvalidTag:
            raise CannotRecover("the object does not authenticate") from None
        at, number = end, number + 1
    return b"".join(plain)


def recovered(
    dump: Dump,
    objects: Path,
    version: Row,
    root_key: bytes | None,
    document_key: bytes | None,
    site: str | None,
) -> bytes:
    """The bytes of one version, authenticated and compared with the digest that the database keeps."""
    document, number, subject = version["document_id"], version["version"], version["subject_ref"]
    citizen = dump.key_of(version)
    if document_key is None:
        wrapped = _bytes(citizen["document_key"], "the citizen's document key")
        if root_key is None:
            raise CannotRecover("neither --root-key nor --document-key was given")
        document_key = unwrapped(root_key, wrapped, f"berkas-kek|{subject}", "the citizen's document key")
    blob = _bytes(version["wrapped_key"], "the data key")
    data_key = unwrapped(
        document_key, blob, f"berkas-dek|{document}|{number}|{citizen['key_id']}", "the data key"
    )
    try:
        sealed = (objects / str(version["object_key"])).read_bytes()
    except OSError as error:
        raise CannotRecover(f"the object {version['object_key']} cannot be read: {error.strerror}") from None
    refused: CannotRecover | None = None
    for place in [site] if site else dump.sites:
        try:
            plain = opened_object(data_key, f"berkas-doc|{place}|{document}|{number}", sealed)
        except CannotRecover as error:
            refused = error
            continue
        if hashlib.sha256(plain).hexdigest() != version["sha256"]:
            raise CannotRecover("the paper is not the one that the database describes")
        return plain
    raise refused or CannotRecover("the dump holds no site (name it with --site)")


def _key_file(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise CannotRecover(f"{path.name} does not hold {KEY_BYTES} bytes")
    return key


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Papers out of a dump, a copy of the bucket and the root key."
    )
    parser.add_argument("--dump", type=Path, required=True, help="a plain dump (pg_dump, COPY format)")
    parser.add_argument("--objects", type=Path, help="the folder with the bucket's objects")
    parser.add_argument("--root-key", type=Path, help="the root key's file (32 bytes)")
    parser.add_argument(
        "--document-key", type=Path, help="instead: the citizen's unwrapped document key (32 bytes)"
    )
    parser.add_argument(
        "--site", help="the deployment's BERKAS_SITE; every site of the dump is tried otherwise"
    )
    parser.add_argument(
        "--version", type=int, help="a version's number; the newest that can be had otherwise"
    )
    parser.add_argument("--out", type=Path, help="a file, or with --all a folder")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="what there is, one version a line")
    what.add_argument("--document", help="one paper")
    what.add_argument("--all", action="store_true", help="every version that was not erased or voided")
    what.add_argument(
        "--show-key", metavar="SUBJECT", help="the wrapped document key of a citizen, for its holder"
    )
    given = parser.parse_args()
    if (given.document or given.all) and not (given.objects and given.out):
        parser.error("--objects and --out are needed")
    return given


def _chosen(dump: Dump, document: str, number: int | None) -> Row:
    found = [
        row
        for row in dump.versions
        if row["document_id"] == document and row["wrapped_key"] not in {None, "", "\\x"}
    ]
    found = [row for row in found if number is None or row["version"] == str(number)]
    if not found:
        raise CannotRecover("no such paper in the dump, or it was erased or voided")
    return max(found, key=lambda row: int(row["version"] or 0))


def _kept(path: Path, plain: bytes, version: Row) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)  # one that stood there already may have been open to others
    path.write_bytes(plain)
    print(
        f"{path}: {version['type']}, version {version['version']}, {len(plain):,} bytes, sha256 {version['sha256']}"
    )


def _run(given: argparse.Namespace) -> int:
    dump = Dump(given.dump)
    if given.list:
        for row in dump.versions:
            print(
                "\t".join(
                    str(row[name])
                    for name in ("document_id", "version", "type", "state", "subject_ref", "size", "taken_at")
                )
            )
        return 0
    if given.show_key:
        row = dump.keys.get(given.show_key)
        if row is None:
            raise CannotRecover("the dump holds no key of this citizen")
        print(f"holder           {row['root_key_id']} version {row['root_key_version']}")
        print(f"associated data  berkas-kek|{given.show_key}")
        print(f"wrapped key      {_bytes(row['document_key'], 'the document key').hex()} (hex)")
        return 0
    root_key = _key_file(given.root_key) if given.root_key else None
    document_key = _key_file(given.document_key) if given.document_key else None
    if given.document:
        version = _chosen(dump, given.document, given.version)
        _kept(given.out, recovered(dump, given.objects, version, root_key, document_key, given.site), version)
        return 0
    return _all(given, dump, root_key, document_key)


def _all(given: argparse.Namespace, dump: Dump, root_key: bytes | None, document_key: bytes | None) -> int:
    """Every version; one that cannot be opened is named and does not stop the others."""
    given.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for version in dump.versions:
        name = f"{version['document_id']}-{version['version']}{_ENDINGS.get(str(version['media_type']), '')}"
        try:
            plain = recovered(dump, given.objects, version, root_key, document_key, given.site)
        except CannotRecover as error:
            erased = version["state"] in {"erased", "voided"}
            failed += not erased
            print(
                f"{name}: {version['state'] if erased else error}", file=sys.stdout if erased else sys.stderr
            )
        else:
            _kept(given.out / name, plain, version)
    return 1 if failed else 0


if __name__ == "__main__":
    os.umask(0o077)
    try:
        sys.exit(_run(_arguments()))
    except (CannotRecover, OSError) as problem:
        print(f"recover: {problem}", file=sys.stderr)
        sys.exit(1)
