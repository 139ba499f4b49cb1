"""Tiles of the public log (https://c2sp.org/tlog-tiles): the stored tree in pieces that never change, so that whoever verifies computes
proofs alone and anybody may keep copies.

    <L>/<N>[.p/<W>]         hashes at level 8 * L of the tree, places 256 * N to 256 * N + W - 1 (32 bytes each; W is 256 without .p)
    entries/<N>[.p/<W>]     the entries under the tile 0/<N>, each behind its length (uint16, big-endian)

How it may evolve: entries may grow longer, the paths and widths stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from storage.database import Reading
from storage.errors import NodeMissing, TilePathRefused
from storage.ledger.merkle import leaf_hash

WIDTH = 256
HEIGHT = 8  # levels of the tree in one tile
MAX_LEVEL = 63
ENTRIES = "entries"
_LENGTH_BYTES = 2

# 18 digits: more tiles than a tree of 2**63 leaves has, and every number fits the database's.
_PATH = re.compile(
    r"(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)
_ENTRY_ROWS = "SELECT idx, entry FROM log_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx"
_NODE_ROWS = "SELECT idx, hash FROM log_node WHERE level = $1 AND idx >= $2 AND idx < $3 ORDER BY idx"


@dataclass(frozen=True, slots=True)
class Tile:
    """The first ``width`` (1 to 256) places of tile ``index`` at tile level ``level``; with ``entries`` the entries of a level 0 tile."""

    level: int
    index: int
    width: int = WIDTH
    entries: bool = False

    @property
    def start(self) -> int:
        """The first place, counted within level ``8 * level`` of the tree."""
        return self.index * WIDTH

    @property
    def log_size(self) -> int:
        """The smallest log that has this tile."""
        return (self.start + self.width) << (HEIGHT * self.level)

    def path(self) -> str:
        """The one spelling of it below ``/log/tile/``."""
        groups, rest = [f"{self.index % 1000:03}"], self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        part = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{ENTRIES if self.entries else self.level}/{'/'.join(groups)}{part}"


def tile_at(path: str) -> Tile:
    """Raises ``TilePathRefused`` for everything but the one spelling: a tile has one address, and caches one copy of it."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise TilePathRefused
    entries = found["level"] == ENTRIES
    tile = Tile(
        0 if entries else int(found["level"]),
        int(found["index"].replace("x", "").replace("/", "")),
        WIDTH if found["width"] is None else int(found["width"]),
        entries,
    )
    if tile.path() != path or tile.level > MAX_LEVEL or not 0 < tile.width <= WIDTH:
        raise TilePathRefused
    return tile


async def read_tile(reading: Reading, tile: Tile) -> bytes:
    """By one range read. Raises ``NodeMissing`` where the log does not have all of it: never a shorter tile."""
    stop = tile.start + tile.width
    if tile.level:
        rows = await reading.raw.fetch(_NODE_ROWS, HEIGHT * tile.level, tile.start, stop)
    else:
        rows = await reading.raw.fetch(_ENTRY_ROWS, tile.start, stop)
    if [row[0] for row in rows] != list(range(tile.start, stop)):
        raise NodeMissing(f"the log does not have all of tile {tile.path()}")
    if tile.entries:
        return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for _, entry in rows)
    return b"".join(value if tile.level else leaf_hash(value) for _, value in rows)
