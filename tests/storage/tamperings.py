"""What somebody with the whole database does to a log, by kind (A55). Each takes the rows, a place below which it must stay, and chance."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from storage.ledger.checkpoint import NoteSigner
from storage.ledger.entry import canonical, entry_bytes
from storage.ledger.merkle import EMPTY_ROOT
from tests.storage.kept_log import SIGNER, TRAILS, Body, Log

STRANGER = NoteSigner(SIGNER.origin, b"\x07" * 32)
Kind = Callable[[Log, range, random.Random], None]


def afterwards(log: Log, rng: random.Random) -> None:
    """How much the tamperer repairs: nothing, the tree, the citizens' numbers, the checkpoints (removed, or signed again with the log's key)."""
    trouble = rng.randrange(5)
    if trouble >= 1:
        log.rehash()
    if trouble >= 2:
        log.recount()
    if trouble == 3:
        log.tables["log_checkpoint"] = {}
    if trouble == 4:
        log.sign_again()


def edit_entry(log: Log, places: range, rng: random.Random) -> None:
    entries, place = log.entries, rng.choice(places)
    changed = bytearray(entries[place])
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    entries[place] = bytes(changed)
    log.write(entries, log.bodies)
    afterwards(log, rng)


def edit_body(log: Log, places: range, rng: random.Random) -> None:
    """Sealed anew with the citizen's key, spoilt, another's, away, or what stands beside it."""
    place, bodies = rng.choice(places), log.tables["audit_event"]
    row = Body(*bodies[place])
    way = rng.randrange(7)
    if way == 0:
        salt, event = row.opened()
        bodies[place] = row.sealing(salt, canonical(json.loads(event) | {"actor": "officer:2"}))
    elif way == 1:
        spoilt = bytearray(row.body)
        spoilt[rng.randrange(len(spoilt))] ^= 1
        bodies[place] = row._replace(body=bytes(spoilt))
    elif way == 2:
        bodies[place] = row._replace(
            subject_ref=rng.choice([one for one in TRAILS if one != row.subject_ref])
        )
    elif way == 3:
        del bodies[place]
    elif way == 4:
        bodies[place] = row._replace(subject_seq=row.subject_seq + rng.choice([-1, 1, 5]))
    elif way == 5:
        bodies[place] = row._replace(prev_idx=None if row.prev_idx else place)
    else:
        bodies[place] = row._replace(at=row.at.replace(year=row.at.year - 1))


def delete(log: Log, places: range, rng: random.Random) -> None:
    """A hole, or those behind it move up."""
    place = rng.choice(places)
    if rng.random() < 0.4:
        del log.tables["log_entry"][place]
        if rng.random() < 0.5:
            log.tables["audit_event"].pop(place)
        return
    entries, bodies = log.entries, log.bodies
    del entries[place], bodies[place]
    log.write(entries, bodies)
    afterwards(log, rng)


def truncate(log: Log, places: range, rng: random.Random) -> None:
    """The end goes: of entries alone, or of everything that tells of it."""
    size = rng.choice(places)
    for table in ("log_entry", "audit_event"):
        log.tables[table] = {index: row for index, row in log.tables[table].items() if index < size}
    afterwards(log, rng)


def reorder(log: Log, places: range, rng: random.Random) -> None:
    """One goes to another place, the ones between move by one."""
    entries, bodies = log.entries, log.bodies
    taken, put = rng.sample(places, 2)
    entries.insert(put, entries.pop(taken))
    bodies.insert(put, bodies.pop(taken))
    log.write(entries, bodies)
    afterwards(log, rng)


def duplicate(log: Log, places: range, rng: random.Random) -> None:
    """One stands twice: written over another, or pushed in."""
    entries, bodies = log.entries, log.bodies
    source, place = rng.sample(places, 2)
    copied = bodies[source]._replace(item_id=f"i_{rng.getrandbits(60):x}")
    if rng.random() < 0.5:
        entries[place], bodies[place] = entries[source], copied
    else:
        entries.insert(place, entries[source])
        bodies.insert(place, copied)
    log.write(entries, bodies)
    afterwards(log, rng)


def insert(log: Log, places: range, rng: random.Random) -> None:
    """A new act that never was: in the middle, behind the head, or in front of everything."""
    salt, event = rng.randbytes(32), canonical({"v": 1, "type": "release", "forged": True})
    entry = entry_bytes(salt, event)
    ref, item_id = rng.choice(list(TRAILS)), f"i_{rng.getrandbits(60):x}"
    at = log.tables["log_head"][1][4]
    body = Body(0, item_id, 0, ref, 1, None, at, b"").sealing(salt, event)
    where = rng.random()
    if where < 0.15:
        log.tables["log_entry"][log.size] = (log.size, entry)
    elif where < 0.2:
        log.tables["log_entry"][-1] = (-1, entry)
    else:
        entries, bodies, place = log.entries, log.bodies, rng.choice(places)
        entries.insert(place, entry)
        bodies.insert(place, body)
        log.write(entries, bodies)
        afterwards(log, rng)


def swap(log: Log, places: range, rng: random.Random) -> None:
    """The entries, or the bodies, or both."""
    entries, bodies = log.entries, log.bodies
    one, two = rng.sample(places, 2)
    what = rng.randrange(3)
    if what != 1:
        entries[one], entries[two] = entries[two], entries[one]
    if what != 0:
        bodies[one], bodies[two] = bodies[two], bodies[one]
    log.write(entries, bodies)
    if what != 1:
        afterwards(log, rng)


def fork(log: Log, places: range, rng: random.Random) -> None:
    """History from one place on is another one, whole in itself: bodies, entries, tree, head, and checkpoints gone or signed again."""
    place = rng.choice(places)
    entries, bodies = log.entries, log.bodies
    for index in range(place, log.size):
        salt, event = rng.randbytes(32), bodies[index].opened()[1]
        entries[index] = entry_bytes(salt, event)
        bodies[index] = bodies[index].sealing(salt, event)
    log.write(entries, bodies)
    log.rehash()
    if rng.random() < 0.5:
        log.sign_again()
    else:
        log.tables["log_checkpoint"] = {
            size: row for size, row in log.tables["log_checkpoint"].items() if size <= place
        }


def roll_back(log: Log, places: range, rng: random.Random) -> None:
    """Last night's backup: every table as it was then."""
    size = rng.choice(places)
    for table in ("log_entry", "audit_event"):
        log.tables[table] = {index: row for index, row in log.tables[table].items() if index < size}
    log.tables["log_checkpoint"] = {at: row for at, row in log.tables["log_checkpoint"].items() if at <= size}
    log.rehash()
    log.recount()


