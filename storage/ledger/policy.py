"""Whose signatures make a checkpoint believed: the policy file of https://c2sp.org/tlog-policy.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

A note is believed when one of the logs signed it (where the policy lists logs) and the quorum of witnesses cosigned it. Names of the file
are its own: they need not be the names in the keys. Strict: what the specification does not allow is refused with its line number, since a
policy that is read in two ways protects nobody. Pure.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from storage.ledger.checkpoint import CheckpointRefused, NoteVerifier, open_note
from storage.ledger.cosignature import CosignatureVerifier, is_key_name, parted

MAX_LINES = 1_000  # the specification recommends 32 logs, 32 witnesses and 32 groups
_NONE = "none"


class PolicyRefused(ValueError):
    """The file is no policy; the message names the line and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Witness:
    """``name`` is the file's; ``url`` is the submission prefix of tlog-witness, where the file gives one."""

    name: str
    verifier: CosignatureVerifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses a checkpoint when at least ``threshold`` of ``members`` (witnesses or groups, by name) do."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """``signed``: the policy's name of each witness that cosigned -> POSIX time in seconds. ``met``: they are the quorum."""

    signed: Mapping[str, int]
    met: bool


@dataclass(frozen=True, slots=True)
class Policy:
    logs: tuple[NoteVerifier, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def read(cls, text: str) -> Policy:
        """Raises ``PolicyRefused``."""
        if text and not text.endswith("\n"):
            raise PolicyRefused("the last line has no end: the file may have been cut off")
        lines = text.split("\n")[:-1]
        if len(lines) > MAX_LINES:
            raise PolicyRefused(f"more than {MAX_LINES} lines")
        reading = _Reading()
        for number, line in enumerate(lines, 1):
            try:
                reading.take(line)
            except (PolicyRefused, CheckpointRefused) as refused:
                raise PolicyRefused(f"line {number}: {refused}") from refused
        if reading.quorum is None:
            raise PolicyRefused("there is no quorum line")
        witnesses = tuple(reading.witnesses.values())
        return cls(tuple(reading.logs.values()), witnesses, tuple(reading.groups.values()), reading.quorum)

    def judged(self, note: str) -> Judgement:
        """Raises ``CheckpointRefused``: malformed, signed by none of the logs, or with a signature under a known key that does not hold."""
        parted(note)
        if self.logs:
            open_note(note, self.logs)
        times = {witness.name: witness.verifier.time_of(note) for witness in self.witnesses}
        signed = {name: at_s for name, at_s in times.items() if at_s is not None}
        return Judgement(signed, self.met_by(signed))

    def met_by(self, signed: Mapping[str, object]) -> bool:
        """Whether the witnesses named in ``signed`` are the quorum."""
        witnessed = {witness.name: witness.name in signed for witness in self.witnesses} | {_NONE: True}
        for group in self.groups:  # a group names only what stands above it
            witnessed[group.name] = sum(witnessed[name] for name in group.members) >= group.threshold
        return witnessed[self.quorum]


@dataclass
class _Reading:
    """What the lines so far have defined."""

    logs: dict[bytes, NoteVerifier] = field(default_factory=dict)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str | None = None
    _keys: set[bytes] = field(default_factory=set)
    _members: set[str] = field(default_factory=set)

    def take(self, line: str) -> None:
        if any((character < " " and character != "\t") or character == "\x7f" for character in line):
            raise PolicyRefused("a control character")
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        if not words or words[0].startswith("#"):
            return
        kinds: dict[str, tuple[int, int, Callable[..., None]]] = {
            "log": (1, 2, self._log), "witness": (2, 3, self._witness),
            "group": (3, MAX_LINES, self._group), "quorum": (1, 1, self._quorum),
        }  # fmt: skip
        if words[0] not in kinds:
            raise PolicyRefused("not log, witness, group or quorum")
        least, most, reader = kinds[words[0]]
        if not least <= len(words) - 1 <= most:
            raise PolicyRefused(f"too few or too many words for a {words[0]} line")
        reader(*words[1:])

    def _log(self, vkey: str, url: str = "", /) -> None:
        del url  # where the log can be read is nothing to whom verifies
        verifier = NoteVerifier(vkey)
        if not is_key_name(verifier.origin):
            raise PolicyRefused("malformed key name")
        public = base64.b64decode(vkey.split("+", 2)[2])
        if public in self.logs:
            raise PolicyRefused("this log's key stands above already")
        self.logs[public] = verifier

    def _witness(self, name: str, vkey: str, url: str | None = None, /) -> None:
        self._unused(name)
        verifier = CosignatureVerifier(vkey)
        if verifier.public in self._keys:
            raise PolicyRefused("this witness's key stands above already")
        self._keys.add(verifier.public)
        self.witnesses[name] = Witness(name, verifier, url)

    def _group(self, name: str, threshold: str, *members: str) -> None:
        self._unused(name)
        for member in members:
            self._defined(member)
            if member in self._members:
                raise PolicyRefused(f"{member} is a member already")
            self._members.add(member)
        self.groups[name] = Group(name, _threshold(threshold, len(members)), members)

    def _quorum(self, name: str, /) -> None:
        if self.quorum is not None:
            raise PolicyRefused("a second quorum")
        if name != _NONE:
            self._defined(name)
        self.quorum = name

    def _unused(self, name: str) -> None:
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise PolicyRefused(f"{name} is taken")

    def _defined(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyRefused(f"{name} is not defined above")


def _threshold(word: str, members: int) -> int:
    named = {"all": members, "any": 1}
    if word in named:
        return named[word]
    if not (word.isascii() and word.isdigit()) or word != str(int(word)) or not 1 <= int(word) <= members:
        raise PolicyRefused("the threshold is all, any, or a number from 1 to the number of members")
    return int(word)
