"""The bytes of one entry against independent implementations (the frozen vectors are in ``test_merkle.py``)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger.entry import canonical, entry_bytes

NAMES = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_canonical_json_is_that_of_rfc_8785(event: dict[str, Any]) -> None:
    """The oracle is the ``rfc8785`` library; member names are ASCII, as ours are."""
    assert canonical(event) == rfc8785.dumps(event)


@pytest.mark.parametrize("value", [1.0, float("nan"), [1.5], {"a": {"b": 2.0}}])
def test_a_float_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical({"n": value})


def test_the_commitment_is_that_of_coreutils(tmp_path: Path) -> None:
    """Anybody can recompute it with ``sha256sum``: nothing of ours is needed."""
    salt, body = bytes(range(32)), canonical({"type": "release", "v": 1})
    (tmp_path / "salt").write_bytes(salt)
    (tmp_path / "event.json").write_bytes(body)
    command = "(printf 'berkas-log-v1\\0'; cat salt event.json) | sha256sum"
    said = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert entry_bytes(salt, body).hex() == "01" + said.split()[0]
