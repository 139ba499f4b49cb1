"""Identifiers against the python-ulid library."""

from __future__ import annotations

import time

from ulid import ULID

from storage.ids import new_id, ulid


def test_the_library_reads_what_we_write() -> None:
    """The time that it reads is now; a wrong alphabet, order or number of bits gives another."""
    before_s = time.time() - 0.001
    made = [ulid() for _ in range(1_000)]
    for text in made:
        assert str(ULID.from_str(text)) == text
        assert before_s <= ULID.from_str(text).timestamp <= time.time()
    assert len({text[10:] for text in made}) == len(made)  # 80 random bits each


def test_later_ones_sort_later() -> None:
    first = ulid()
    time.sleep(0.002)
    assert first < ulid()


def test_the_prefix_says_what_it_names() -> None:
    assert new_id("c").startswith("c_0")
    assert len(new_id("sbj")) == len("sbj_") + 26
