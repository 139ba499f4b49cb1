"""A live log over HTTP, from a static server of its tiles and nothing else (C2SP tlog-tiles, A55)."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from storage.ledger.merkle import leaf_hash
from storage.ledger.verify.findings import Findings
from storage.ledger.verify.shown import Held
from storage.ledger.verify.tiles import LiveLog, LogUnreadable, verify_live
from tests.storage.kept_log import Served, tiles_of
from tests.storage.shown_log import SIGNER, ShownLog

TAMPERINGS = max(150, int(os.environ.get("BERKAS_TAMPERINGS", "0")) // 10)
SIZE, HELD = 600, 300


class Static:
    """Serves ``files`` below /log."""

    def __init__(self) -> None:
        self.files: Served = {}
        static = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

            def do_GET(self) -> None:
                content = static.files.get(self.path.removeprefix("/log/"))
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def static() -> Iterator[Static]:
    server = Static()
    yield server
    server.close()


@pytest.fixture(scope="module")
def log() -> ShownLog:
    return ShownLog.of(SIZE)


def judged(static: Static, *notes: str, held: Held | None = None) -> Findings:
    held = held or Held()
    held.notes += [("kept", note) for note in notes]
    live = LiveLog(static.url)
    try:
        return verify_live(live, vkeys=[SIGNER.vkey()], held=held)
    finally:
        live.close()


def test_a_whole_log(static: Static, log: ShownLog) -> None:
    static.files = tiles_of(log.entries, log.note())
    findings = judged(static, log.note(HELD), log.note(17))
    assert (findings.problems, findings.size, findings.covered) == ([], SIZE, HELD)
    assert findings.as_json()["not_covered"] == SIZE - HELD


def test_partial_tiles_may_be_gone_when_the_whole_ones_are_there(static: Static, log: ShownLog) -> None:
    longer = ShownLog.of(SIZE + 400)
    static.files = tiles_of(longer.entries, longer.note()) | {"checkpoint": longer.note(SIZE).encode()}
    static.files |= {
        name: content[: 33 * 600]
        for name, content in tiles_of(longer.entries[:SIZE], "").items()
        if ".p/" in name and "tile/1" in name
    }
    assert judged(static).problems == []


def test_a_log_of_more_than_one_tile_of_tiles(static: Static) -> None:
    """65,536 entries are a whole tile of tiles: levels 0, 8 and 16 are compared."""
    rng = random.Random(1)
    entries = [b"\x01" + rng.randbytes(32) for _ in range(65_536 + 300)]
    log = ShownLog([])
    note = SIGNER.sign(len(entries), _root(entries))
    static.files = tiles_of(entries, note)
    assert log.bodies == []
    assert judged(static).problems == []
    static.files["tile/2/000.p/1"] = bytes(32)
    assert judged(static).problems == ["entries 0 to 65535: the stored subtree 16/0 does not follow"]


def _root(entries: list[bytes]) -> bytes:
    from tests.storage.shown_log import root_of

    return root_of([leaf_hash(entry) for entry in entries])


def test_receipts_are_held_against_the_live_log(static: Static, log: ShownLog) -> None:
    static.files = tiles_of(log.entries, log.note())
    held = Held()
    held.claim(44, leaf_hash(log.entries[44]), "a receipt")
    held.claim(45, bytes(32), "another receipt")
    findings = judged(static, held=held)
    assert findings.problems == ["entry 45: not the one that another receipt proves"]
    beyond = Held()
    beyond.claim(SIZE, bytes(32), "a receipt")
    assert judged(static, held=beyond).problems == [f"entry {SIZE}: not here, though a receipt proves it"]


def test_a_log_rolled_back_or_forked_is_found_by_the_held_checkpoint(static: Static, log: ShownLog) -> None:
    static.files = tiles_of(log.entries[:200], log.note(200))
    assert "the log was cut" in judged(static, log.note(HELD)).problems[0]
    assert judged(static).problems == []
    fork = ShownLog([*log.bodies[:100], *ShownLog.of(SIZE, citizens=5).bodies[100:]])
    static.files = tiles_of(fork.entries, fork.note())
    assert judged(static).problems == []
    assert judged(static, log.note(HELD)).problems == [
        "entries 0 to 299: the log differs from a checkpoint of 300 entries"
    ]
    assert judged(static, log.note(HELD), log.note(90)).first_bad == (90, 299)


def test_what_is_no_log_is_unreadable(static: Static, log: ShownLog) -> None:
    static.files = {}
    with pytest.raises(LogUnreadable, match="has no checkpoint"):
        judged(static)
    for url in ("http://berkas.example", "ftp://x", "nowhere", f"{static.url}?x=1"):
        with pytest.raises(LogUnreadable):
            LiveLog(url)
    gone = LiveLog("http://127.0.0.1:9")
    with pytest.raises(LogUnreadable, match="does not answer"):
        gone.checkpoint()


def test_tampered_tiles_are_found(static: Static, log: ShownLog) -> None:
    """By chance, one published file at a time: a byte, its end, another one in its place; with the checkpoint of the log at hand."""
    whole = tiles_of(log.entries, log.note())
    missed = []
    for case in range(TAMPERINGS):
        rng = random.Random(f"tiles:{case}")
        static.files = dict(whole)
        name = rng.choice(list(whole))
        content, way = whole[name], rng.randrange(3)
        if way == 0:
            changed = bytearray(content)
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            static.files[name] = bytes(changed)
        elif way == 1:
            # A checkpoint's last newline is no part of what is signed.
            static.files[name] = content[: rng.randrange(len(content.rstrip(b"\n")))]
        else:
            static.files[name] = whole[rng.choice([other for other in whole if other != name])]
        try:
            found = bool(judged(static, log.note(HELD)).problems)
        except LogUnreadable:
            found = True
        if not found:
            missed.append((case, name, way))
    print(f"\n{TAMPERINGS} tamperings with tiles, {len(missed)} missed")
    assert missed == []
