"""The root key and citizens' document keys turn, under load (``protocols.md`` 8).

A page of citizens is prepared (unwrapped, wrapped), then one batch item puts each row in the place of the one that was read; a row that
changed meanwhile is left for the next pass. So it may be interrupted anywhere, several processes may work at once, and a key that an
erasure destroyed never comes back. Each page is one entry; no citizen's list speaks of it, since nothing about the citizen changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auth.verdict import ALLOWED, Verdict
from storage.citizen_keys import (
    CITIZEN_KEYS,
    CitizenKey,
    count_made_before,
    count_under_roots,
    made_before,
    somewhere,
    under_another_root,
)
from storage.database import Database, Reading
from storage.documents import VERSIONS
from storage.key_turning import (
    fresh_keys,
    put_fresh,
    put_rewrapped,
    rewrap_site_keys,
    rewrapped,
    still_fits,
)
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work

ROOT_PAGE = 200  # citizens an item: rows that one statement writes while the ledger's head is locked
CITIZEN_PAGE = 50  # with their versions
# Rows that others change while we look are met again; who is alone needs two passes: one, and one that finds nothing.
PASSES = 10

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class KeysTurned:
    """``site`` are the site's own secrets; ``left`` rows that still wait, because others kept changing them."""

    citizens: int
    site: int
    left: int


async def under_roots(database: Database) -> dict[tuple[str, int], int]:
    """(root key, version) -> rows that it wraps."""
    async with database.reading() as reading:
        return await count_under_roots(reading)


async def wait_for_root(database: Database, keyring: Keyring) -> int:
    """How many rows the root key that wraps now does not wrap yet."""
    current = (keyring.provider.root_key_id, keyring.provider.version)
    return sum(count for root, count in (await under_roots(database)).items() if root != current)


async def wait_for_turn(database: Database, before: datetime) -> int:
    async with database.reading() as reading:
        return await count_made_before(reading, before)


async def rewrap(database: Database, keyring: Keyring, appender: Appender, tell: Tell) -> KeysTurned:
    """Everything under the root key that wraps now. Raises ``RootKeyAway``: what is done stays done."""
    provider = keyring.provider
    current = provider.root_key_id, provider.version

    async def page(reading: Reading, after: str) -> list[CitizenKey]:
        return await under_another_root(reading, *current, after=after, limit=ROOT_PAGE)

    async def turn(rows: list[CitizenKey]) -> int:
        made = {row.id: row for row in await rewrapped(keyring, rows)}
        done = 0

        def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
            nonlocal done
            done = sum(put_rewrapped(facts, row, made[row.id]) for row in rows)

        details = {"act": "rewrap", "root_key": current[0], "root_key_version": current[1]}
        await _entered(keyring, appender, rows, [], apply, lambda: details | {"keys": done})
        return done

    site = await rewrap_site_keys(database, keyring)
    tell(site)
    citizens = await _all(database, page, turn, tell)
    site += await rewrap_site_keys(
        database, keyring
    )  # what a replica that still wrapped with the old one made meanwhile
    return KeysTurned(citizens, site, await wait_for_root(database, keyring))


async def turn_citizens(
    database: Database, keyring: Keyring, appender: Appender, before: datetime, now: datetime, tell: Tell
) -> KeysTurned:
    """A fresh document key for every citizen whose own was made before that moment; the papers stay as they are."""

    async def page(reading: Reading, after: str) -> list[CitizenKey]:
        return await made_before(reading, before, after=after, limit=CITIZEN_PAGE)

    async def turn(rows: list[CitizenKey]) -> int:
        async with database.reading() as reading:
            versions = await VERSIONS.load(reading.raw, "subject_ref", [row.id for row in rows])
        held = {row: [each for each in versions if each.subject_ref == row.id] for row in rows}
        made = await fresh_keys(keyring, held, now)
        done = 0

        def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
            nonlocal done
            fitting = [fresh for fresh in made if still_fits(facts, fresh)]
            for fresh in fitting:
                put_fresh(facts, fresh)
            done = len(fitting)

        needs = [Need(VERSIONS, row.id, "subject_ref") for row in rows]
        await _entered(
            keyring, appender, rows, needs, apply, lambda: {"act": "turn", "purpose": "citizen", "keys": done}
        )
        for row in rows:
            keyring.forget(row.id)
        return done

    citizens = await _all(database, page, turn, tell)
    return KeysTurned(citizens, 0, await wait_for_turn(database, before))


async def _all(
    database: Database,
    page: Callable[[Reading, str], Coroutine[Any, Any, list[CitizenKey]]],
    turn: Callable[[list[CitizenKey]], Coroutine[Any, Any, int]],
    tell: Tell,
) -> int:
    """Passes over all rows until one finds none, each from another place and around: processes that work at once seldom meet."""
    total = 0
    for _ in range(PASSES):
        found = 0
        async for rows in _pages(database, page):
            done = await turn(rows)
            tell(done)
            found, total = found + len(rows), total + done
        if not found:
            break
    return total


async def _pages(
    database: Database, page: Callable[[Reading, str], Coroutine[Any, Any, list[CitizenKey]]]
) -> AsyncIterator[list[CitizenKey]]:
    async with database.reading() as reading:
        begin = await somewhere(reading)
    for after, end in ((begin, ""), ("", begin)):
        cursor = after
        while True:
            async with database.reading() as reading:
                rows = [row for row in await page(reading, cursor) if not end or row.id <= end]
            if not rows:
                break
            yield rows
            cursor = rows[-1].id


async def _entered(
    keyring: Keyring,
    appender: Appender,
    rows: list[CitizenKey],
    needs: list[Need],
    apply: Callable[[Facts, datetime, Verdict], None],
    details: Callable[[], dict[str, Any]],
) -> None:
    trail = keyring.site_trail()
    settled = await appender.submit(
        Work(
            kind="key",
            caller="operator",
            trail=trail,
            load=[*(Need(CITIZEN_KEYS, row.id) for row in rows), *needs],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event("key", trail, "operator", details())],
        )
    )
    settled.verdict.enforce()
