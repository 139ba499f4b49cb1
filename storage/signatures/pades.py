"""The one door to pyHanko: who signed a PDF, does it hold, and for all of the file (``protocols.md`` 9.1).

Runs in a limited worker. pyHanko's own verdict is not enough: it accepts what stands behind the last ``%%EOF``. So each signature's
range is compared with the file byte by byte, and what follows the last one must be its time stamp or its validation data.
Nothing is fetched: revocation is known by what the file carries, or not at all.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from asn1crypto import x509
from asn1crypto.crl import CertificateList
from asn1crypto.ocsp import OCSPResponse
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.pdf_embedded import (
    EmbeddedPdfSignature,
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.status import PdfSignatureStatus, TimestampSignatureStatus
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms

from storage.signatures.certificates import is_weak, name_of, policies_of, weak_digest
from storage.signatures.finding import Broken, Finding
from storage.signatures.ranges import ends_with_its_mark, leaves_out_itself

SIGNATURES_LIMIT = 16
_ORDER = ("valid", "unchecked", "weak")
_T = TypeVar("_T")

# They quote the file.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class _Expired(Exception):
    """A certificate of the chain was not valid at that moment."""


@dataclass(frozen=True, slots=True)
class _Around:
    """What the signatures of one file are judged by: anchors, and what the file carries of certificates and revocation."""

    anchors: list[x509.Certificate]
    certificates: list[x509.Certificate]
    ocsps: list[Any]
    crls: list[Any]
    now: datetime

    def context(self, moment: datetime, revocation: str) -> ValidationContext:
        """Weak algorithms are let through: they are graded by themselves."""
        return ValidationContext(
            trust_roots=self.anchors,
            other_certs=self.certificates,
            ocsps=self.ocsps,
            crls=self.crls,
            moment=moment,
            revocation_mode=revocation,
            retroactive_revinfo=True,
            allow_fetching=False,
            time_tolerance=timedelta(0),
            algorithm_usage_policy=AcceptAllAlgorithms(),
        )


def verified(data: bytes, anchors: Iterable[bytes], now: datetime) -> dict[str, Any] | None:
    """A ``Finding`` as a dict, None of a file without signatures. ``anchors`` are DER. Raises ``Broken``; whatever else a parser raises says
    that the file cannot be read.
    """
    reader = PdfFileReader(io.BytesIO(data), strict=True)
    embedded = reader.embedded_signatures
    if not embedded:
        return None
    if len(embedded) > SIGNATURES_LIMIT:
        raise Broken("unreadable")
    regular = [one for one in embedded if one.sig_object_type == "/Sig"]
    stamps = [one for one in embedded if one.sig_object_type == "/DocTimeStamp"]
    if len(regular) + len(stamps) != len(embedded):
        raise Broken("unreadable")
    if not regular:
        return None
    for one in embedded:
        if not leaves_out_itself(data, one.byte_range, one.pkcs7_content):
            raise Broken("partial")
    _nothing_behind(reader, embedded, data)
    return asdict(
        _driven(_judged(reader, regular, stamps, [x509.Certificate.load(der) for der in anchors], now))
    )


def _driven(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine that never waits: nothing is fetched, and a worker may not open what an event loop needs."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what the coroutine returns
    finally:
        work.close()
    raise RuntimeError("it waits for something")


def _nothing_behind(reader: PdfFileReader, embedded: list[EmbeddedPdfSignature], data: bytes) -> None:
    """The last range ends with the file; or whole revisions follow, which are compared with what was signed."""
    last = max(embedded, key=lambda one: int(one.byte_range[2]))
    if int(last.byte_range[2]) + int(last.byte_range[3]) == len(data):
        return
    if reader.xrefs.total_revisions <= last.signed_revision + 1 or not ends_with_its_mark(data):
        raise Broken("partial")


def _carried(
    reader: PdfFileReader, regular: list[EmbeddedPdfSignature], anchors: list[x509.Certificate], now: datetime
) -> _Around:
    """Certificates, OCSP responses and CRLs of the file's store (DSS), and of the signatures themselves (Adobe's way)."""
    around = _Around(anchors, [], [], [], now)
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        pass
    else:
        around.certificates.extend(store.load_certs())
        around.ocsps.extend(OCSPResponse.load(ref.get_object().data) for ref in store.ocsps)
        around.crls.extend(CertificateList.load(ref.get_object().data) for ref in store.crls)
    for one in regular:
        around.certificates.extend(one.other_embedded_certs)
        for attribute in one.signer_info["signed_attrs"]:
            if attribute["type"].native == "adobe_revocation_info_archival":
                for value in attribute["values"]:
                    around.ocsps.extend(value["ocsp"] or ())
                    around.crls.extend(value["crl"] or ())
    return around


async def _judged(
    reader: PdfFileReader,
    regular: list[EmbeddedPdfSignature],
    stamps: list[EmbeddedPdfSignature],
    anchors: list[x509.Certificate],
    now: datetime,
) -> Finding:
    around = _carried(reader, regular, anchors, now)
    stamped_at = await _document_times(stamps, around)
    findings = []
    for one in regular:
        last = one is max(regular, key=lambda other: other.signed_revision)
        status = await _intact(one, around, last=last)
        later = [at for revision, at in stamped_at if revision > one.signed_revision]
        findings.append(await _graded(one, status, around, min(later, default=None)))
    newest = max(zip(regular, findings, strict=True), key=lambda pair: pair[0].signed_revision)[1]
    worst = max(findings, key=lambda finding: _ORDER.index(finding.grade))
    newest.grade, newest.why = worst.grade, worst.why
    return newest


async def _intact(one: EmbeddedPdfSignature, around: _Around, *, last: bool) -> PdfSignatureStatus:
    """The digest and the signature are right, and what came later is allowed. Trust is not judged here."""
    nobody = ValidationContext(
        trust_roots=[], allow_fetching=False, algorithm_usage_policy=AcceptAllAlgorithms()
    )
    times = around.context(around.now, "soft-fail")
    status = await async_validate_pdf_signature(one, nobody, times, algorithm_policy=None)
    if not (status.intact and status.valid):
        raise Broken("altered")
    _allowed_since(one, last=last, docmdp_ok=status.docmdp_ok)
    return status


def _weak(stamp: TimestampSignatureStatus) -> bool:
    """A time stamp that could have been made up proves no time."""
    chain = list(stamp.validation_path.iter_certs(include_root=False)) if stamp.validation_path else []
    return weak_digest(stamp.md_algorithm) or is_weak(chain)


def _allowed_since(one: EmbeddedPdfSignature, *, last: bool, docmdp_ok: bool | None) -> None:
    most = ModificationLevel.LTA_UPDATES if last else ModificationLevel.FORM_FILLING
    since = one.diff_result
    if not isinstance(since, DiffResult) or since.modification_level > most or docmdp_ok is False:
        raise Broken("partial")


async def _document_times(stamps: list[EmbeddedPdfSignature], around: _Around) -> list[tuple[int, datetime]]:
    """(revision, time) of every document time stamp that is trusted. One that does not hold means that the file was altered."""
    found = []
    times = around.context(around.now, "soft-fail")
    for stamp in stamps:
        status = await async_validate_pdf_timestamp(stamp, times)
        if not (status.intact and status.valid):
            raise Broken("altered")
        _allowed_since(stamp, last=True, docmdp_ok=status.docmdp_ok)
        if status.trusted and not _weak(status):
            found.append((stamp.signed_revision, status.timestamp))
    return found


async def _graded(
    one: EmbeddedPdfSignature, status: PdfSignatureStatus, around: _Around, stamped: datetime | None
) -> Finding:
    validity = status.timestamp_validity
    if validity is not None:
        if not (validity.intact and validity.valid):
            raise Broken("altered")
        if validity.trusted and not _weak(validity):
            stamped = validity.timestamp
    certificate = one.signer_cert
    claimed = one.self_reported_timestamp
    finding = Finding(
        grade="unchecked",
        why="no_anchors",
        signer=name_of(certificate),
        certificate_sha256=certificate.sha256.hex(),
        anchor_sha256=None,
        signed_at=claimed.isoformat() if claimed and claimed.tzinfo else None,
        timestamp=stamped.isoformat() if stamped else None,
        policies=policies_of(certificate),
    )
    weak = is_weak([certificate])
    if around.anchors:
        path, finding.grade, finding.why = await _chained(one, around, stamped, claimed)
        finding.anchor_sha256 = path.trust_anchor.certificate.sha256.hex()  # type: ignore[attr-defined]  # anchors are certificates here
        weak = is_weak(list(path.iter_certs(include_root=False)))
    if weak or weak_digest(status.md_algorithm):
        finding.grade, finding.why = "weak", "algorithm"
    return finding


async def _chained(
    one: EmbeddedPdfSignature, around: _Around, stamped: datetime | None, claimed: datetime | None
) -> tuple[ValidationPath, str, str | None]:
    """(path, grade, why). Judged at the time that a trusted stamp proves; without one, now: what a signer says of the time proves nothing."""
    moment = stamped or around.now
    try:
        path = await _path(one, around, moment, "soft-fail")
    except _Expired:
        if stamped is not None or claimed is None or claimed.tzinfo is None:
            raise Broken("expired") from None
        try:
            return await _path(one, around, min(claimed, around.now), "soft-fail"), "unchecked", "expired"
        except _Expired:
            raise Broken("expired") from None
    try:
        return await _path(one, around, moment, "require"), "valid", None
    except InsufficientRevinfoError:
        return path, "unchecked", "revocation_unknown"


async def _path(
    one: EmbeddedPdfSignature, around: _Around, moment: datetime, revocation: str
) -> ValidationPath:
    """``revocation``: soft-fail takes what the file carries, require wants proof that nobody was revoked. Raises ``Broken``, ``_Expired`` and
    ``InsufficientRevinfoError``.
    """
    validator = CertificateValidator(
        one.signer_cert, one.other_embedded_certs, validation_context=around.context(moment, revocation)
    )
    try:
        path: ValidationPath = await validator.async_validate_usage(key_usage={"non_repudiation"})  # type: ignore[no-untyped-call]  # pyHanko left it without types
    except (ExpiredError, NotYetValidError):
        raise _Expired from None
    except RevokedError:
        raise Broken("revoked") from None
    except InsufficientRevinfoError:
        raise
    except (PathBuildingError, ValidationError):
        raise Broken("untrusted") from None
    return path
