"""Signed PDFs for the tests: an own certification authority, signers, a time stamping authority, and what went wrong with each.

Certificates, CRLs and OCSP answers are made with ``cryptography``; pyHanko signs.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, PdfTimeStamper, SimpleSigner, fields
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tests.files import pdf

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
POLICY = "2.16.360.1.1.1.12.1.1"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Party:
    key: Key
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)

    @property
    def asn1_key(self) -> asn1_keys.PrivateKeyInfo:
        return asn1_keys.PrivateKeyInfo.load(
            self.key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


def party(
    name: str,
    issuer: Party | None = None,
    *,
    begins: datetime = NOW - 900 * DAY,
    ends: datetime = NOW + 900 * DAY,
    ca: bool = False,
    stamps: bool = False,
    bits: int = 0,
    digest: hashes.SHA256 | hashes.SHA384 | None = None,
    signs: bool = True,
    asks_at: str = "",
) -> Party:
    """``bits``: an RSA key of this size instead of P-256. ``asks_at``: where revocation could be asked about."""
    key: Key = rsa.generate_private_key(65_537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Disdukcapil Uji"),
        ]
    )
    by = issuer.certificate.subject if issuer else subject
    signing = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca,
                content_commitment=signs and not ca,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
    )
    if stamps:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
        )
    elif not ca:
        policy = x509.PolicyInformation(x509.ObjectIdentifier(POLICY), None)
        builder = builder.add_extension(x509.CertificatePolicies([policy]), critical=False)
    if asks_at:
        where = x509.UniformResourceIdentifier(asks_at)
        ocsp = x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, where)
        points = x509.DistributionPoint([where], None, None, None)
        builder = builder.add_extension(x509.AuthorityInformationAccess([ocsp]), critical=False)
        builder = builder.add_extension(x509.CRLDistributionPoints([points]), critical=False)
    return Party(key, builder.sign(signing, digest or hashes.SHA256()))


@functools.cache
def root() -> Party:
    """The authority that the tests pin."""
    return party("Root CA Uji", ca=True, begins=NOW - 3_000 * DAY, ends=NOW + 3_000 * DAY)


@functools.cache
def other_root() -> Party:
    return party("Root CA Lain", ca=True)


@functools.cache
def authority() -> Party:
    return party("BSrE Uji", root(), ca=True, begins=NOW - 2_000 * DAY)


@functools.cache
def stamping() -> Party:
    return party("TSA Uji", root(), stamps=True, bits=2_048)


@functools.cache
def weak_authority() -> Party:
    return party("CA Lemah", root(), ca=True, bits=1_024)


@functools.cache
def official(**how: Any) -> Party:
    return party("Kepala Dinas Uji", authority(), **how)


def crl(
    issuer: Party, revoked: Party | None = None, at: datetime = NOW, since: datetime | None = None
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(at)
        .next_update(at + DAY)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    if revoked is not None:
        entry = x509.RevokedCertificateBuilder().serial_number(revoked.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(since or at).build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def signed(
    content: bytes | None = None,
    by: Party | None = None,
    *,
    at: datetime = NOW - timedelta(hours=1),
    stamped: Party | None = None,
    field: str = "ttd",
    md: str = "sha256",
    chain: list[Party] | None = None,
    certify: bool = False,
    permission: fields.MDPPerm = fields.MDPPerm.FILL_FORMS,
) -> bytes:
    """``content`` with one more signature; ``stamped``: by whom its time is stamped."""
    by = by or official()
    registry = _store(*(chain if chain is not None else [authority()]))
    signer = SimpleSigner(signing_cert=by.asn1, signing_key=by.asn1_key, cert_registry=registry)
    stamper = (
        DummyTimeStamper(stamped.asn1, stamped.asn1_key, fixed_dt=at, certs_to_embed=_store(root()))
        if stamped
        else None
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(content or pdf(b"KARTU KELUARGA")))
    metadata = PdfSignatureMetadata(
        field_name=field,
        md_algorithm=md,
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=certify,
        docmdp_permissions=permission,
    )
    out = io.BytesIO()
    _SignerAt(metadata, signer=signer, timestamper=stamper, at=at).sign_pdf(writer, output=out)
    return out.getvalue()


def narrowed(
    *, start: int = 0, before: int = 0, behind: int = 0, tail: int = 0, unreadable: bool = False
) -> bytes:
    """Signed as well as any, but over a range that leaves out more than the signature itself, by so many bytes. ``unreadable``: its token
    is none.
    """
    content = signed()
    match = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\s*\]", content)
    if match is None:
        raise ValueError("no range")
    _, first, second, rest = (int(number) for number in match.groups())
    gap = content[first:second]
    numbers = (start, first - before - start, second + behind, rest - behind - tail)
    written = b"/ByteRange [%d %d %d %d]" % numbers
    content = content.replace(match.group(), written.ljust(len(match.group())))
    covered = content[start : first - before] + content[second + behind : len(content) - tail]
    by = official()
    signer = SimpleSigner(signing_cert=by.asn1, signing_key=by.asn1_key, cert_registry=_store(authority()))
    token = asyncio.run(signer.async_sign(hashlib.sha256(covered).digest(), "sha256", use_pades=True))
    digits = (b"?" * 99 if unreadable else token.dump()).hex().encode().ljust(len(gap) - 2, b"0")
    return content.replace(gap, b"<" + digits + b">")


def with_validation(content: bytes, *revocation: bytes, certificates: tuple[Party, ...] = ()) -> bytes:
    """``content`` with one more revision: the store (DSS) with these CRLs."""
    reader = PdfFileReader(io.BytesIO(content))
    out = io.BytesIO(content)
    DocumentSecurityStore.add_dss(
        out,
        reader.embedded_signatures[-1].sig_object.raw_get("/Contents").original_bytes.hex().encode(),
        certs=[one.asn1 for one in (certificates or (authority(), root()))],
        crls=[asn1_crl.CertificateList.load(one) for one in revocation],
    )
    return out.getvalue()


def document_stamped(content: bytes, by: Party, at: datetime) -> bytes:
    """``content`` with a document time stamp (PAdES B-LTA)."""
    stamper = DummyTimeStamper(by.asn1, by.asn1_key, fixed_dt=at, certs_to_embed=_store(root()))
    out = io.BytesIO()
    PdfTimeStamper(stamper).timestamp_pdf(IncrementalPdfFileWriter(io.BytesIO(content)), "sha256", output=out)
    return out.getvalue()


def long_lived(content: bytes | None = None, by: Party | None = None, at: datetime = NOW - 3 * DAY) -> bytes:
    """As it should be: stamped, and with proof that nobody was revoked then."""
    file = signed(content, by, at=at, stamped=stamping())
    return with_validation(file, crl(root(), at=at), crl(authority(), at=at))


class _SignerAt(PdfSigner):
    """Signs at a time that the test says."""

    def __init__(self, *args: Any, at: datetime, **named: Any) -> None:
        super().__init__(*args, **named)
        self._at = at

    def init_signing_session(self, *args: Any, **named: Any) -> PdfSigningSession:
        session = super().init_signing_session(*args, **named)
        session.system_time = self._at
        return session


def _store(*parties: Party) -> SimpleCertificateStore:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyHanko left it without types
    store.register_multiple(one.asn1 for one in parties)
    return store
