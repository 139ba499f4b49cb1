"""A citizen takes the own entries along with their proofs: what anybody can check, and where a hidden entry shows.

1. the head is signed, so that one checkpoint covers every entry there is, this download's too (``export_own.announce`` came before)
2. entries by their numbers, 200 at a time, each opened (salt and event) with its path to that one checkpoint
3. at the end the text that tells how to check, how many numbers there are, and which are not there
Nothing of it is in memory as a whole but the list of names, and no connection waits for a slow reader.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from exchange.archives import Archive
from exchange.bundles import Keys, proofs_of, readme
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.evidence import following, numbered_between
from storage.ledger.published import Signed, covering
from storage.ledger.publisher import Publisher
from storage.ledger.work import Trail

ENTRIES_A_LOOK = 200
GAPS_NAMED = 100


async def as_zip(
    database: Database,
    keyring: Keyring,
    publisher: Publisher,
    *,
    subject_ref: str,
    site: str,
    keys: Keys,
    since: datetime | None,
    until: datetime | None,
    at: datetime,
) -> AsyncIterator[bytes]:
    """The entries from ``since`` on and before ``until``; ``at`` is the time on the site's clock that every file gets."""
    trail = await keyring.trail(subject_ref)
    await publisher.sign_head()
    async with database.reading() as reading:
        numbers = await numbered_between(reading, trail, since, until)
    first, last = numbers or (1, 0)
    signed = await _signed(database, trail, last)
    archive = Archive(at)
    for file in keys.files().items():
        yield archive.whole(*file)
    if signed is not None:
        yield archive.whole("checkpoint", signed.note.encode())
    missing: list[int] = []
    behind, count = first - 1, 0
    while signed is not None:
        async with database.reading() as reading:
            entries = await following(reading, trail, behind, ENTRIES_A_LOOK, last)
            proofs = await proofs_of(reading, entries, signed, opened=True) if entries else []
        for one, proof in zip(entries, proofs, strict=True):
            number = one.event["subject_seq"]
            missing += range(behind + 1, min(number, behind + 1 + GAPS_NAMED))
            behind, count = number, count + 1
            yield archive.whole(f"entries/{one.index}.tlog-proof", proof.text().encode())
        if len(entries) < ENTRIES_A_LOOK:
            break
    gone = ", ".join(map(str, missing[:GAPS_NAMED])) or "-"
    ends = {"first": first, "last": last} if numbers else {"first": "-", "last": "-"}
    text = readme("entries", site=site, count=count, missing=gone, **ends)
    yield archive.whole("README", text) + archive.ends()


async def _signed(database: Database, trail: Trail, last: int) -> Signed | None:
    """A checkpoint that covers the last of these entries; what came before it is covered too."""
    async with database.reading() as reading:
        newest = await following(reading, trail, last - 1, 1, last)
        return await covering(reading, newest[0].index) if newest else None
