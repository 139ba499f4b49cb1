"""A small log of several citizens, made by the real appender, and its rows as somebody with the database can read and rewrite them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from storage.database import Database
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.entry import SALT_BYTES
from storage.ledger.facts import Need
from storage.ledger.log import Appender
from storage.ledger.merkle import Edge, leaf_hash
from storage.ledger.publisher import Publisher, open_log
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.work import Event, Trail, Work
from storage.sealing import event_ad, unwrap, wrap
from tests.storage.ledger_world import YES

SIGNER = NoteSigner("berkas.test/akses", bytes(range(32)))
SITE = Trail("site", "site", b"k" * 32)
CITIZENS = [Trail(f"sbj_{n}", f"pw:{n}", bytes([n]) * 32) for n in range(1, 7)]
TRAILS = {trail.subject_ref: trail for trail in [SITE, *CITIZENS]}

TABLES = {
    "log_entry": ("idx", "entry"),
    "log_node": ("level", "idx", "hash"),
    "audit_event": ("idx", "item_id", "part", "subject_ref", "subject_seq", "prev_idx", "at", "body"),
    "log_head": ("id", "origin", "size", "root", "at"),
    "log_checkpoint": ("size", "root", "note", "created_at"),
    "subject_trail": ("id", "seq", "last_idx"),
}
KEYS = {
    "log_entry": 1,
    "log_node": 2,
    "audit_event": 1,
    "log_head": 1,
    "log_checkpoint": 1,
    "subject_trail": 1,
}


class Keys:
    """What the verifier asks a keyring."""

    async def trail(self, subject_ref: str) -> Trail:
        return TRAILS[subject_ref]


def act(number: int, *trails: Trail) -> Work[Any]:
    """One entry on each of the trails, as a paper with several subjects writes them."""
    return Work(
        kind="release",
        caller="",
        trail=trails[0],
        load=[Need(SUBJECT_TRAILS, trail.subject_ref) for trail in trails],
        judge=lambda _facts, _now: YES,
        events=lambda _facts, _now, _verdict: [
            Event("release", trail, "officer:1", {"n": number}) for trail in trails
        ],
    )


async def made(database: Database, size: int, signed: set[int], rng: random.Random) -> None:
    """A log of ``size`` entries or one more, signed at about the sizes of ``signed`` and at its end."""
    await open_log(database, SIGNER.origin)
    appender, publisher = Appender(database, site_trail=SITE), Publisher(database, [SIGNER], at_once=True)
    await appender.start()
    waiting: list[asyncio.Task[Any]] = []
    count = 0
    while count < size:
        trails = rng.sample([SITE, *CITIZENS], 2 if rng.random() < 0.1 else 1)
        waiting.append(asyncio.create_task(appender.submit(act(count, *trails))))
        count += len(trails)
        if signed & {count, count - 1}:
            await asyncio.gather(*waiting)
            await publisher.sign_head()
    await asyncio.gather(*waiting)
    await publisher.sign_head()
    await appender.stop()


Row = tuple[Any, ...]


class Body(NamedTuple):
    """A row of ``audit_event``."""

    idx: int
    item_id: str
    part: int
    subject_ref: str
    subject_seq: int
    prev_idx: int | None
    at: datetime
    body: bytes

    def opened(self) -> tuple[bytes, bytes]:
        """Salt and event: the tamperer has the keys."""
        plain = unwrap(TRAILS[self.subject_ref].key, self.body, event_ad(self.item_id, self.part))
        return plain[:SALT_BYTES], plain[SALT_BYTES:]

    def sealing(self, salt: bytes, event: bytes) -> Body:
        sealed = wrap(TRAILS[self.subject_ref].key, salt + event, event_ad(self.item_id, self.part))
        return self._replace(body=sealed)


@dataclass
class Log:
    """Rows by key, as they stand; to change one is to change the dictionary and to ``put`` the whole."""

    tables: dict[str, dict[Any, Row]] = field(default_factory=dict)

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> Log:
        log = cls()
        for table, columns in TABLES.items():
            rows = await connection.fetch(f"SELECT {', '.join(columns)} FROM {table}")
            log.tables[table] = {_key(table, tuple(row)): tuple(row) for row in rows}
        return log

    def copy(self) -> Log:
        return Log({table: dict(rows) for table, rows in self.tables.items()})

    async def put(self, connection: asyncpg.Connection, before: Log) -> None:
        """What differs from ``before`` goes and comes."""
        for table, columns in TABLES.items():
            was, now = before.tables[table], self.tables[table]
            gone = [key for key in was if was[key] != now.get(key)]
            come = [row for key, row in now.items() if was.get(key) != row]
            names = columns[: KEYS[table]]
            if gone:
                condition = " AND ".join(f"{name} = ${place}" for place, name in enumerate(names, 1))
                await connection.executemany(
                    f"DELETE FROM {table} WHERE {condition}",
                    [key if len(names) > 1 else (key,) for key in gone],
                )
            if come:
                await connection.copy_records_to_table(table, records=come, columns=columns)

    # What a tamperer works with.

    @property
    def size(self) -> int:
        return int(self.tables["log_head"][1][2])

    @property
    def entries(self) -> list[bytes]:
        return [self.tables["log_entry"][index][1] for index in range(self.size)]

    @property
    def bodies(self) -> list[Body]:
        return [Body(*self.tables["audit_event"][index]) for index in range(self.size)]

    @property
    def notes(self) -> dict[int, str]:
        return {size: row[2] for size, row in self.tables["log_checkpoint"].items()}

    def write(self, entries: list[bytes], bodies: list[Body]) -> None:
        """These instead, in this order; the subtrees and the head stay as they were."""
        self.tables["log_entry"] = {index: (index, entry) for index, entry in enumerate(entries)}
        self.tables["audit_event"] = {index: body._replace(idx=index) for index, body in enumerate(bodies)}

    def rehash(self, size: int | None = None) -> None:
        """Subtrees and head anew."""
        size = len(self.tables["log_entry"]) if size is None else size
        edge, nodes = Edge(), dict[Any, Row]()
        for index in range(size):
            nodes |= {
                (level, place): (level, place, value)
                for level, place, value in edge.append(leaf_hash(self.tables["log_entry"][index][1]))
            }
        self.tables["log_node"] = nodes
        one, origin, _, _, at = self.tables["log_head"][1]
        self.tables["log_head"] = {1: (one, origin, size, edge.root(), at)}

    def roots(self) -> dict[int, bytes]:
        edge, roots = Edge(), {}
        for entry in self.entries:
            edge.append(leaf_hash(entry))
            roots[edge.size] = edge.root()
        return roots

    def sign_again(self, signer: NoteSigner = SIGNER) -> None:
        """Every stored checkpoint over what is there now: the tamperer has the log's key."""
        roots = self.roots()
        self.tables["log_checkpoint"] = {
            size: (size, roots[size], signer.sign(size, roots[size]), at)
            for size, (_, _, _, at) in self.tables["log_checkpoint"].items()
            if size in roots
        }

    def recount(self) -> None:
        """The numbers of each citizen anew, the way from each entry to the one before, and the last of both; the bodies still say the old
        numbers.
        """
        last: dict[str, tuple[int, int | None]] = {}
        for index in sorted(self.tables["audit_event"]):
            body = Body(*self.tables["audit_event"][index])
            seq, before = last.get(body.subject_ref, (0, None))
            last[body.subject_ref] = (seq + 1, index)
            self.tables["audit_event"][index] = body._replace(subject_seq=seq + 1, prev_idx=before)
        self.tables["subject_trail"] = {ref: (ref, *its) for ref, its in last.items()}


