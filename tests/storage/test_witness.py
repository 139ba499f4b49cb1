"""The witness's rules (C2SP tlog-witness), its key and its memory. M36; attacks on the audit log: fork, rollback, replay."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from storage.ledger.add_checkpoint import LIMIT_BYTES, Answer, Request, RequestRefused, read_request
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.cosignature import CosignatureVerifier
from storage.witness import home
from storage.witness.desk import Desk
from storage.witness.memory import Memory, MemoryLost, heads_in
from tests.storage.witnessed import AT_S, HONEST, LOG, ORIGIN, Tree, desk, made

STRANGER = NoteSigner("another.test/log", b"a" * 32)
FALSE = NoteSigner(ORIGIN, b"f" * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / "w")


@pytest.fixture
def witness(folder: Path) -> Iterator[Desk]:
    with Memory(folder) as memory:
        yield desk(folder, memory)


def conflict(size: int) -> Answer:
    return Answer(409, f"{size}\n".encode(), "text/x.tlog.size")


def signed(witness: Desk, answer: Answer, note: str) -> bool:
    verifier = CosignatureVerifier(witness.signer.vkey())
    return answer.status == 200 and verifier.time_of(note + answer.body.decode()) == AT_S


def test_it_cosigns_what_grew(witness: Desk, folder: Path) -> None:
    old = 0
    for size in (1, 2, 3, 7, 8, 64, 64, 65, 200):
        assert signed(witness, witness.answer(HONEST.request(old, size)), HONEST.note(size)), size
        assert heads_in(folder)[ORIGIN].size == size
        old = size


# (what is sent after 10 entries were cosigned, status); in the order of the specification.
REFUSED = {
    "an unknown log": (HONEST.request(10, 12, STRANGER), 404),
    "another key under the log's name": (HONEST.request(10, 12, FALSE), 403),
    "an old size above the checkpoint's": (HONEST.request(12, 11), 400),
    "a smaller tree": (HONEST.request(10, 9), 400),
    "an old checkpoint again": (HONEST.request(9, 10), 409),
    "from nothing again": (HONEST.request(0, 12), 409),
    "from a size that was never cosigned": (HONEST.request(11, 12), 409),
    "the same size with another root": (Tree(fork=9).request(10, 10), 409),
    "a fork": (Tree(fork=9).request(10, 12), 422),
    "a fork with the honest proof": (
        HONEST.request(10, 12).replace(HONEST.note(12).encode(), Tree(fork=9).note(12).encode()),
        422,
    ),
    "no proof": (Request(10, (), HONEST.note(12)).body(), 422),
    "a proof too much": (Request(10, (b"x" * 32,), HONEST.note(10)).body(), 422),
    "an unsigned checkpoint": (b"old 10\n\n" + HONEST.note(12).partition("\n\n")[0].encode() + b"\n\n", 400),
    "nothing": (b"", 400),
    "garbage": (b"\xff" * 100, 400),
    "leading zero": (HONEST.request(10, 12).replace(b"old 10", b"old 010"), 400),
    "negative": (HONEST.request(10, 12).replace(b"old 10", b"old -1"), 400),
    "too many hashes": (Request(10, (b"x" * 32,) * 64, HONEST.note(12)).body(), 400),
    "a short hash": (Request(10, (b"x" * 31,), HONEST.note(12)).body(), 400),
    "too large": (HONEST.request(10, 12) + b"x" * LIMIT_BYTES, 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_refuses(witness: Desk, folder: Path, name: str) -> None:
    """Nothing is signed, nothing is remembered, and the honest log goes on. Wrong versions seen failing: the old size of the request is
    believed in place of the own memory; equal sizes pass without a look at the roots; a proof is checked against the root that the
    request's old size would have.
    """
    witness.answer(HONEST.request(0, 10))
    before = (folder / "state.json").read_bytes()
    body, status = REFUSED[name]
    answer = witness.answer(body)
    assert answer.status == status
    assert b"\xe2\x80\x94" not in answer.body  # no signature line
    if status == 409:
        assert answer == conflict(10)
    assert (folder / "state.json").read_bytes() == before
    assert signed(witness, witness.answer(HONEST.request(10, 12)), HONEST.note(12))


def test_a_first_checkpoint_comes_without_a_proof(witness: Desk) -> None:
    assert witness.answer(Request(0, (b"x" * 32,), HONEST.note(3)).body()).status == 422
    assert witness.answer(HONEST.request(1, 3)) == conflict(0)
    assert signed(witness, witness.answer(HONEST.request(0, 3)), HONEST.note(3))


def test_two_keys_of_one_log(tmp_path: Path) -> None:
    """While a key takes the place of another, whichever signed."""
    folder = made(tmp_path / "w", [LOG.vkey(), FALSE.vkey()])
    with Memory(folder) as memory:
        both = desk(folder, memory)
        assert both.answer(HONEST.request(0, 3)).status == 200
        assert both.answer(HONEST.request(3, 5, FALSE)).status == 200


def test_nothing_is_signed_that_is_not_remembered(witness: Desk, folder: Path) -> None:
    """A full disk. Wrong version: the cosignature is made before the state is written."""
    witness.answer(HONEST.request(0, 10))
    with (
        mock.patch("storage.witness.memory.os.fsync", side_effect=OSError(28, "No space left on device")),
        pytest.raises(MemoryLost, match="cannot be written"),
    ):
        witness.answer(HONEST.request(10, 12))
    assert heads_in(folder)[ORIGIN].size == 10
    assert signed(witness, witness.answer(HONEST.request(10, 12)), HONEST.note(12))


def test_the_order_of_writing(witness: Desk) -> None:
    """The new file is synced before it takes the old one's place, the folder after it, and the signature is made last."""
    calls: list[str] = []

    def noting(name: str, real: object) -> object:
        def noted(*arguments: object) -> object:
            calls.append(name)
            return real(*arguments)  # type: ignore[operator]

        return noted

    sign = witness.signer.line
    with (
        mock.patch("storage.witness.memory.os.fsync", noting("fsync", os.fsync)),
        mock.patch.object(Path, "replace", noting("rename", Path.replace)),
        mock.patch.object(type(witness.signer), "line", noting("sign", lambda _self, *given: sign(*given))),
    ):
        witness.answer(HONEST.request(0, 10))
    assert calls == ["fsync", "rename", "fsync", "sign"]


