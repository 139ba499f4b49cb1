"""Many citizens' trail keys at once: for a walk through everybody's entries, which would ask for them one by one.

A key is kept for 60 s at most, like everywhere (``storage.keyring``), and as many as a walk's neighbours need.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from storage.citizen_keys import CITIZEN_KEYS
from storage.database import Reading
from storage.keyring import CACHE_ENTRIES, CACHE_LIFE_S, SITE, Keyring, bound_keys
from storage.ledger.work import Trail


class TrailKeys:
    """Of one walk."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._kept: dict[str, tuple[float, Trail | None]] = {}

    async def of(self, reading: Reading, references: Iterable[str]) -> dict[str, Trail]:
        """Whose key is there; who was erased is left out. The trails open entries, and carry no name to write one with."""
        now_s = time.monotonic()
        wanted = set(references)
        if len(self._kept) > CACHE_ENTRIES:
            self._kept.clear()
        missing = [ref for ref in wanted - {SITE} if self._kept.get(ref, (0.0, None))[0] <= now_s]
        if missing:
            await self._read(reading, missing, now_s + CACHE_LIFE_S)
        found = {ref: kept[1] for ref in wanted if (kept := self._kept.get(ref)) is not None}
        if SITE in wanted:
            found[SITE] = self._keyring.site_trail()
        return {ref: trail for ref, trail in found.items() if trail is not None}

    async def _read(self, reading: Reading, references: list[str], until_s: float) -> None:
        self._kept.update(dict.fromkeys(references, (until_s, None)))
        rows = await CITIZEN_KEYS.load(reading.raw, "id", references)
        bound = {row.id: sealed for row in rows if (sealed := bound_keys(row).get("trail_key")) is not None}
        keys = await self._keyring.provider.unwrap_all(list(bound.values()))
        for reference, key in zip(bound, keys, strict=True):
            self._kept[reference] = (until_s, Trail(reference, "", key))
