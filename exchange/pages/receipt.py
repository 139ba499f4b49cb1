"""The receipt as a PDF: one A4 page, Indonesian with a second line in English, and the signed record inside as a file.

It names no person: initials would tell a neighbour who it was, and who holds it knows. The same view gives the same bytes: its
only time is that of the record, and it bears the log's head of the moment when it is drawn. The built-in fonts know Latin letters; another becomes a visible question mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import segno
from fpdf import FPDF

from exchange.pages.log_head import FILE_NAME, LogHead
from exchange.pages.wording import clean, moment_words

MEDIA_TYPE = "application/pdf"
_MARGIN_MM = 18.0
_TEXT_MM = 112.0
_QR_MM = 50.0
_QR_LEFT_MM = 142.0
_QR_TOP_MM = 46.0
_HEAD_TOP_MM = 140.0
_CODE_GROUP, _CODE_LINE = 5, 15
_LINE_MM = 0.45  # a line's height for each point of its letters
_INK, _SOFT = (16, 33, 42), (70, 86, 94)
_TYPOGRAPHY = str.maketrans(
    {
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{HORIZONTAL ELLIPSIS}": "...",
    }
)

Words = tuple[str, str]
"""Indonesian, English."""


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """``state`` is the record's newest event: given, refused, withdrawn, or notified where the law decided. ``law`` is its article,
    ``relation`` who decided (self: the citizen). ``files`` are (name, content) to be put inside, the
    newest revision first. ``head`` is the log's, once one is published. ``verify_link`` leads to the public page, with ``verify_code`` in it.
    """

    site: str
    zone: str
    reference: str
    record_id: str
    state: str
    changed_at: datetime
    decided_at: datetime
    agency: str
    purpose: str
    basis: str
    law: str | None
    relation: str
    assisted: bool
    allowed: tuple[str, ...]
    not_shared: tuple[str, ...]
    use_until: datetime
    retention_days: int | None
    verify_link: str
    verify_code: str
    key_id: str
    record_sha256: str
    files: tuple[tuple[str, bytes], ...]
    head: LogHead | None = None


_HEADINGS: dict[str, Words] = {
    "given": ("Tanda terima persetujuan", "Consent receipt"),
    "refused": ("Tanda terima penolakan", "Receipt of a refusal"),
    "withdrawn": ("Persetujuan ditarik kembali", "Consent withdrawn"),
    "notified": ("Pemberitahuan menurut undang-undang", "Notice: opened by law"),
}
_BASES: dict[str, Words] = {
    "consent": (
        "Persetujuan (UU 27/2022 Pasal 20 ayat (2) huruf a)",
        "Consent (Law 27/2022 article 20(2)a)",
    ),
    "legal_obligation": ("Kewajiban hukum", "Legal obligation"),
    "vital_interest": ("Kepentingan vital", "Vital interest"),
    "public_task": ("Tugas pelayanan publik", "Public task"),
}
_DECIDERS: dict[str, Words] = {
    "parent": ("Orang tua", "Parent"),
    "guardian": ("Wali", "Legal guardian"),
    "curator": ("Pengampu", "Curator"),
    "power_of_attorney": ("Penerima kuasa", "By power of attorney"),
}
_ASSISTED: Words = (
    "Dicatat petugas dan disahkan petugas kedua",
    "Recorded by an officer, confirmed by a second one",
)
_BY_SCHEDULE: Words = (
    "Menurut jadwal retensi arsip instansi",
    "As the agency's archive schedule says",
)
_HOW_TO_WITHDRAW: Words = (
    "Buka tautan Jejak Data Saya dalam pesan kami, atau datanglah ke loket.",
    "Open the link in our message, or come to the counter.",
)
_NOTHING: Words = ("Tidak ada", "None")


def receipt_pdf(view: ReceiptFile) -> bytes:
    """``view`` as a PDF of less than 50 KB."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(view.changed_at)
    pdf.set_lang("id")
    pdf.set_title(_plain(_HEADINGS[view.state][0]))
    pdf.set_keywords(view.record_id)  # in plain text: a damaged copy still says which record it was
    pdf.set_margins(_MARGIN_MM, _MARGIN_MM)
    pdf.set_auto_page_break(auto=True, margin=_MARGIN_MM)
    pdf.add_page()
    _head(pdf, view)
    _code(pdf, view)
    if view.head is not None:
        _log_head(pdf, view.head)
    pdf.set_y(_QR_TOP_MM)
    for words, values in _rows(view):
        _row(pdf, words, values)
    _proof(pdf, view)
    files = [*view.files, *([(FILE_NAME, view.head.note.encode())] if view.head else [])]
    for name, content in sorted(files):  # the order of a name tree (ISO 32000-1 7.9.6)
        pdf.embed_file(
            bytes=content,
            basename=name,
            mime_type="text/plain" if name == FILE_NAME else "application/jose",
            creation_date=view.changed_at,
            modification_date=view.changed_at,
        )
    return bytes(pdf.output())


