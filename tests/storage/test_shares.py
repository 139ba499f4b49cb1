"""The root key in parts: any two of three make it, one tells nothing, and what was mistyped or mixed is refused."""

from __future__ import annotations

import itertools
import os
import re
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import root_parts
from storage.errors import RootKeyRefused
from storage.keyring import create_root_key
from storage.keys.local_file import fingerprint
from storage.shares import _ALPHABET, ShareRefused, _at, _by, _times, combine, read, split, written
from tests.commands import berkas
from tests.rules.house import ROOT

KEY, NAME = bytes(range(100, 132)), b"8 bytes!"
LINE = re.compile(r"^(\d: )(.*)(-..)$", re.MULTILINE)


def product(a: int, b: int) -> int:
    """FIPS 197 4.2, bit by bit: what the tables must agree with."""
    found = 0
    while b:
        if b & 1:
            found ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return found


def test_the_field_is_that_of_aes() -> None:
    assert _times(0x57, 0x83) == 0xC1  # the example of FIPS 197 4.2
    for a, b in itertools.product(range(256), repeat=2):
        assert _times(a, b) == product(a, b)
        if b:
            assert _times(_by(a, b), b) == a


@given(st.binary(min_size=32, max_size=32), st.integers(2, 7), st.data())
@settings(max_examples=60, deadline=None)
def test_enough_parts_make_it_in_any_order(key: bytes, parts: int, data: st.DataObject) -> None:
    needed = data.draw(st.integers(2, parts))
    made = split(key, NAME, parts=parts, needed=needed)
    chosen = data.draw(st.permutations(made))
    assert combine(chosen[:needed]) == combine(chosen) == key
    with pytest.raises(ShareRefused, match="are needed"):
        combine(chosen[: needed - 1])


def test_one_part_of_two_tells_nothing() -> None:
    """Whatever it holds, every secret fits it: for each byte there is exactly one line through both points."""
    for number, held in ((1, 0), (2, 77), (3, 255)):
        fitting = [sum(_at((secret, slope), number) == held for slope in range(256)) for secret in range(256)]
        assert fitting == [1] * 256


def test_a_part_stands_on_paper() -> None:
    for share in split(KEY, NAME, parts=3, needed=2):
        text = written(share)
        assert read(text) == share
        assert read(f"Kunci utama\n\n{text.lower()}\nsimpan terpisah") == share
        assert read(text.replace("0", "O").replace("1", "l")) == share
        assert read("\n".join(reversed(text.splitlines()))) == share
        assert len(text.splitlines()) == 4
        assert KEY.hex() not in text


def test_every_typing_error_is_found_in_its_line() -> None:
    """Each character of each line changed to each other one, two neighbours exchanged, a line left out or of another part."""
    share, other = split(KEY, NAME, parts=3, needed=2)[:2]
    text = written(share)
    missed = 0
    for at, character in enumerate(text):
        if character not in _ALPHABET or text[at + 1 : at + 2] == ":":
            continue
        for wrong in set(_ALPHABET) - {character}:
            spoilt = text[:at] + wrong + text[at + 1 :]
            line = 1 + text[:at].count("\n")
            try:
                read(spoilt)
            except ShareRefused as refused:
                missed += str(refused) != f"line {line} is mistyped"
            else:
                raise AssertionError("a mistyped part was read")
        if text[at + 1] in _ALPHABET and text[at + 1] != character:
            with pytest.raises(ShareRefused):
                read(text[:at] + text[at + 1] + character + text[at + 2 :])
    assert missed < 15  # one in a thousand passes the line's check and is caught by the part's
    lines, foreign = text.splitlines(), written(other).splitlines()
    for at in range(len(lines)):
        with pytest.raises(ShareRefused, match="missing"):
            read("\n".join(lines[:at] + lines[at + 1 :]))
        with pytest.raises(ShareRefused, match="one part"):
            read("\n".join([*lines[:at], foreign[at], *lines[at + 1 :]]))
    with pytest.raises(ShareRefused, match="missing"):
        read("")


def test_parts_that_do_not_belong_together_are_refused() -> None:
    one, two, three = split(KEY, NAME, parts=3, needed=2)
    again = split(KEY, NAME, parts=3, needed=2)
    for wrong, words in (
        ([one, again[1]], "one splitting"),
        ([one, replace(two, name=b"another!")], "one splitting"),
        ([one, replace(two, needed=3)], "one splitting"),
        ([one, one], "twice"),
        ([three], "2 parts are needed"),
        ([], "no parts"),
    ):
        with pytest.raises(ShareRefused, match=words):
            combine(wrong)
    for parts, needed in ((3, 1), (2, 3), (256, 2), (1, 1), (0, 0)):
        with pytest.raises(ShareRefused):
            split(KEY, NAME, parts=parts, needed=needed)


def test_a_made_up_part_does_not_make_a_key(tmp_path: Path) -> None:
    """Somebody's own part with right checks: the key that comes out is not the one that is named, and nothing is written."""
    create_root_key(tmp_path / "root.key")
    texts = root_parts.parts_of(tmp_path / "root.key", parts=3, needed=2)
    forged = written(replace(read(texts[1]), value=os.urandom(32)))
    with pytest.raises(RootKeyRefused, match="not the root key"):
        root_parts.put_together([texts[0], forged], tmp_path / "again.key")
    with pytest.raises(RootKeyRefused, match=r"part no\. 2 as given: line 3 is mistyped"):
        spoilt = texts[1].replace("\n3: ", "\n3: 0", 1)
        root_parts.put_together([texts[0], spoilt], tmp_path / "again.key")
    assert not (tmp_path / "again.key").exists()


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERKAS_")}
    environment = {**kept, "BERKAS_ROOT_KEY": f"file:{folder}/root.key", "PYTHONPATH": str(ROOT)}
    return berkas("keys", *arguments, env=environment, cwd=folder)


def test_the_rehearsal(tmp_path: Path) -> None:
    """Two of the printed parts, typed by two people, make the file again; the third with either does as well."""
    create_root_key(tmp_path / "root.key")
    key = (tmp_path / "root.key").read_bytes()
    done = cli(tmp_path, "split", "parts")
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "parts").iterdir())
    assert [file.name for file in files] == ["part-1.txt", "part-2.txt", "part-3.txt"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o400}
    assert key.hex() not in done.stdout + "".join(file.read_text() for file in files)
    for number, two in enumerate(itertools.combinations(files, 2)):
        typed = []
        for file in two:
            lines = LINE.findall(file.read_text())
            typed.append(tmp_path / f"typed-{number}-{file.name}")
            typed[-1].write_text("\n".join("".join(line).replace(" ", "").lower() for line in lines))
        made = tmp_path / f"again-{number}.key"
        done = cli(tmp_path, "combine", *map(str, typed), "--out", str(made))
        assert done.returncode == 0, done.stderr
        assert made.read_bytes() == key
        assert stat.S_IMODE(made.stat().st_mode) == 0o400
        assert fingerprint(key) in done.stdout
    refused = cli(tmp_path, "combine", str(files[0]), "--out", str(tmp_path / "one.key"))
    assert (refused.returncode, "2 parts are needed" in refused.stderr) == (1, True)
    refused = cli(tmp_path, "combine", str(files[0]), str(files[1]), "--out", str(tmp_path / "root.key"))
    assert (refused.returncode, "is there already" in refused.stderr) == (1, True)
    assert (tmp_path / "root.key").read_bytes() == key