def forge_checkpoint(log: Log, places: range, rng: random.Random) -> None:
    """A stored one says what never was: with another key, another root under the log's own, another size; or the head does."""
    checkpoints = log.tables["log_checkpoint"]
    size = rng.choice([size for size in checkpoints if size - 1 in places])
    _, root, note, at = checkpoints[size]
    way = rng.randrange(6)
    if way == 0:
        checkpoints[size] = (size, root, STRANGER.sign(size, root), at)
    elif way == 1:
        forged = rng.randbytes(32)
        checkpoints[size] = (size, forged, SIGNER.sign(size, forged), at)
    elif way == 2:
        checkpoints[size] = (size, rng.randbytes(32), note, at)
    elif way == 3:
        checkpoints[size] = (size, root, SIGNER.sign(size + 1, root), at)
    elif way == 4:
        checkpoints[size] = (size, root, note.replace(f"\n{size}\n", f"\n{size + 1}\n"), at)
    else:
        one, origin, whole, _, moment = log.tables["log_head"][1]
        log.tables["log_head"] = {
            1: (one, origin, whole, rng.choice([EMPTY_ROOT, rng.randbytes(32)]), moment)
        }


KINDS: dict[str, Kind] = {
    "edit an entry": edit_entry,
    "edit a body": edit_body,
    "delete": delete,
    "truncate": truncate,
    "reorder": reorder,
    "duplicate": duplicate,
    "insert": insert,
    "swap two": swap,
    "whole chain re-hashed": fork,
    "database rolled back": roll_back,
    "checkpoint forged": forge_checkpoint,
}
