"""Each citizen's two keys as they rest: wrapped by the root key. Destroying one is erasure.

A row is a judged fact: a key is wrapped anew, turned or destroyed by a batch item that compares it with what was read, so that
no late writer puts a destroyed key back. Only the first row of a citizen, whom nobody knows yet, comes with an enrolment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.database import Reading, Transaction
from storage.ledger.facts import FactTable

TURNS_MET = 5
"""Of a citizen's key, while one act of that citizen is under way: more is no chance meeting."""


@dataclass(frozen=True, slots=True)
class CitizenKey:
    """``id`` is the citizen's reference. ``key_id`` (``<reference>/<n>``) names the document key, which turns and at an erasure is
    replaced by a fresh one; ``document_key_at`` is when it was made. None: destroyed, with all that it sealed.
    """

    id: str
    key_id: str
    document_key: bytes | None
    trail_key: bytes | None
    root_key_id: str
    root_key_version: int
    document_key_at: datetime

    def __repr__(self) -> str:
        return f"CitizenKey({self.key_id})"


CITIZEN_KEYS = FactTable(CitizenKey, "citizen_key")


def next_key_id(row: CitizenKey) -> str:
    reference, _, number = row.key_id.rpartition("/")
    return f"{reference}/{int(number) + 1}"


async def insert_first_keys(transaction: Transaction, row: CitizenKey) -> None:
    """Together with the citizen's own row."""
    await transaction.raw.execute(
        "INSERT INTO citizen_key (id, key_id, document_key, trail_key, root_key_id, root_key_version, document_key_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        row.id,
        row.key_id,
        row.document_key,
        row.trail_key,
        row.root_key_id,
        row.root_key_version,
        row.document_key_at,
    )


async def keys_of(reading: Reading, subject_ref: str) -> CitizenKey | None:
    rows = await CITIZEN_KEYS.load(reading.raw, "id", [subject_ref])
    return rows[0] if rows else None


async def under_another_root(
    reading: Reading, root_key_id: str, root_key_version: int, *, after: str, limit: int
) -> list[CitizenKey]:
    """The next rows with an id above ``after`` that this version of this root key did not wrap."""
    rows = await reading.raw.fetch(
        "SELECT id FROM citizen_key WHERE id > $1 AND (root_key_id, root_key_version) <> ($2, $3) "
        "AND (document_key IS NOT NULL OR trail_key IS NOT NULL) ORDER BY id LIMIT $4",
        after,
        root_key_id,
        root_key_version,
        limit,
    )
    return await _loaded(reading, [row["id"] for row in rows])


async def made_before(reading: Reading, before: datetime, *, after: str, limit: int) -> list[CitizenKey]:
    """The next rows with an id above ``after`` whose document key was made before that moment."""
    rows = await reading.raw.fetch(
        "SELECT id FROM citizen_key WHERE id > $1 AND document_key_at < $2 AND document_key IS NOT NULL "
        "ORDER BY id LIMIT $3",
        after,
        before,
        limit,
    )
    return await _loaded(reading, [row["id"] for row in rows])


async def count_under_roots(reading: Reading) -> dict[tuple[str, int], int]:
    """(root key, version) -> rows that need it: of citizens and of the site."""
    rows = await reading.raw.fetch(
        "SELECT root_key_id, root_key_version, count(*) AS n FROM (SELECT root_key_id, root_key_version FROM citizen_key "
        "WHERE document_key IS NOT NULL OR trail_key IS NOT NULL "
        "UNION ALL SELECT root_key_id, root_key_version FROM site_key) k GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return {(row["root_key_id"], row["root_key_version"]): row["n"] for row in rows}


async def count_made_before(reading: Reading, before: datetime) -> int:
    return int(
        await reading.raw.fetchval(
            "SELECT count(*) FROM citizen_key WHERE document_key_at < $1 AND document_key IS NOT NULL", before
        )
    )


async def somewhere(reading: Reading) -> str:
    """A reference from the middle of nowhere: several processes that begin each at another one seldom meet. Empty without rows."""
    found = await reading.raw.fetchval(
        "SELECT id FROM citizen_key OFFSET floor(random() * (SELECT count(*) FROM citizen_key)) LIMIT 1"
    )
    return str(found or "")


async def _loaded(reading: Reading, references: list[str]) -> list[CitizenKey]:
    rows = await CITIZEN_KEYS.load(reading.raw, "id", references)
    return sorted(rows, key=lambda row: row.id)
