"""The semester report as a PDF: A4, Indonesian with a second line in English, for an agency's letter to the population office.

It names nobody. The same report gives the same bytes; it says of which log it tells, so that it can be counted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fpdf import FPDF

from exchange.pages.wording import clean
from exchange.semester import semester_rows

MEDIA_TYPE = "application/pdf"
_MARGIN_MM = 18.0
_LINE_MM = 5.5
_NAME_MM, _NUMBER_MM = 130.0, 44.0
_HEADINGS: dict[str, tuple[str, str]] = {
    "report": ("Laporan", "Report"),
    "log": ("Log yang menjadi dasar", "The log it was counted from"),
    "citizens": ("Warga yang datanya diakses", "Citizens whose data were reached"),
    "allowed_by_type": ("Kegiatan menurut jenis", "Acts by type"),
    "refused_by_type": ("Kegiatan yang ditolak menurut jenis", "Refused acts by type"),
    "by_service": ("Akses menurut layanan", "Accesses by service"),
    "by_basis": ("Akses menurut dasar hukum", "Accesses by legal basis"),
    "refused_by_reason": ("Penolakan menurut alasan", "Refusals by reason"),
    "withdrawals": ("Penarikan persetujuan dan jawabannya", "Consents withdrawn, and the answers"),
    "breaches": ("Kegagalan pelindungan data", "Breaches"),
}


def semester_pdf(told: Mapping[str, Any]) -> bytes:
    """``told`` as ``flows.report_semester`` gives it."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime.fromisoformat(told["to"]))
    pdf.set_title("Laporan semester - Berkas")
    pdf.set_lang("id")
    pdf.set_margins(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    pdf.set_auto_page_break(True, _MARGIN_MM)
    pdf.add_page()
    pdf.set_font("Helvetica", "B", 16)
    pdf.cell(0, 9, "Laporan semester penggunaan data", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Helvetica", "", 10)
    pdf.cell(0, 6, "Semester report on the use of data (Permendagri 102/2019)", new_x="LMARGIN", new_y="NEXT")
    before = ""
    for table, row, number in semester_rows(told):
        if table != before:
            _heading(pdf, table)
            before = table
        wide = table in {"report", "log"}
        pdf.set_font("Helvetica", "", 8 if wide else 10)
        pdf.cell(_NAME_MM if not wide else 40.0, _LINE_MM, _latin(row))
        pdf.cell(
            _NUMBER_MM if not wide else 0.0,
            _LINE_MM,
            _latin(number),
            align="L" if wide else "R",
            new_x="LMARGIN",
            new_y="NEXT",
        )
    if told["published"]:
        pdf.ln(3)
        pdf.set_font("Helvetica", "", 8)
        pdf.multi_cell(
            0,
            4.5,
            "Angka yang menyangkut kurang dari 10 orang tidak disebut. Numbers behind which there are fewer than 10 persons are left out.",
        )
    return bytes(pdf.output())


def _heading(pdf: FPDF, table: str) -> None:
    own, english = _HEADINGS[table]
    pdf.ln(3)
    pdf.set_font("Helvetica", "B", 11)
    pdf.cell(0, 6, own, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Helvetica", "I", 8)
    pdf.cell(0, 4, english, new_x="LMARGIN", new_y="NEXT")


def _latin(text: str) -> str:
    """The built-in fonts know Latin letters; another becomes a question mark."""
    return clean(text).encode("latin-1", "replace").decode("latin-1")