@pytest.mark.parametrize(
    "state",
    [None, b"", b"{", b"[]", b'{"v":2,"heads":{}}', b'{"v":1}', b'{"v":1,"heads":{"a":{"size":-1,"root":""}}}',
     b'{"v":1,"heads":{"a":{"size":1,"root":"AAAA"}}}', b'{"v":1,"heads":{"a":{"size":true,"root":"%s"}}}' % base64.b64encode(b"x" * 32)],
)  # fmt: skip
def test_a_memory_that_is_gone_is_no_fresh_start(folder: Path, state: bytes | None) -> None:
    """Wrong version: a missing file counts as an empty one, and the fork is cosigned."""
    (folder / "state.json").unlink()
    if state is not None:
        (folder / "state.json").write_bytes(state)
    with pytest.raises(MemoryLost, match="must not sign"):
        Memory(folder)
    with pytest.raises(home.HomeRefused, match="keeps its key"):
        home.create(folder, "saksi.test")


def test_one_process_at_a_time(folder: Path) -> None:
    with Memory(folder), pytest.raises(MemoryLost, match="another process"):
        Memory(folder)
    Memory(folder).close()


def test_a_half_written_state_is_passed_over(folder: Path) -> None:
    (folder / "state.json.new").write_bytes(b'{"v":1,"heads":{"' + ORIGIN.encode())
    with Memory(folder) as memory:
        assert memory.last(ORIGIN).size == 0


def test_the_key(folder: Path) -> None:
    assert (folder / "key").stat().st_mode & 0o777 == 0o400
    assert home.signer_of(folder).vkey() == home.signer_of(folder).vkey()
    assert (folder / "key").read_text().startswith("PRIVATE+KEY+saksi.test+")
    (folder / "key").chmod(0o440)
    with pytest.raises(home.HomeRefused, match="chmod"):
        home.signer_of(folder)


@pytest.mark.parametrize("change", [("saksi", "saksj"), ("+B", "+A"), ("PRIVATE", "PUBLIC"), ("+", "")])
def test_a_damaged_key_signs_nothing(folder: Path, change: tuple[str, str]) -> None:
    """The message does not say what the file holds."""
    text = (folder / "key").read_text()
    (folder / "key").chmod(0o600)
    (folder / "key").write_text(text.replace(*change))
    with pytest.raises(home.HomeRefused) as refused:
        home.signer_of(folder)
    assert text.rpartition("+")[2].strip() not in str(refused.value)


@pytest.mark.parametrize("name", ["", "dua kata", "a+b", "baris\nbaru"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(home.HomeRefused):
        home.create(tmp_path / "w", name)
    assert not (tmp_path / "w").exists()


def test_knowing_a_log(folder: Path, tmp_path: Path) -> None:
    assert home.know(folder, LOG.vkey()) == ORIGIN  # twice is once
    assert home.know(folder, STRANGER.vkey()) == STRANGER.origin
    assert sorted(home.logs_of(folder)) == sorted([ORIGIN, STRANGER.origin])
    assert (folder / "logs").read_text().count(LOG.vkey()) == 1
    with pytest.raises(home.HomeRefused, match="not a log's"):
        home.know(folder, home.signer_of(folder).vkey())
    with pytest.raises(home.HomeRefused):
        home.logs_of(tmp_path / "nowhere")


def test_state_is_what_the_docs_say(witness: Desk, folder: Path) -> None:
    witness.answer(HONEST.request(0, 10))
    state = json.loads((folder / "state.json").read_text())
    root = base64.b64encode(HONEST.root(10)).decode()
    assert state == {"v": 1, "heads": {ORIGIN: {"size": 10, "root": root}}}


def test_the_request_is_read_as_it_is_written() -> None:
    request = Request(7, (b"a" * 32, b"b" * 32), HONEST.note(9))
    assert read_request(request.body()) == request
    with pytest.raises(RequestRefused):
        read_request(request.body().replace(b"=\n", b"\n", 1))