def _key(table: str, row: Row) -> Any:
    return row[0] if KEYS[table] == 1 else row[: KEYS[table]]


Served = dict[str, bytes]
"""Path below the log's address -> content."""


def tiles_of(entries: list[bytes], note: str) -> Served:
    """What a static server of C2SP tlog-tiles holds for this checkpoint."""
    served = {"checkpoint": note.encode()}
    levels = [[leaf_hash(entry) for entry in entries]]
    while len(levels[-1]) >= 256:
        below = levels[-1]
        levels.append([_subtree(below[at : at + 256]) for at in range(0, len(below) - 255, 256)])
    for level, hashes in enumerate(levels):
        for at in range(0, len(hashes), 256):
            part = hashes[at : at + 256]
            served[f"tile/{level}/{at // 256:03}" + _width(part)] = b"".join(part)
    for at in range(0, len(entries), 256):
        part = entries[at : at + 256]
        content = b"".join(len(entry).to_bytes(2, "big") + entry for entry in part)
        served[f"tile/entries/{at // 256:03}" + _width(part)] = content
    return served


def _width(part: list[bytes]) -> str:
    return "" if len(part) == 256 else f".p/{len(part)}"


def _subtree(leaves: list[bytes]) -> bytes:
    edge = Edge()
    for leaf in leaves:
        edge.append(leaf)
    return edge.root()
