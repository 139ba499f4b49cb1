"""The root key's file in parts on paper, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storage.errors import RootKeyRefused
from storage.keys.local_file import create, fingerprint, read_key
from storage.shares import Share, ShareRefused, combine, split, written
from storage.shares import read as read_share

PAPER = """Berkas: root key {name}, part {number} of {parts}. Any {needed} of them make it again: berkas keys combine.
Keep it sealed, apart from the other parts and from the backups. I is read as 1, L as 1, O as 0.

{lines}
"""


def parts_of(path: Path, *, parts: int, needed: int) -> list[str]:
    """The text of each part. They are read back and combined before anybody relies on them. Raises ``RootKeyRefused``."""
    key = read_key(path)
    name = fingerprint(key)
    try:
        made = split(key, bytes.fromhex(name), parts=parts, needed=needed)
    except ShareRefused as refused:
        raise RootKeyRefused(str(refused)) from None
    texts = [
        PAPER.format(name=name, number=share.number, parts=parts, needed=needed, lines=written(share))
        for share in made
    ]
    read_back = [read_share(text) for text in texts]
    for start in range(parts):
        chosen = [read_back[(start + n) % parts] for n in range(needed)]
        if combine(chosen) != key:
            raise RootKeyRefused("the parts do not make the key again: nothing was written")
    return texts


def put_together(texts: Sequence[str], path: Path) -> str:
    """Writes the key (mode 0400) and returns its id. Raises ``RootKeyRefused``; then nothing is written."""
    if path.exists():
        raise RootKeyRefused(f"{path} is there already")
    shares: list[Share] = []
    for number, text in enumerate(texts, start=1):
        try:
            shares.append(read_share(text))
        except ShareRefused as refused:
            raise RootKeyRefused(f"part no. {number} as given: {refused}") from None
    try:
        key = combine(shares)
    except ShareRefused as refused:
        raise RootKeyRefused(str(refused)) from None
    if fingerprint(key) != shares[0].name.hex():
        raise RootKeyRefused("what these parts make is not the root key that they name")
    create(path, key)
    return fingerprint(key)
