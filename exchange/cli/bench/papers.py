"""What citizens of a bench hold: bytes that nobody draws, scans, photos; and for which service they are asked."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cache

from fpdf import FPDF
from PIL import Image

from auth.callers import Officer
from exchange.answers import limits_of
from exchange.cli.bench.world import SERVICE
from exchange.cli.sandbox.scans import photo_jpeg, scan_jpeg
from exchange.deps import Parts, clock
from exchange.flows import take_in
from exchange.uploads import Body, Paper
from storage.documents import DocumentVersion

JPEG, PDF = "image/jpeg", "application/pdf"
JPEG_HEAD = b"\xff\xd8\xff\xe0"
DOCUMENT_TYPE = "KTP"
STAMPED_AGENCY, STAMPED_SERVICE = "BPJSTK", "BPJSTK.JHT_BERHENTI"
SIX_TYPES = ("KARTU_BPJSTK", "KTP", "KK", "BUKU_REKENING", "PAKLARING", "NPWP")
A4_MM = (210, 297)
PHOTO_PX = (1632, 1224)  # 2 megapixels


@dataclass(frozen=True, slots=True)
class Scan:
    """``content`` gives the bytes of one citizen's paper."""

    type: str
    media_type: str
    content: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Folder:
    """Everything that one citizen has put on file and is asked for."""

    service: str
    answers: Mapping[str, bool]
    scans: tuple[Scan, ...]


def unread(size_bytes: int) -> Folder:
    """One paper that only its first bytes make a picture, for a service that takes originals."""
    scan = Scan(DOCUMENT_TYPE, JPEG, lambda: JPEG_HEAD + os.urandom(size_bytes - len(JPEG_HEAD)))
    return Folder(SERVICE, {"legal_entity": False, "represented": False}, (scan,))


def original(scan: Scan) -> Folder:
    """The same paper where it leaves as it is."""
    return Folder(SERVICE, {"legal_entity": False, "represented": False}, (scan,))


def stamped(*scans: Scan) -> Folder:
    return Folder(STAMPED_SERVICE, {"foreigner": False, "balance_over_50m": True}, scans)


def scanned(document_type: str) -> Scan:
    """One page of a flatbed scanner, about 300 KB."""
    return Scan(document_type, PDF, lambda: _page(document_type))


def photographed(document_type: str) -> Scan:
    """A photo of 2 megapixels; a PDF where the catalogue takes nothing else."""
    if document_type == "KK":
        return scanned(document_type)
    return Scan(document_type, JPEG, lambda: _photo(document_type))


async def put_on_file(parts: Parts, caller: Officer, subject_ref: str, scan: Scan) -> DocumentVersion:
    content = scan.content()

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    taken = await take_in.take_in(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        parts.gate,
        caller=caller,
        subject_ref=subject_ref,
        document_type=parts.catalogue.document_types[scan.type],
        shareable=True,
        paper=Paper(),
        body=Body(scan.media_type, len(content), hashlib.sha256(content).digest(), chunks()),
        limit_bytes=parts.settings.upload_limit_bytes,
        limits=limits_of(parts),
        now=clock(),
    )
    return taken.version


@cache
def _page(document_type: str) -> bytes:
    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(auto=False)
    pdf.add_page()
    sheet = scan_jpeg(document_type, (), f"bench {document_type}")
    pdf.image(io.BytesIO(sheet), x=0, y=0, w=A4_MM[0], h=A4_MM[1])
    return bytes(pdf.output())


@cache
def _photo(document_type: str) -> bytes:
    written = io.BytesIO()
    with Image.open(io.BytesIO(photo_jpeg(document_type, (), f"bench {document_type}"))) as picture:
        picture.resize(PHOTO_PX).save(written, "JPEG", quality=85)
    return written.getvalue()
