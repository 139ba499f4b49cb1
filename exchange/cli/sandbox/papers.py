"""The real files of the sandbox's citizens, made in memory when the sandbox is made.

Every file carries the mark CONTOH / SINTETIS and says that it is no official document. The same citizen and paper
give the same bytes, so that a second intake of the same file is recognised as such.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final, Literal

import segno
from fpdf import FPDF

from exchange.cli.sandbox.kinds import Paper
from exchange.cli.sandbox.register import Citizen
from exchange.cli.sandbox.scans import (
    MARK,
    NOT_OFFICIAL,
    Lines,
    photo_jpeg,
    portrait_jpeg,
    scan_jpeg,
    security_paper_jpeg,
)

MediaType = Literal["image/jpeg", "application/pdf"]
SCANNED_PAGES: Final = 4
A4_MM: Final = (210, 297)
_TITLES = {
    "KTP": "KARTU TANDA PENDUDUK",
    "KK": "KARTU KELUARGA",
    "KIA": "KARTU IDENTITAS ANAK",
    "AKTA_LAHIR": "KUTIPAN AKTA KELAHIRAN",
    "AKTA_CERAI": "AKTA CERAI",
    "BUKU_NIKAH": "BUKU NIKAH",
    "NPWP": "NOMOR POKOK WAJIB PAJAK",
    "NPWP_BADAN": "NPWP BADAN",
    "NIB": "NOMOR INDUK BERUSAHA",
    "AKTA_PENDIRIAN": "AKTA PENDIRIAN",
    "PASPOR": "PASPOR",
    "SIM": "SURAT IZIN MENGEMUDI",
    "SKCK": "SURAT KETERANGAN CATATAN KEPOLISIAN",
    "STNK": "SURAT TANDA NOMOR KENDARAAN",
    "BPKB": "BUKU PEMILIK KENDARAAN",
    "KARTU_JKN": "KARTU JKN",
    "KARTU_BPJSTK": "KARTU BPJS KETENAGAKERJAAN",
    "IJAZAH": "IJAZAH",
    "SK_LAHIR": "SURAT KETERANGAN LAHIR",
    "SK_SEHAT": "SURAT KETERANGAN SEHAT",
    "SK_PSIKOLOGI": "SURAT KETERANGAN PSIKOLOGI",
    "SKTM": "SURAT KETERANGAN TIDAK MAMPU",
    "SERTIPIKAT_TANAH": "SERTIPIKAT HAK ATAS TANAH",
    "SPPT_PBB": "SPPT PBB-P2",
    "STR": "SURAT TANDA REGISTRASI",
    "PAKLARING": "SURAT KETERANGAN KERJA",
    "BUKU_REKENING": "BUKU REKENING",
    "N1": "SURAT PENGANTAR NIKAH",
}


@dataclass(frozen=True, slots=True)
class PaperFile:
    media_type: MediaType
    content: bytes


def make_paper(citizen: Citizen, paper: Paper) -> PaperFile:
    """The file of one paper. A KK or Buku Nikah differs per person here; the exchange keeps one per subject."""
    title = _TITLES.get(paper.type, paper.type)
    lines = _lines(citizen, paper)
    seed = f"{citizen.nik} {paper.type} {paper.issued_on}"
    match paper.shape:
        case "scan":
            return PaperFile("image/jpeg", scan_jpeg(title, lines, seed))
        case "photo":
            return PaperFile("image/jpeg", photo_jpeg(title, lines, seed))
        case "portrait":
            return PaperFile("image/jpeg", portrait_jpeg(paper.background or "red", seed))
        case "page":
            return PaperFile("application/pdf", _page_pdf(title, lines, citizen, paper))
        case "pages":
            return PaperFile("application/pdf", _pages_pdf(title, lines, seed, paper.issued_on))


def _lines(citizen: Citizen, paper: Paper) -> Lines:
    lines = [
        ("Nama", citizen.name),
        ("NIK", citizen.nik),
        ("Lahir", f"Samarinda, {citizen.birth_date:%d-%m-%Y}"),
    ]
    facts = (
        ("Nomor", paper.number),
        ("Objek", paper.about),
        ("Tahun pajak", paper.tax_year),
        ("Jenjang", paper.level),
        ("Terbit", f"{paper.issued_on:%d-%m-%Y}"),
        ("Berlaku sampai", f"{paper.valid_until:%d-%m-%Y}" if paper.valid_until else None),
    )
    return lines + [(label, str(fact)) for label, fact in facts if fact is not None]


def _document(issued_on: date, title: str) -> FPDF:
    """An A4 document whose bytes depend on its content only: the clock stays out of it."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime.combine(issued_on, time(8), UTC))
    pdf.set_title(f"{title} ({MARK})")
    pdf.set_producer("Berkas sandbox")
    pdf.set_auto_page_break(auto=False)
    return pdf


def _page_pdf(title: str, lines: Lines, citizen: Citizen, paper: Paper) -> bytes:
    """Born digital, like a KK since 2020: text, a table of the household, a QR code in the place of a signature."""
    pdf = _document(paper.issued_on, title)
    pdf.add_page()
    pdf.image(io.BytesIO(security_paper_jpeg()), x=0, y=0, w=A4_MM[0], h=A4_MM[1])
    _mark(pdf)
    pdf.set_font("Helvetica", "B", 17)
    pdf.cell(0, 10, title, align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Helvetica", size=9)
    pdf.cell(0, 6, f"{MARK} - {NOT_OFFICIAL}", align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(6)
    for label, value in lines:
        pdf.set_font("Helvetica", size=11)
        pdf.cell(45, 8, label)
        pdf.set_font("Helvetica", "B", 11)
        pdf.cell(0, 8, f": {value}", new_x="LMARGIN", new_y="NEXT")
    if paper.type == "KK":
        pdf.ln(4)
        with pdf.table(col_widths=(12, 100), text_align="LEFT") as table:
            table.row(("No", "Anggota keluarga"))
            for number, name in enumerate(citizen.household, start=1):
                table.row((str(number), name))
    code = io.BytesIO()
    segno.make(f"contoh:{paper.type}:{paper.number}", error="m").save(code, kind="png", scale=6, border=2)
    pdf.image(code, x=20, y=225, w=32)
    pdf.set_xy(56, 232)
    pdf.set_font("Helvetica", size=9)
    pdf.multi_cell(
        120,
        5,
        "Tempat tanda tangan elektronik pada dokumen asli.\nLembar ini contoh dan tidak bertanda tangan.",
    )
    return bytes(pdf.output())


def _pages_pdf(title: str, lines: Lines, seed: str, issued_on: date) -> bytes:
    """A counter's scan of several sheets in one file."""
    pdf = _document(issued_on, title)
    for number in range(1, SCANNED_PAGES + 1):
        pdf.add_page()
        page = f"Halaman {number} dari {SCANNED_PAGES}"
        sheet = scan_jpeg(title, lines if number == 1 else (), f"{seed} {number}", page=page)
        pdf.image(io.BytesIO(sheet), x=0, y=0, w=A4_MM[0], h=A4_MM[1])
    return bytes(pdf.output())


def _mark(pdf: FPDF) -> None:
    with pdf.local_context(fill_opacity=0.13), pdf.rotation(52, 105, 150):
        pdf.set_font("Helvetica", "B", 54)
        pdf.text(8, 150, MARK)
        pdf.set_font("Helvetica", "B", 26)
        pdf.text(42, 168, NOT_OFFICIAL)
