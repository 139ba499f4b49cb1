"""The texts that leave by SMS, WhatsApp or e-mail. Plain text, one paragraph, no personal data of citizens but the code.

A text that carries a one-time code states the transaction it is for, so that reading it aloud to a stranger feels
wrong. ``documents`` are the short names of ``contents.paper_words``. Names that agencies registered are put on one
line without deceiving characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from exchange.pages.wording import list_words, moment_words, one_line, spaced, time_words

# Where an agency's system asks, and no officer sits.
NO_COUNTER = "layanan elektronik"
_NEVER_TELL = "Jangan berikan ke siapa pun, termasuk petugas."


def link_message(
    *,
    site: str,
    agency: str,
    counter: str,
    service: str,
    documents: int,
    pairing_code: str,
    link: str,
    expires_at: datetime,
    zone: str,
) -> str:
    """Repeats what the officer says aloud at the counter; the officer's screen shows the same pairing code."""
    return (
        f"{one_line(site)}: {one_line(agency)}, {one_line(counter)}, meminta persetujuan Anda untuk "
        f"{documents} dokumen ({one_line(service)}). Kode di layar petugas: {spaced(pairing_code)}. "
        f"Buka {link} sebelum {moment_words(expires_at, zone)}. Abaikan bila Anda tidak sedang di loket."
    )


def consent_code_message(
    *, code: str, agency: str, documents: Sequence[str], use_until: datetime, zone: str
) -> str:
    """The one-time code of a decision (protocols.md 4.1): agency, documents and period stand in the text. Without
    documents there is nothing to agree to: none of what is asked for is on file.
    """
    if not documents:
        return f"Kode {code} untuk MEMBUKA permintaan {one_line(agency)}. {_NEVER_TELL}"
    papers = ", ".join(one_line(paper) for paper in documents)
    return (
        f"Kode {code} untuk MENYETUJUI {one_line(agency)} membaca {papers} "
        f"s.d. {moment_words(use_until, zone)}. {_NEVER_TELL}"
    )


def trail_code_message(*, site: str, code: str, expires_at: datetime, zone: str) -> str:
    """The one-time code that opens the list of accesses."""
    return (
        f"Kode {code} untuk MEMBUKA Jejak Data Anda di {one_line(site)}, "
        f"berlaku s.d. {time_words(expires_at, zone)}. {_NEVER_TELL}"
    )


def decision_notice(
    *,
    site: str,
    agency: str,
    granted: Sequence[str],
    refused: Sequence[str],
    use_until: datetime,
    reference: str,
    trail_link: str,
    zone: str,
) -> str:
    """Sent at once after a decision, so that a decision made by another person does not stay unnoticed."""
    who = one_line(agency)
    if granted:
        told = (
            f"Anda mengizinkan {who} membaca {list_words([one_line(paper) for paper in granted])} "
            f"s.d. {moment_words(use_until, zone)}."
        )
        if refused:
            told += f" Tidak diizinkan: {list_words([one_line(paper) for paper in refused])}."
    elif refused:
        told = f"Anda menolak permintaan {who}. Tidak ada dokumen yang dibagikan."
    else:
        told = f"Permintaan {who} ditutup. Tidak ada dokumen yang dibagikan."
    ask = "Bukan Anda? Tarik kembali di" if granted else "Lihat semua akses di"
    return f"{one_line(site)}: {told} Nomor {reference}. {ask} {trail_link}"


def access_notice(
    *,
    site: str,
    agency: str,
    counter: str | None,
    documents: Sequence[str],
    purpose: str,
    at: datetime,
    trail_link: str,
    zone: str,
    machine: bool = False,
) -> str:
    """Sent after documents were read; ``machine`` tells a back end's fetch from an officer's look."""
    who = one_line(agency) + (f", {one_line(counter)}," if counter else "")
    act = "mengambil" if machine else "melihat"
    return (
        f"{one_line(site)}: {who} {act} {list_words([one_line(paper) for paper in documents])} Anda pada "
        f"{moment_words(at, zone)} untuk {one_line(purpose)}. "
        f"Lihat semua akses atau tarik kembali persetujuan: {trail_link}"
    )


def withdrawal_notice(
    *,
    site: str,
    agency: str,
    documents: Sequence[str],
    reference: str,
    deadline: datetime,
    trail_link: str,
    zone: str,
) -> str:
    """Confirms a withdrawal with its 72-hour deadline (UU 27/2022 art. 40)."""
    return (
        f"{one_line(site)}: persetujuan {reference} ditarik kembali. {one_line(agency)} tidak dapat lagi membuka "
        f"{list_words([one_line(paper) for paper in documents])} Anda. Pemrosesan salinan yang sudah diterima "
        f"berhenti paling lambat {moment_words(deadline, zone)}. Rincian: {trail_link}"
    )


_STOPPED = {
    "citizens_spent": "jumlah warga yang dilayani dalam satu jam melebihi batas",
    "budget_spent": "jumlah pemeriksaan dalam satu jam melebihi batas",
    "numbers_in_sequence": "NIK dimasukkan berurutan",
    "outside_hours": "melayani di luar jam layanan melebihi batas",
    "above_own_mean": "jumlah warga jauh di atas kebiasaan sendiri",
}


def limit_notice(*, site: str, who: str, agency: str, reason: str, at: datetime, zone: str) -> str:
    """To supervisors: whom a limit stopped, and why; nobody who was looked at is named."""
    return (
        f"{one_line(site)}: {one_line(who)} ({one_line(agency)}) dihentikan sementara pada {moment_words(at, zone)}: "
        f"{_STOPPED[reason]}. Periksa bersama yang bersangkutan; nonaktifkan akun bila perlu."
    )
