"""The receipt as a PDF, drawn from a view: the longest one, the most hostile one, and the same bytes again."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

from pypdf import PdfReader

from exchange.pages.log_head import FILE_NAME, LogHead
from exchange.pages.receipt import ReceiptFile, receipt_pdf
from tests.pages.samples import NOW
from tests.pages.test_markup import EVIL
from tests.storage.witnessed import LOG_LINE, NOTE, TEXT

VIEW = ReceiptFile(
    site="MPP Kota Samarinda",
    zone="Asia/Makassar",
    reference="PST-7KQ2-M9XD",
    record_id="c_01JZ6M0000000000000000000A",
    state="given",
    changed_at=NOW,
    decided_at=NOW,
    agency="DPMPTSP Kota Samarinda",
    purpose="Surat Izin Praktik tenaga medis/kesehatan",
    basis="consent",
    law=None,
    relation="self",
    assisted=False,
    allowed=("Kartu Tanda Penduduk elektronik (KTP-el)",),
    not_shared=("Kartu Keluarga",),
    use_until=NOW + timedelta(days=30),
    retention_days=365,
    verify_link="https://berkas.contoh.example/verify/" + "a" * 39,
    verify_code="a" * 39,
    key_id="k" * 43,
    record_sha256="0" * 64,
    files=(("consent.jws", b"e.e.e"),),
    head=LogHead(NOTE),
)
LIMIT_BYTES = 50_000


def text_of(pdf: bytes) -> str:
    reader = PdfReader(io.BytesIO(pdf), strict=True)
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def test_every_line_has_both_languages() -> None:
    """U16, U17: Indonesian first, English with it."""
    text = text_of(receipt_pdf(VIEW))
    for words in (
        "Tanda terima persetujuan Consent receipt", "Nomor / Number", "Diputuskan / Decided", "Instansi / Agency", "Layanan / Service",
        "Dasar hukum / Legal basis", "Diizinkan / Allowed", "Tidak dibagikan / Not shared", "Berlaku sampai / Valid until",
        "Penyimpanan oleh instansi / Kept by the agency", "Menarik kembali / To withdraw", "24 November 2026 pukul 16.05 WITA",
        "The signed record is inside this file: consent.jws.",
    ):  # fmt: skip
        assert words in text


def test_the_logs_head_is_on_it() -> None:
    """M36: origin, size and the root's beginning to be read, the whole note as a file and as a QR; without one, nothing is said."""
    pdf = receipt_pdf(VIEW)
    text = text_of(pdf)
    for words in (
        "Kepala catatan akses",
        "berkas.example.go.id/akses 1000 entri / entries BpXAcddXiVG2...",
        FILE_NAME,
    ):
        assert words in text
    attached = PdfReader(io.BytesIO(pdf), strict=True).attachments
    assert attached[FILE_NAME] == [NOTE.encode()]
    assert LogHead(NOTE).code() == NOTE
    long = LogHead(NOTE + LOG_LINE * 5)
    assert long.code() == f"{TEXT}\n{LOG_LINE}"
    bare = receipt_pdf(replace(VIEW, head=None))
    assert "Kepala" not in text_of(bare)
    assert list(PdfReader(io.BytesIO(bare)).attachments) == ["consent.jws"]


def test_each_state_has_its_heading() -> None:
    refused = text_of(receipt_pdf(replace(VIEW, state="refused", allowed=())))
    assert "Tanda terima penolakan Receipt of a refusal" in refused
    assert "To withdraw" not in refused
    withdrawn = text_of(receipt_pdf(replace(VIEW, state="withdrawn", changed_at=NOW + timedelta(hours=1))))
    assert "Ditarik kembali / Withdrawn 24 November 2026 pukul 17.05 WITA" in withdrawn
    assert "Berlaku sampai" not in withdrawn
    schedule = text_of(receipt_pdf(replace(VIEW, retention_days=None)))
    assert "Menurut jadwal retensi arsip instansi As the agency's archive schedule says" in schedule
    told = replace(VIEW, state="notified", basis="public_task", law="Permendagri 1/2026 Pasal 2")
    law = text_of(receipt_pdf(told))
    assert "Pemberitahuan menurut undang-undang Notice: opened by law" in law
    assert "Dasar hukum / Legal basis Tugas pelayanan publik Public task Permendagri 1/2026 Pasal 2" in law
    assert "To withdraw" not in law


def test_it_says_who_decided_and_how() -> None:
    """M19, N05: another than the citizen, or two officers for one without a phone; the usual case is not said."""
    assert "Decided by" not in text_of(receipt_pdf(VIEW))
    child = text_of(receipt_pdf(replace(VIEW, relation="parent", assisted=True)))
    assert "Diputuskan oleh / Decided by Orang tua Parent" in child
    assert "Tanpa telepon / Without a phone Dicatat petugas dan disahkan petugas kedua" in child


def test_the_longest_is_below_50_kilobytes() -> None:
    """U16: fifty papers, a record of the longest kind with two before it."""
    files = tuple((f"consent-revision-{n}.jws", b"x" * 8_000) for n in range(2))
    names = tuple(f"Surat Keterangan yang panjang sekali namanya, nomor {n}" for n in range(25))
    longest = replace(VIEW, allowed=names, not_shared=names, files=(("consent.jws", b"x" * 16_384), *files))
    pdf = receipt_pdf(longest)
    assert len(pdf) < LIMIT_BYTES
    reader = PdfReader(io.BytesIO(pdf), strict=True)
    assert len(reader.pages) == 2
    assert all(name in text_of(pdf) for name in names)
    assert list(reader.attachments) == sorted(reader.attachments), "a name tree is in order"


def test_the_same_view_gives_the_same_bytes() -> None:
    """Another moment, the same file; nothing of the machine or the day is in it."""
    first = receipt_pdf(VIEW)
    assert first == receipt_pdf(VIEW)
    reader = PdfReader(io.BytesIO(first))
    assert {name: str(value) for name, value in (reader.metadata or {}).items()} == {
        "/CreationDate": "D:20261124080500Z", "/Keywords": VIEW.record_id, "/Title": "Tanda terima persetujuan"
    }  # fmt: skip
    assert first != receipt_pdf(replace(VIEW, agency="DPMPTSP Kota Samarindo"))


def test_a_registered_name_deceives_nobody() -> None:
    """A32: no other reading direction, nothing hidden, no letter that the fonts do not know taken for another one."""
    pdf = receipt_pdf(
        replace(VIEW, agency=EVIL, purpose="Izin \N{EN DASH} \N{CYRILLIC SMALL LETTER A}\N{PILE OF POO}")
    )
    text = text_of(pdf)
    assert "<script>alert(1)</script>" in text
    assert "?gnuladap??" in text
    assert "Izin - ??" in text
