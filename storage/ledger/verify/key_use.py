"""Was a citizen's key used without an entry that needs it (``protocols.md`` 6.3)? The audit file of OpenBao or Vault against the log.

One line of the file is a JSON object; a ``response`` without ``error`` to ``transit/decrypt/<key>`` is one use of every key of its
``batch_input``. What a key is for is its ``context`` (``storage/keys/openbao.py``), which the file shows as

* ``hmac-sha256:...`` under a secret of OpenBao. The same citizen has the same value everywhere, but nobody here can tell whose it is,
  unless ``names`` says so (OpenBao's ``sys/audit-hash`` computes it). Without names each value must be one citizen who had entries around
  every one of its uses, and in no minute may more citizens' keys be used than had entries around it. That finds a reader who works where
  nothing else happens; one who reads while many others are served can stay hidden.
* plain base64 (``log_raw``): then such a file also holds the opened keys, and is worth as much as the root key. It is read all the same.

A key is unwrapped just before the batch that writes its entry and kept for 60 s: a use is explained by an entry of that citizen at most
60 s before or after it. What opens all bodies (``log verify`` with the root key, a turn of the root key, a restore) needs no entry and is
reported: whoever audits knows when it ran.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.ledger.verify.bodies import Readable
from storage.ledger.verify.findings import Findings

WINDOW_S = 60.0
HASHED = "hmac-sha256:"
CITIZEN_PURPOSES = frozenset({"berkas-kek", "berkas-trail"})
ROWS_AT_ONCE = 20_000
NAMED_LIMIT = 5
"""Uses without an entry that are told one by one."""


class KeyUseRefused(ValueError):
    """The file is no audit file of a key provider; the message names the line."""


@dataclass(frozen=True, slots=True)
class Use:
    """At ``at_s`` (POSIX seconds) the key of ``context`` was opened. ``request`` is the provider's own number for it."""

    at_s: float
    context: str
    request: str


def read_uses(lines: Iterable[str]) -> list[Use]:
    """Raises ``KeyUseRefused``."""
    uses: list[Use] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            request = told["request"]
            if told["type"] != "response" or told.get("error") or "/decrypt/" not in request["path"]:
                continue
            at_s, data = datetime.fromisoformat(_microseconds(told["time"])).timestamp(), request["data"]
            contexts = [item["context"] for item in data.get("batch_input") or [data]]
            uses += [Use(at_s, str(context), str(request["id"])) for context in contexts]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeyUseRefused(f"line {number} is none of an audit file") from error
    return uses


def read_names(lines: Iterable[str]) -> dict[str, str]:
    """``<hmac-sha256:...> <subject reference, or site>``, one a line. Raises ``KeyUseRefused``."""
    names: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and (len(words) != 2 or not words[0].startswith(HASHED)):  # noqa: PLR2004 - value and name
            raise KeyUseRefused(f"line {number} is not a value and a name")
        if words:
            names[words[0]] = words[1]
    return names


@dataclass(frozen=True, slots=True)
class Trails:
    """``times`` of each citizen's entries, in POSIX seconds and in order; ``site_keys``: so many keys are nobody's."""

    times: Mapping[str, Sequence[float]]
    site_keys: int

    def near(self, subject: str, at_s: float) -> bool:
        times = self.times.get(subject, ())
        return bisect_left(times, at_s - WINDOW_S) < bisect_right(times, at_s + WINDOW_S)

    def around(self, from_s: float, to_s: float) -> set[str]:
        return {
            subject
            for subject, times in self.times.items()
            if bisect_left(times, from_s - WINDOW_S) < bisect_right(times, to_s + WINDOW_S)
        }


def reconcile(uses: Sequence[Use], trails: Trails, names: Mapping[str, str], findings: Findings) -> None:
    """Uses that no entry explains are problems; what could not be told is a note."""
    findings.key_uses = len(uses)
    unnamed: list[Use] = []
    unexplained: list[Use] = []
    for use in uses:
        whose = _subject(use.context, names)
        if whose is None:
            unnamed.append(use)
        elif whose and not trails.near(whose, use.at_s):
            unexplained.append(use)
    findings.problems += [_told(use) for use in unexplained[:NAMED_LIMIT]]
    if len(unexplained) > NAMED_LIMIT:
        findings.problems.append(f"and {len(unexplained) - NAMED_LIMIT} more uses of keys without an entry")
    if unnamed:
        _unnamed(unnamed, trails, findings)


