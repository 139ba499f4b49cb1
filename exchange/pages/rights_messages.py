"""The texts about rights that leave by SMS, WhatsApp or e-mail; the house's rules for messages hold (``messages.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from exchange.pages.wording import day_words, list_words, local, moment_words, one_line

_ANSWERS = {
    "stopped": "pemrosesan salinan dokumen {whose} sudah dihentikan",
    "deleted": "salinan dokumen {whose} sudah dihapus",
    "kept": "salinan dokumen {whose} masih disimpan karena diwajibkan undang-undang ({article})",
}


def withdrawal_answer_notice(
    *, site: str, agency: str, kind: str, answer: str, article: str, reference: str, trail_link: str
) -> str:
    """What the recipient has answered about a consent that ended, about an erasure, or about a paper that was filed wrongly."""
    about = (
        "permintaan penghapusan atas"
        if kind == "erasure"
        else "berakhirnya"
        if kind == "ended"
        else "pembatalan dokumen pada"
        if kind == "voided"
        else "penarikan kembali"
    )
    told = _ANSWERS[answer].format(article=one_line(article), whose="itu" if kind == "voided" else "Anda")
    return (
        f"{one_line(site)}: {one_line(agency)} menjawab {about} persetujuan {reference}: {told}. "
        f"Rincian: {trail_link}"
    )


def case_notice(
    *,
    site: str,
    what: str,
    numbers: Sequence[str],
    frozen: bool,
    deadline: datetime,
    trail_link: str,
    zone: str,
) -> str:
    """What was asked has its number and its deadline; whoever did not ask for it learns of it here."""
    told = " Persetujuan yang terkait dibekukan." if frozen else ""
    return (
        f"{one_line(site)}: permintaan Anda ({what}) tercatat dengan nomor {list_words(numbers)}.{told} "
        f"Dijawab paling lambat {moment_words(deadline, zone)}. Bukan Anda? Lihat {trail_link}"
    )


def case_answer_notice(
    *,
    site: str,
    agency: str,
    what: str,
    number: str,
    outcome: str,
    erased_on: datetime | None,
    trail_link: str,
    zone: str,
) -> str:
    """That it was answered; what was answered is read behind the factor. ``erased_on``: when an erasure is complete."""
    told = f" Penghapusan tuntas pada {day_words(local(erased_on, zone).date())}." if erased_on else ""
    return (
        f"{one_line(site)}: {one_line(agency)} menjawab permintaan Anda ({what}, nomor {number}): {outcome}.{told} "
        f"Baca jawabannya di {trail_link}"
    )


def destruction_notice(*, site: str, document: str, erased_on: datetime, trail_link: str, zone: str) -> str:
    """That a paper's time here was over (UU 27/2022 art. 45); the citizen's own copy is as good as before."""
    day = day_words(local(erased_on, zone).date())
    return (
        f"{one_line(site)}: salinan {one_line(document)} Anda dimusnahkan karena lama tidak dipakai. "
        f"Pemusnahan tuntas pada {day}. Dokumen asli Anda tetap berlaku. Rincian: {trail_link}"
    )


def deadline_notice(
    *, site: str, agency: str, number: str, deadline: datetime, overdue: bool, zone: str
) -> str:
    """To an agency's data officer: the clock of a withdrawal or a case. No citizen is named."""
    told = "sudah lewat batas waktu" if overdue else "belum dijawab"
    return (
        f"{one_line(site)}: {number} untuk {one_line(agency)} {told} ({moment_words(deadline, zone)}). "
        f"Jawablah di Berkas: tenggatnya 3 x 24 jam sejak diterima (UU 27/2022)."
    )
