"""Anybody reads the public log: the checkpoint, and the tiles of exactly as many entries as it has.

The log grows with every visit at a counter, so that a tile of its live size would tell strangers when somebody is served. What is beyond the
published checkpoint is answered like what does not exist.
"""

from __future__ import annotations

import logging

from storage.database import Database
from storage.errors import NodeMissing, TileNotPublished
from storage.ledger.published import published
from storage.ledger.tiles import read_tile, tile_at

_log = logging.getLogger("berkas.ledger")


async def tile(database: Database, path: str, *, at_once: bool) -> bytes:
    """The tile or bundle of entries that ``path`` (below ``/log/tile/``) names; ``at_once`` as the publisher has it. Raises
    ``TilePathRefused``, ``TileNotPublished``, ``NodeMissing`` and ``DatabaseUnavailable``.
    """
    wanted = tile_at(path)
    async with database.reading() as reading:
        public = await published(reading, at_once=at_once)
        if public is None or wanted.log_size > public.size:
            raise TileNotPublished
        try:
            return await read_tile(reading, wanted)
        except NodeMissing:
            _log.error("the published log is not whole: run `berkas log verify`")
            raise
