"""A live log over its public HTTP address: checkpoint, tiles and entry bundles of https://c2sp.org/tlog-tiles, and nothing else.

    <url>/checkpoint    <url>/tile/<level>/<number>[.p/<width>]    <url>/tile/entries/<number>[.p/<width>]

Every entry is fetched, the tree is built from them, and every hash that the log publishes is compared with it. The library's own client
is enough for that (RFC 9112), and one connection keeps the load on the log small.
"""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from storage.ledger.checkpoint import NoteVerifier
from storage.ledger.merkle import HASH_BYTES
from storage.ledger.policy import Policy
from storage.ledger.verify.database import PROGRESS_PERIOD_S, told_beyond
from storage.ledger.verify.findings import Findings
from storage.ledger.verify.shown import Held, Shower
from storage.ledger.verify.tree import Stored, Walk

TILE_LEVEL = 8
TILE_WIDTH = 1 << TILE_LEVEL
CHUNK_LEVEL = 2 * TILE_LEVEL  # a whole tile of tiles
TIMEOUT_S = 10.0
LIMIT_BYTES = 1 << 20
TRIES = 3
_LENGTH_BYTES = 2
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class LogUnreadable(Exception):
    """The log does not answer, or answers with something that is no tile."""


class LiveLog:
    """``url`` is the log's address, or that of its site (``/log`` is added). Raises ``LogUnreadable``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise LogUnreadable("the log is named as https://HOST")
        if parts.scheme == "http" and parts.hostname not in _LOCAL:
            raise LogUnreadable("the log is read over https")
        self._prefix = parts.path.rstrip("/") or "/log"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)

    def close(self) -> None:
        self._connection.close()

    def checkpoint(self) -> str:
        return self._got("checkpoint").decode("utf-8", "replace")

    def cosigned(self) -> str | None:
        """The newest one that the log's own quorum of witnesses signed, where the log tells it: the newest of all may be too young."""
        found = self._asked("checkpoint/cosigned")
        return None if found is None else found.decode("utf-8", "replace")

    def entries(self, number: int, width: int) -> list[bytes]:
        """The first ``width`` entries of a bundle."""
        raw, at = self._tile("entries", number, width), 0
        entries: list[bytes] = []
        while at < len(raw) and len(entries) < width:
            length = int.from_bytes(raw[at : at + _LENGTH_BYTES], "big")
            at += _LENGTH_BYTES + length
            entries.append(raw[at - length : at])
        if at > len(raw) or len(entries) < width:
            raise LogUnreadable(f"the bundle {number} of entries is cut off")
        return entries

    def hashes(self, level: int, number: int, width: int) -> list[bytes]:
        """The first ``width`` hashes of a tile."""
        raw = self._tile(str(level), number, width)
        if len(raw) < width * HASH_BYTES:
            raise LogUnreadable(f"the tile {level}/{number} is cut off")
        return [raw[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]

    def _tile(self, kind: str, number: int, width: int) -> bytes:
        path = f"tile/{kind}/{_spelled(number)}"
        if width == TILE_WIDTH:
            return self._got(path)
        found = self._asked(f"{path}.p/{width}")
        # A partial tile may be taken away when the whole one exists: it begins with the same hashes.
        return found if found is not None else self._got(path)

    def _got(self, path: str) -> bytes:
        found = self._asked(path)
        if found is None:
            raise LogUnreadable(f"the log has no {path}")
        return found

    def _asked(self, path: str) -> bytes | None:
        """None: there is none."""
        for attempt in range(TRIES):
            try:
                self._connection.request(
                    "GET", f"{self._prefix}/{path}", headers={"Accept-Encoding": "identity"}
                )
                answer = self._connection.getresponse()
                content = answer.read(LIMIT_BYTES + 1)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if attempt == TRIES - 1:
                    raise LogUnreadable(f"the log does not answer ({type(error).__name__})") from error
                continue
            if answer.status == http.HTTPStatus.NOT_FOUND:
                return None
            if answer.status != http.HTTPStatus.OK or len(content) > LIMIT_BYTES:
                raise LogUnreadable(f"the log answers {answer.status} to {path}")
            return content
        raise AssertionError


def verify_live(
    log: LiveLog,
    *,
    vkeys: Sequence[str],
    policy: Policy | None = None,
    held: Held | None = None,
    findings: Findings | None = None,
) -> Findings:
    """Every entry of the checkpoint that the log shows. Raises ``LogUnreadable``, and ``CheckpointRefused`` for a malformed key."""
    findings, held = findings or Findings(), held or Held()
    shower = Shower([NoteVerifier(vkey) for vkey in vkeys], policy, findings)
    shown = shower.keep(log.checkpoint())
    if shown is None:
        return findings
    if policy is not None and (cosigned := log.cosigned()):
        shower.keep(cosigned)
    for name, note in held.notes:
        shower.keep(note, outside=name)
    shower.quorum()
    walk = Walk(CHUNK_LEVEL, shower.roots, held.claims, lambda level: level % TILE_LEVEL == 0)
    told_s = time.monotonic()
    for start in range(0, shown.size, walk.chunk_entries):
        stop = min(shown.size, start + walk.chunk_entries)
        fault = walk.take(_entries(log, start, stop), _stored(log, start, stop, shown.size))
        if fault is not None:
            findings.bad(fault)
            break
        if time.monotonic() - told_s > PROGRESS_PERIOD_S:
            told_s = time.monotonic()
            print(f"{stop} of {shown.size} entries", file=sys.stderr)
    findings.size, findings.root, findings.covered = walk.size, walk.root.hex(), walk.covered
    told_beyond(findings, shown.size, shower, held)
    return findings


def _entries(log: LiveLog, start: int, stop: int) -> list[bytes]:
    entries: list[bytes] = []
    for first in range(start, stop, TILE_WIDTH):
        entries += log.entries(first >> TILE_LEVEL, min(TILE_WIDTH, stop - first))
    return entries


def _stored(log: LiveLog, start: int, stop: int, size: int) -> Stored:
    """The published hashes of the subtrees that entries start..stop-1 completed, of every tile level; ``size`` is the checkpoint's."""
    stored: dict[tuple[int, int], bytes] = {}
    for level in range(0, stop.bit_length(), TILE_LEVEL):
        first, beyond, published = start >> level, stop >> level, size >> level
        while first < beyond:
            tile = first - first % TILE_WIDTH
            # Tiles are published as wide as the checkpoint has them, not as wide as this chunk needs.
            hashes = log.hashes(level // TILE_LEVEL, tile >> TILE_LEVEL, min(TILE_WIDTH, published - tile))
            end = min(beyond, tile + TILE_WIDTH)
            stored |= {(level, place): hashes[place - tile] for place in range(first, end)}
            first = end
    return stored


def _spelled(number: int) -> str:
    """Groups of three digits, each but the last behind an x: 1234067 is x001/x234/067."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03}")
    return "/".join(reversed(groups))
