"""The copy of one release: its mark, its code, and the limited workers that draw it (DESIGN D9, D12).

Made after the Receipt, from what the ticket and the rows say and nothing else: a repeated delivery of the same release is the same
bytes. What cannot be drawn is not delivered; the unmarked original never goes in its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import cast

from auth.links import copy_code, copy_code_id
from auth.tickets import ORIGINAL
from exchange.pages.wording import day_words, local
from exchange.releases import Release
from exchange.renditions.orders import SOURCE_LIMIT_BYTES, Manner, Mark, Order
from exchange.requirements.catalogue import Service
from storage.agencies import AGENCIES
from storage.consents import consent_by_id
from storage.database import Database
from storage.vault import Opened
from storage.workers import LimitedWorkers, Limits, TaskFailed, TaskOverran, WorkerLost, WorkersBusy

TASKS = {"render": "exchange.renditions.task:render", "show": "exchange.renditions.task:show"}
PROCESSES = 2
# A scan takes milliseconds; fifty pages as pictures take seconds. Whoever waits is answered within ten (I10).
_LIMITS = Limits(cpu_s=6.0, wall_s=8.0, output_bytes=60_000_000)
_GROUP = 4


class CopyFailed(Exception):
    """No copy can be made of this file; another try would end the same way. The reason is for the operator's log."""


class CopyBusy(Exception):
    """No worker was free, or one was lost: try again."""

    retry_after_s = 2


class Copies:
    """``key`` makes codes, ``origin`` is where they are looked up, ``number`` what people call a request."""

    def __init__(
        self,
        workers: LimitedWorkers,
        database: Database,
        services: Mapping[str, Service],
        *,
        key: bytes,
        origin: str,
        zone: str,
        number: Callable[[str], str],
    ) -> None:
        self._workers = workers
        self._database = database
        self._services = services
        self._key = key
        self._origin = origin
        self._zone = zone
        self._number = number

    def code_id(self, use: str) -> str:
        """What the batch keeps of the code of this use."""
        return copy_code_id(self._key, copy_code(self._key, use)) or ""

    def code(self, release: Release) -> str | None:
        """As it is printed; None for an original."""
        return None if release.manner == ORIGINAL else self.code_of(release.use)

    def code_of(self, use: str) -> str:
        """As it is printed on the copy of one use, always the same."""
        return grouped(copy_code(self._key, use))

    async def served(self, release: Release, opened: Opened) -> Opened:
        """What leaves: the original itself, or the copy that the ticket names. Raises ``CopyFailed``, ``CopyBusy`` and what reading raises."""
        if release.manner == ORIGINAL:
            return opened
        source = await _whole(opened)
        return await self._drawn(source, await self._order(release, opened.media_type))

    async def preview(self, opened: Opened, *, agency: str, service: str) -> Opened:
        """A small picture of the paper for its owner, before there is anything to release. Raises as ``served`` does."""
        mark = Mark(
            purpose=self._purpose(service, agency),
            issue="PRATINJAU untuk pemilik dokumen",
            code="Belum dikirim kepada siapa pun",
            short="PRATINJAU",
        )
        return await self._drawn(await _whole(opened), Order("stamped", opened.media_type, mark), "show")

    def _purpose(self, service: str, agency: str) -> str:
        known = self._services.get(service)
        return f"HANYA UNTUK KEPERLUAN {known.name_id if known else service} DI {agency}"

    async def _order(self, release: Release, media_type: str) -> Order:
        ticket = release.ticket
        async with self._database.reading() as reading:
            consent = await consent_by_id(reading, ticket.consent_id)
            agencies = await AGENCIES.load(reading.raw, "id", [ticket.agency])
        where = agencies[0].name if agencies else ticket.agency
        day = day_words(local(ticket.issued_at, self._zone).date())
        number = self._number(consent.request_id if consent else ticket.consent_id)
        code = self.code(release) or ""
        mark = Mark(
            purpose=self._purpose(ticket.purpose, where),
            issue=f"tanggal {day} nomor {number}",
            code=f"Kode salinan {code}. Periksa di {self._origin}/verify",
            short=f"{day} / {number} / {code}",
        )
        manner, redaction = cast("Manner", release.manner), release.redaction
        if redaction is None:
            return Order(manner, media_type, mark)
        seen = redaction.hidden, redaction.shown, redaction.others
        return Order(manner, media_type, mark, *seen)

    async def _drawn(self, source: bytes, order: Order, task: str = "render") -> Opened:
        with _in_memory(source) as given, _in_memory(b"") as taken:
            try:
                answer = await self._workers.run(task, asdict(order), _LIMITS, (given, taken))
            except (WorkersBusy, WorkerLost) as error:
                raise CopyBusy(type(error).__name__) from error
            except (TaskFailed, TaskOverran) as error:
                raise CopyFailed(type(error).__name__) from error
            if "refused" in answer:
                raise CopyFailed(str(answer["refused"]))
            content = os.pread(taken, int(answer["size"]), 0)
        return Opened(
            str(answer["media_type"]), hashlib.sha256(content).hexdigest(), len(content), content, None
        )


def grouped(code: str) -> str:
    """As it is printed and read aloud: K7QD-3MXP-9R2T."""
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))


async def _whole(opened: Opened) -> bytes:
    """Every segment authenticated. Raises ``CopyFailed`` for what is too large to be drawn, before it is read."""
    if opened.whole is not None:
        return opened.whole
    if opened.parts is None:
        return b""
    async with contextlib.aclosing(opened.parts) as parts:
        if opened.size > SOURCE_LIMIT_BYTES:
            raise CopyFailed("too_large")
        return b"".join([part async for part in parts])


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """An open file that has no name, so that it can be handed to a worker; on Linux it never touches a disk (I7)."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("berkas", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        with os.fdopen(os.dup(descriptor), "wb") as writing:
            writing.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
