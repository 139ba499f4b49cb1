"""Signed checkpoints as they are read back: the one that the public is shown, and one that covers an entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading

# A checkpoint with the cosignatures that are there, the log's own lines first (C2SP tlog-checkpoint), in one round trip.
_SIGNED = """
SELECT c.size, c.note || coalesce((SELECT string_agg(s.line, '' ORDER BY s.witness) FROM log_cosignature s WHERE s.size = c.size), ''),
  c.created_at
FROM log_checkpoint c
"""
# One minute's visits are published together: the newest head that was signed before this minute began.
_PUBLIC_EACH_MINUTE = (
    f"{_SIGNED} WHERE c.created_at < date_trunc('minute', clock_timestamp()) ORDER BY c.size DESC LIMIT 1"
)
_PUBLIC_AT_ONCE = f"{_SIGNED} ORDER BY c.size DESC LIMIT 1"
_FIRST_BEYOND = f"{_SIGNED} WHERE c.size > $1 ORDER BY c.size LIMIT 1"
# Only what was published is ever shown to a witness.
_QUORUM = f"{_SIGNED} JOIN log_quorum q ON q.size = c.size ORDER BY c.size DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint of ``size`` entries; ``note`` is the signed text with all signature lines, ``at`` when it was signed by the database's clock."""

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


async def cosigned(reading: Reading) -> Signed | None:
    """The newest checkpoint that met the quorum of its time; None while there is none. At most as new as ``published``."""
    row = await reading.raw.fetchrow(_QUORUM)
    return None if row is None else Signed(*row)