def _rows(view: ReceiptFile) -> list[tuple[Words, Sequence[str]]]:
    days = view.retention_days
    kept = _BY_SCHEDULE
    if days is not None:
        kept = (f"{days} hari sejak persetujuan berakhir", f"{days} days after the consent's end")
    rows: list[tuple[Words, Sequence[str]]] = [
        (("Diputuskan", "Decided"), (moment_words(view.decided_at, view.zone),)),
        (("Instansi", "Agency"), (view.agency,)),
        (("Layanan", "Service"), (view.purpose,)),
        (("Dasar hukum", "Legal basis"), (*_BASES.get(view.basis, (view.basis,)), *filter(None, [view.law]))),
        (("Diizinkan", "Allowed"), view.allowed or _NOTHING),
        (("Tidak dibagikan", "Not shared"), view.not_shared or _NOTHING),
    ]
    if (decider := _DECIDERS.get(view.relation)) is not None:
        rows.insert(1, (("Diputuskan oleh", "Decided by"), decider))
    if view.assisted:
        rows.insert(1, (("Tanpa telepon", "Without a phone"), _ASSISTED))
    if view.state == "withdrawn":
        withdrawn = ("Ditarik kembali", "Withdrawn"), (moment_words(view.changed_at, view.zone),)
        return [rows[0], withdrawn, *rows[1:]]
    if not view.allowed:
        return rows
    rows += [
        (("Berlaku sampai", "Valid until"), (moment_words(view.use_until, view.zone),)),
        (("Penyimpanan oleh instansi", "Kept by the agency"), kept),
    ]
    withdraw = ("Menarik kembali", "To withdraw"), _HOW_TO_WITHDRAW
    return rows if view.state == "notified" else [*rows, withdraw]


def _head(pdf: FPDF, view: ReceiptFile) -> None:
    heading, english = _HEADINGS[view.state]
    _line(pdf, f"Berkas - {view.site}", 10, _SOFT)
    _line(pdf, heading, 20, _INK, bold=True)
    _line(pdf, english, 10, _SOFT)
    _line(pdf, f"Nomor / Number: {view.reference}", 12, _INK, bold=True)


def _code(pdf: FPDF, view: ReceiptFile) -> None:
    """The QR of the public page, 5 cm without its quiet zone, with the same code to be typed."""
    _squares(pdf, view.verify_link, _QR_TOP_MM, "m")
    pdf.link(_QR_LEFT_MM, _QR_TOP_MM, _QR_MM, _QR_MM, view.verify_link)
    pdf.set_xy(_QR_LEFT_MM, _QR_TOP_MM + _QR_MM + 2)
    address = view.verify_link.rpartition("/")[0]
    for text in ("Periksa keasliannya di", "Check that it is genuine at", address):
        _beside(pdf, text, "Helvetica", 8)
    for at in range(0, len(view.verify_code), _CODE_LINE):
        line = view.verify_code[at : at + _CODE_LINE]
        groups = [line[start : start + _CODE_GROUP] for start in range(0, len(line), _CODE_GROUP)]
        _beside(pdf, " ".join(groups), "Courier", 11)


def _log_head(pdf: FPDF, head: LogHead) -> None:
    """The head as a QR of its own, since a paper is what two people can lay side by side."""
    _squares(pdf, head.code(), _HEAD_TOP_MM, "l")
    pdf.set_xy(_QR_LEFT_MM, _HEAD_TOP_MM + _QR_MM + 2)
    for text in (
        "Kepala catatan akses yang dapat diperiksa siapa pun / The access log's head, for anyone to check",
        head.origin,
        f"{head.size} entri / entries",
        f"{head.short_root}...",
    ):
        _beside(pdf, text, "Helvetica", 8)


def _squares(pdf: FPDF, content: str, top_mm: float, error: str) -> None:
    rows = [list(row) for row in segno.make(content, error=error, micro=False, boost_error=False).matrix]
    side_mm = _QR_MM / len(rows)
    pdf.set_fill_color(0, 0, 0)
    for down, row in enumerate(rows):
        for start, length in _runs(row):
            pdf.rect(
                _QR_LEFT_MM + start * side_mm, top_mm + down * side_mm, length * side_mm, side_mm, style="F"
            )


def _beside(pdf: FPDF, text: str, font: str, size: int) -> None:
    pdf.set_font(font, size=size)
    pdf.multi_cell(_QR_MM, size * _LINE_MM, _plain(text), new_x="LEFT", new_y="NEXT", align="L")


def _runs(row: Sequence[int]) -> list[tuple[int, int]]:
    """(start, length) of the dark modules that stand together."""
    runs: list[tuple[int, int]] = []
    for at, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == at:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif dark:
            runs.append((at, 1))
    return runs


def _row(pdf: FPDF, words: Words, values: Sequence[str]) -> None:
    _line(pdf, " / ".join(words), 8, _SOFT)
    for value in values:
        _line(pdf, value, 11, _INK)
    pdf.ln(1.5)


def _proof(pdf: FPDF, view: ReceiptFile) -> None:
    names = ", ".join(name for name, _ in view.files)
    for text in (
        f"Rekaman bertanda tangan elektronik ada di dalam berkas ini: {names}.",
        f"The signed record is inside this file: {names}.",
        f"ID {view.record_id}, kunci / key {view.key_id}",
        f"SHA-256 {view.record_sha256}",
    ):
        _line(pdf, text, 8, _SOFT)
    if view.head is not None:
        _line(pdf, f"Kepala catatan akses / The access log's head: {FILE_NAME}", 8, _SOFT)


def _line(pdf: FPDF, text: str, size: int, colour: tuple[int, int, int], *, bold: bool = False) -> None:
    pdf.set_font("Helvetica", style="B" if bold else "", size=size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(_TEXT_MM, size * _LINE_MM, _plain(text), new_x="LMARGIN", new_y="NEXT", align="L")


def _plain(text: str) -> str:
    return clean(text).translate(_TYPOGRAPHY).encode("latin-1", "replace").decode("latin-1")
