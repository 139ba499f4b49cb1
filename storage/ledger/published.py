"""Signed checkpoints as they are read back: the one that the public is shown, and one that covers an entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading

# One minute's visits are published together: the newest head that was signed before this minute began.
_PUBLIC_EACH_MINUTE = """
SELECT size, note, created_at FROM log_checkpoint
WHERE created_at < date_trunc('minute', clock_timestamp()) ORDER BY size DESC LIMIT 1
"""
_PUBLIC_AT_ONCE = "SELECT size, note, created_at FROM log_checkpoint ORDER BY size DESC LIMIT 1"
_FIRST_BEYOND = "SELECT size, note, created_at FROM log_checkpoint WHERE size > $1 ORDER BY size LIMIT 1"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint of ``size`` entries; ``note`` is the signed text, ``at`` when it was signed by the database's clock."""

    size: int
    note: str
    at: datetime


async def published(reading: Reading, *, at_once: bool) -> Signed | None:
    """The checkpoint that the public sees; None while there is none. ``at_once`` in the sandbox only."""
    row = await reading.raw.fetchrow(_PUBLIC_AT_ONCE if at_once else _PUBLIC_EACH_MINUTE)
    return None if row is None else Signed(*row)


async def covering(reading: Reading, index: int) -> Signed | None:
    """A checkpoint of more than ``index`` entries, for a proof of that entry; None until one is signed, within a second or so.

    The published one, since it has the log's present keys and name and its witnesses' cosignatures; for an entry of this very minute the
    smallest one, which tells its reader as little as possible about how many others came after.
    """
    public = await published(reading, at_once=False)
    if public is not None and public.size > index:
        return public
    row = await reading.raw.fetchrow(_FIRST_BEYOND, index)
    return None if row is None else Signed(*row)
