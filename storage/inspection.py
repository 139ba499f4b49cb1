"""The gate (DESIGN D9): what a stranger's file is, and whether it may be kept.

First bytes against an allow-list of PDF, JPEG and PNG; they prove nothing about the rest (HTML behind ``%PDF-`` passes for a PDF). So the
file waits in a spool, is parsed to its end in a limited worker (``storage/gate/``), never here, and goes past a malware scanner where one is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.clamd import Scanner
from storage.errors import GateBusy, ScannerUnavailable
from storage.signatures.judging import SIGNATURE_TASKS, Signatures
from storage.spool import Spool, Spooled
from storage.workers import LimitedWorkers, Limits, TaskFailed, TaskOverran, WorkerLost, WorkersBusy

GATE_TASKS = {"look": "storage.gate.look:look"} | SIGNATURE_TASKS
LOOK_LIMITS = Limits(cpu_s=1.5, wall_s=6.0)
# What Pillow and Python raise for a file that would become too large, before the kernel has to say so.
_TOO_LARGE = frozenset({"DecompressionBombError", "MemoryError", "RecursionError", "OverflowError"})

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"})


@dataclass(frozen=True, slots=True)
class Inspected:
    media_type: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """``reason``, by the first bytes: empty, heic, unknown or mismatch; by the whole file: a word of ``storage/gate/``, or malware."""

    reason: str


def media_type_of(head: bytes) -> str | None:
    """The media type that the first bytes show; None for everything that is not on the list."""
    return next((media_type for signature, media_type in _SIGNATURES if head.startswith(signature)), None)


def check_head(declared: str, head: bytes) -> Inspected | Rejected:
    """``head`` is the first 64 bytes, or all of a shorter file."""
    if not head:
        return Rejected("empty")
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return Rejected("heic")
    found = media_type_of(head)
    if found is None:
        return Rejected("unknown")
    return Inspected(found) if found == declared else Rejected("mismatch")


@dataclass(frozen=True, slots=True)
class Passed:
    """A fit file. ``edits`` (start, end, ``cut`` or ``blank``) are what is left out or put to zero before it is kept."""

    edits: tuple[tuple[int, int, str], ...]
    size: int

    def kept(self, spooled: Spooled) -> Iterator[bytes]:
        """The bytes that are kept, in pieces."""
        place = 0
        for start, end, what in self.edits:
            yield from spooled.read(place, start)
            if what == "blank":
                yield bytes(end - start)
            place = end
        yield from spooled.read(place, spooled.size)


class Gate:
    """Everything between a stranger's bytes and the vault. ``scanner`` is None where no malware scanner was named; ``anchors`` (DER) are whom
    signatures have to lead to.
    """

    def __init__(
        self, workers: LimitedWorkers, spool: Spool, scanner: Scanner | None, anchors: Sequence[bytes] = ()
    ) -> None:
        self.workers = workers
        self.signatures = Signatures(workers, anchors)
        self.spool = spool
        self.scanner = scanner

    async def judge(self, spooled: Spooled, media_type: str, now: datetime) -> Passed | Rejected:
        """Parsed in a limited worker and, where there is a scanner, scanned; both must say yes.

        Raises ``GateBusy`` and ``ScannerUnavailable``: there is no verdict now.
        """
        spooled.seal()
        looked = await self._looked_at(spooled, media_type)
        if isinstance(looked, Rejected) or self.scanner is None:
            return looked
        clean = await self.scanner.is_clean(spooled.read(0, spooled.size), now)
        return looked if clean else Rejected("malware")

    async def state(self, now: datetime) -> dict[str, str]:
        """What operators are shown: scanner is off, ok or unavailable."""
        if self.scanner is None:
            return {"files": "parsed", "malware_scan": "off"}
        try:
            await self.scanner.check(now)
        except ScannerUnavailable:
            return {"files": "parsed", "malware_scan": "unavailable"}
        return {"files": "parsed", "malware_scan": "ok"}

    async def _looked_at(self, spooled: Spooled, media_type: str) -> Passed | Rejected:
        try:
            answer = await self.workers.run(
                "look", {"media_type": media_type}, LOOK_LIMITS, [spooled.descriptor]
            )
        except TaskOverran:
            return Rejected("too_heavy")
        except TaskFailed as failed:
            return Rejected("too_heavy" if failed.kind in _TOO_LARGE else "broken")
        except (WorkersBusy, WorkerLost) as error:
            raise GateBusy("no worker gave a verdict") from error
        if "unfit" in answer:
            return Rejected(str(answer["unfit"]))
        return _passed(answer, spooled.size)


def _passed(answer: dict[str, Any], size: int) -> Passed | Rejected:
    """A worker is believed only what makes sense: edits in order, inside the file, and something is left."""
    edits: list[tuple[int, int, str]] = []
    place, left = 0, size
    told = answer.get("edits")
    if not isinstance(told, list):
        return Rejected("broken")
    for edit in told:
        match edit:
            case [int(start), int(end), ("cut" | "blank") as what] if place <= start < end <= size:
                pass
            case _:
                return Rejected("broken")
        edits.append((start, end, what))
        place = end
        left -= end - start if what == "cut" else 0
    return Passed(tuple(edits), left) if left > 0 else Rejected("broken")
