"""The log's head on what a citizen takes home: whoever holds two papers of one log can see whether it told both the same (gossip).

The note is the published checkpoint (C2SP tlog-checkpoint); it is public, and says nothing about the paper's holder.
"""

from __future__ import annotations

from dataclasses import dataclass

FILE_NAME = "log-checkpoint.txt"
# As QR of 5 cm: beyond this its squares are too small for a phone; the log's own signature always fits.
_CODE_LIMIT_BYTES = 700
_ROOT_LETTERS = 12


@dataclass(frozen=True, slots=True)
class LogHead:
    """``note`` is the whole signed text, with the cosignatures that are there."""

    note: str

    @property
    def origin(self) -> str:
        return self.note.split("\n")[0]

    @property
    def size(self) -> str:
        return self.note.split("\n")[1]

    @property
    def root(self) -> str:
        return self.note.split("\n")[2]

    @property
    def short_root(self) -> str:
        """Enough to compare by eye: 72 bits."""
        return self.root[:_ROOT_LETTERS]

    def code(self) -> str:
        """What a QR of it holds: the whole note, or the text with its first signature, which is the log's own."""
        if len(self.note.encode()) <= _CODE_LIMIT_BYTES:
            return self.note
        text, _, signatures = self.note.partition("\n\n")
        return f"{text}\n\n{signatures.partition(chr(10))[0]}\n"


def head_of(note: str | None) -> LogHead | None:
    """None while nothing is published."""
    return LogHead(note) if note else None