def _unnamed(uses: Sequence[Use], trails: Trails, findings: Findings) -> None:
    by_context: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        by_context[use.context].append(use)
    nobodys = [context for context, its in by_context.items() if not _could_be(its, trails)]
    # The site's own keys are opened at a start, when nobody has entries.
    if len(nobodys) > trails.site_keys:
        first = min((use for context in nobodys for use in by_context[context]), key=lambda use: use.at_s)
        findings.problems.append(
            f"{len(nobodys)} keys were used at times at which no one citizen had entries, {trails.site_keys} of them can be the site's "
            f"own; the first use: {_when(first)}"
        )
    minutes: dict[int, set[str]] = defaultdict(set)
    for context in by_context.keys() - set(nobodys):
        for use in by_context[context]:
            minutes[int(use.at_s // WINDOW_S)].add(context)
    for minute in sorted(minutes):
        subjects = trails.around(minute * WINDOW_S, (minute + 1) * WINDOW_S)
        if len(minutes[minute]) > 2 * len(subjects) + trails.site_keys:  # a citizen has two keys
            at = datetime.fromtimestamp(minute * WINDOW_S).astimezone().isoformat()
            findings.problems.append(
                f"in the minute from {at} {len(minutes[minute])} keys were used, and {len(subjects)} citizens had entries"
            )
            break
    findings.notes.append(
        f"{len(by_context)} keys in the audit file have no names: their uses were compared with everybody's entries, which finds a reader "
        "who works where nothing else happens, not one who works among others (--key-names)"
    )


def _could_be(uses: Sequence[Use], trails: Trails) -> bool:
    """Is there one citizen who had entries around every use?"""
    first = uses[0]
    return any(
        all(trails.near(subject, use.at_s) for use in uses)
        for subject in trails.around(first.at_s, first.at_s)
    )


def _subject(context: str, names: Mapping[str, str]) -> str | None:
    """Whose key it is; empty for one that is no citizen's, None where it cannot be told."""
    if context.startswith(HASHED):
        named = names.get(context)
        return "" if named == "site" else named
    try:
        purpose, _, subject = base64.b64decode(context, validate=True).decode().partition("|")
    except (binascii.Error, ValueError):
        return None
    return subject if purpose in CITIZEN_PURPOSES else ""


async def trails_of(database: Readable, uses: Sequence[Use]) -> Trails:
    """Of the entries around the uses, read from the database."""
    times: dict[str, list[float]] = defaultdict(list)
    first_s = min((use.at_s for use in uses), default=0.0) - WINDOW_S
    last_s = max((use.at_s for use in uses), default=0.0) + WINDOW_S
    index = -1
    while True:
        async with database.transaction() as reading:
            rows = await reading.raw.fetch(
                "SELECT idx, subject_ref, extract(epoch FROM at)::float8 AS at_s FROM audit_event WHERE idx > $1 ORDER BY idx LIMIT $2",
                index, ROWS_AT_ONCE,
            )  # fmt: skip
        for row in rows:
            if row["subject_ref"] != "site" and first_s <= row["at_s"] <= last_s:
                times[row["subject_ref"]].append(row["at_s"])
        if len(rows) < ROWS_AT_ONCE:
            break
        index = rows[-1]["idx"]
    async with database.transaction() as reading:
        site_keys = await reading.raw.fetchval("SELECT count(*) FROM site_key")
    return Trails({subject: sorted(found) for subject, found in times.items()}, site_keys)


def _told(use: Use) -> str:
    return f"a citizen's key was used without an entry within {WINDOW_S:.0f} s: {_when(use)}"


def _when(use: Use) -> str:
    return f"{datetime.fromtimestamp(use.at_s).astimezone().isoformat()}, request {use.request} of the key provider"


def _microseconds(time: str) -> str:
    """OpenBao writes nanoseconds, which ``datetime`` does not read (Python 3.11 takes three or six digits)."""
    whole, point, rest = time.partition(".")
    if not point:
        return time
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{whole}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"
