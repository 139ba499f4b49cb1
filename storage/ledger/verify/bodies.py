"""The bodies of entries: what each says is what its entry committed to, and the citizens' numbers have no gap.

The numbers stand beside the sealed bodies, and inside of them: with the root key both are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import orjson

from storage.database import Reading
from storage.errors import KeyMissing, SealBroken
from storage.keyring import SITE, Keyring
from storage.ledger.entry import entry_bytes, timestamp
from storage.ledger.history import opened
from storage.ledger.tombstones import erased_by
from storage.ledger.verify.counters import Counters, Erased
from storage.ledger.verify.findings import Fault, Findings

CITIZENS_AT_ONCE = 5_000

_NUMBERS = "SELECT idx, subject_ref, subject_seq, prev_idx FROM audit_event WHERE idx >= $1 AND idx < $2 ORDER BY idx"
_SEALED = "SELECT idx, subject_ref, subject_seq, prev_idx, item_id, part, at, body FROM audit_event WHERE idx >= $1 AND idx < $2 ORDER BY idx"
# An order counts where the log has the entry that it names.
_ORDERS = """
SELECT o.id, o.entries FROM trail_erasure o
WHERE EXISTS (SELECT FROM audit_event a JOIN log_entry e USING (idx) WHERE a.item_id = o.item_id AND a.subject_ref = 'site')
"""
# One statement for both sides: the log may have grown since the walk, and what came behind it is counted in.
_LAST = """
SELECT t.id, t.seq, t.last_idx, fresh.number, fresh.idx FROM subject_trail t LEFT JOIN (
  SELECT subject_ref, count(*) AS number, max(idx) AS idx FROM audit_event WHERE idx >= $3 GROUP BY 1
) fresh ON fresh.subject_ref = t.id WHERE t.id > $1 ORDER BY t.id LIMIT $2
"""


class Readable(Protocol):
    """What is verified; ``storage.database.Database`` is one."""

    def transaction(self) -> AbstractAsyncContextManager[Reading]: ...


class Bodies:
    """``keyring`` None: the bodies stay sealed, the numbers beside them are judged alone."""

    def __init__(self, keyring: Keyring | None, findings: Findings) -> None:
        self._keyring, self._findings = keyring, findings
        self._counters = Counters()
        self._erased = Erased()

    async def open(self, database: Readable) -> None:
        """Which trails were erased, on record."""
        async with database.transaction() as reading:
            self._erased.orders |= {row["id"]: row["entries"] for row in await reading.raw.fetch(_ORDERS)}

    async def read(self, reading: Reading, start: int, stop: int) -> Sequence[Any]:
        found: Sequence[Any] = await reading.raw.fetch(_SEALED if self._keyring else _NUMBERS, start, stop)
        return found

    async def take(self, entries: Mapping[int, bytes], rows: Sequence[Any]) -> list[Fault]:
        """The first fault of each kind in a chunk: ``entries`` by their places, ``rows`` as ``read``."""
        faults = [self._gone(entries, rows), self._numbers(rows), await self._opened(entries, rows)]
        return [fault for fault in faults if fault is not None]

    def _gone(self, entries: Mapping[int, bytes], rows: Sequence[Any]) -> Fault | None:
        """Kept for the end, since an erasure stands behind what it erased; where nothing was ever erased, none may be gone."""
        if len(rows) < len(entries):
            self._erased.gone |= entries.keys() - {row["idx"] for row in rows}
        return None if self._erased.orders else self._erased.fault(opened=False)

    def _numbers(self, rows: Sequence[Any]) -> Fault | None:
        """Also the way from each entry to the one before it, by which a citizen's list is found."""
        first = None
        for row in rows:
            index, subject, number = row["idx"], row["subject_ref"], row["subject_seq"]
            before, last = self._counters.last(subject)
            explained = self._erased.hole(subject, last, number)
            if explained:
                self._counters.goes_on(subject, index, number - 1)
            fault = self._counters.take(index, subject, number)
            if fault is None and not explained and row["prev_idx"] != before:
                fault = Fault(index, index, "does not lead to the entry before it in the list of its citizen")
            first = first or fault
        return first

    async def _opened(self, entries: Mapping[int, bytes], rows: Sequence[Any]) -> Fault | None:
        """Open every body and compare it with what its entry committed to."""
        if self._keyring is None:
            return None
        for row in rows:
            index = row["idx"]
            try:
                trail = await self._keyring.trail(row["subject_ref"])
                salt, body = opened(trail, row)
            except KeyMissing:
                self._erased.gone.add(index)
                continue
            except SealBroken:
                return Fault(index, index, "its body does not open")
            if index in entries and entry_bytes(salt, body) != entries[index]:
                return Fault(index, index, "its body is not what was committed to")
            event = _event(body)
            told = (event.get("subject"), event.get("subject_seq"), event.get("t"))
            if told != (trail.pseudonym, row["subject_seq"], timestamp(row["at"])):
                return Fault(
                    index, index, "its body names another citizen, number or time than what stands beside it"
                )
            try:
                self._erased.named |= erased_by(event) if row["subject_ref"] == SITE else set()
            except (KeyError, TypeError, ValueError):
                return Fault(index, index, "it is an erasure that does not say what it erased")
            self._findings.bodies_opened += 1
        return None

    async def conclude(self, database: Readable, size: int) -> None:
        """The newest entry of each citizen: without this the end of a list could be hidden."""
        after, unseen = "", self._counters.subjects()
        while True:
            async with database.transaction() as reading:
                rows = await reading.raw.fetch(_LAST, after, CITIZENS_AT_ONCE, size)
            for row in rows:
                unseen.discard(row["id"])
                index, number = self._counters.last(row["id"])
                if not row["number"] and self._erased.hole(row["id"], number, row["seq"] + 1):
                    continue
                if row["number"]:
                    index, number = row["idx"], number + row["number"]
                if (row["last_idx"], row["seq"]) != (index, number):
                    self._findings.problems.append(
                        f"a citizen's list ends at number {number}, entry {index}; {row['seq']} were given out, the last for entry {row['last_idx']}"
                    )
                    return
            if len(rows) < CITIZENS_AT_ONCE:
                break
            after = rows[-1]["id"]
        self._findings.bodies_erased = len(self._erased.gone)
        if fault := self._erased.fault(opened=self._keyring is not None):
            self._findings.bad(fault)
        if unseen:
            self._findings.problems.append(
                f"the lists of {len(unseen)} citizens have no end: nothing says how many numbers were given out"
            )


def _event(body: bytes) -> dict[str, Any]:
    """What a body says; somebody else may have written it."""
    try:
        event = orjson.loads(body)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {}
