"""The texts that leave by SMS, WhatsApp or e-mail. Plain text, one paragraph, no personal data of citizens but the code.

A text that carries a one-time code states the transaction it is for, so that reading it aloud to a stranger feels
wrong. ``documents`` are the short names of ``contents.paper_words``. Names that agencies registered are put on one
line without deceiving characters.

Messages are in Indonesian, whatever language the pages are read in: they go to a number, not to a browser, and nobody has
said in which language its owner reads. Dates, lists and names follow from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from exchange.pages.wording import list_words, moment_words, one_line, spaced, time_words

# Where an agency's system asks, and no officer sits.
NO_COUNTER = "layanan elektronik"
_NEVER_TELL = "Jangan berikan ke siapa pun, termasuk petugas."


WHOSE = {
    "parent": "anak Anda",
    "guardian": "anak di bawah perwalian Anda",
    "curator": "orang di bawah pengampuan Anda",
    "power_of_attorney": "pemberi kuasa kepada Anda",
}
ACTED = {
    "parent": "Orang tua Anda",
    "guardian": "Wali Anda",
    "curator": "Pengampu Anda",
    "power_of_attorney": "Penerima kuasa Anda",
}


def whose_words(relation: str, name: str) -> str:
    """Whose papers they are, for who decides about them: "anak Anda (B. C.)"."""
    return f"{WHOSE[relation]} ({one_line(name)})"


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
    whose: str | None = None,
) -> str:
    """Repeats what the officer says aloud at the counter; the officer's screen shows the same pairing code. ``whose``: for whom
    the reader decides, when it is another.
    """
    of = f" {whose}" if whose else ""
    return (
        f"{one_line(site)}: {one_line(agency)}, {one_line(counter)}, meminta persetujuan Anda untuk "
        f"{documents} dokumen{of} ({one_line(service)}). Kode di layar petugas: {spaced(pairing_code)}. "
        f"Buka {link} sebelum {moment_words(expires_at, zone)}. Abaikan bila Anda tidak sedang di loket."
    )


def consent_code_message(
    *,
    code: str,
    agency: str,
    documents: Sequence[str],
    use_until: datetime,
    zone: str,
    whose: str | None = None,
) -> str:
    """The one-time code of a decision (protocols.md 4.1): agency, documents and period stand in the text. Without
    documents there is nothing to agree to: none of what is asked for is on file.
    """
    if not documents:
        return f"Kode {code} untuk MEMBUKA permintaan {one_line(agency)}. {_NEVER_TELL}"
    papers = ", ".join(one_line(paper) for paper in documents)
    of = f" {whose}" if whose else ""
    return (
        f"Kode {code} untuk MENYETUJUI {one_line(agency)} membaca {papers}{of} "
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
    whose: str | None = None,
    by: str | None = None,
) -> str:
    """Sent at once after a decision, so that a decision made by another person does not stay unnoticed. ``whose``: for whom the
    reader decided; ``by``: the relation of who decided for the reader.
    """
    who = one_line(agency)
    you, of = ACTED[by] if by else "Anda", " Anda" if by else f" {whose}" if whose else ""
    if granted:
        told = (
            f"{you} mengizinkan {who} membaca {list_words([one_line(paper) for paper in granted])}{of} "
            f"s.d. {moment_words(use_until, zone)}."
        )
        if refused:
            told += f" Tidak diizinkan: {list_words([one_line(paper) for paper in refused])}."
    elif refused:
        told = f"{you} menolak permintaan {who}{' untuk' + of if whose else ''}. Tidak ada dokumen yang dibagikan."
    else:
        told = f"Permintaan {who} ditutup. Tidak ada dokumen yang dibagikan."
    doubt = "Tidak setuju?" if by else "Bukan Anda?"
    ask = f"{doubt} Tarik kembali di" if granted else "Lihat semua akses di"
    return f"{one_line(site)}: {told} Nomor {reference}. {ask} {trail_link}"


def assisted_notice(
    *,
    site: str,
    agency: str,
    counter: str,
    granted: Sequence[str],
    refused: Sequence[str],
    use_until: datetime,
    reference: str,
    trail_link: str,
    zone: str,
) -> str:
    """To every contact after two officers recorded a decision without a phone: who knows nothing of it must be able to stop it."""
    where = f"{one_line(agency)}, {one_line(counter)},"
    if granted:
        told = (
            f"Dibantu petugas {where} Anda mengizinkan instansi itu membaca "
            f"{list_words([one_line(paper) for paper in granted])} s.d. {moment_words(use_until, zone)}."
        )
        if refused:
            told += f" Tidak diizinkan: {list_words([one_line(paper) for paper in refused])}."
        ask = f"Bukan Anda? Tarik kembali di {trail_link} atau di loket."
    else:
        told = f"Dibantu petugas {where} Anda tidak membagikan dokumen."
        ask = f"Lihat semua akses di {trail_link}"
    return f"{one_line(site)}: {told} Nomor {reference}. {ask}"


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
    """Sent with the ticket that opens the documents for a few minutes; ``machine`` tells a back end's fetch from an officer's look."""
    who = one_line(agency) + (f", {one_line(counter)}," if counter else "")
    act = "mengambil" if machine else "melihat"
    return (
        f"{one_line(site)}: {who} {act} {list_words([one_line(paper) for paper in documents])} Anda pada "
        f"{moment_words(at, zone)} untuk {one_line(purpose)}. "
        f"Lihat semua akses atau tarik kembali persetujuan: {trail_link}"
    )


def legal_notice(
    *,
    site: str,
    agency: str,
    documents: Sequence[str],
    purpose: str,
    law: str,
    reference: str,
    trail_link: str,
) -> str:
    """The law lets an agency open papers without asking: the citizen is told at once (UU 27/2022 art. 20(2))."""
    return (
        f"{one_line(site)}: {one_line(agency)} dapat membuka {list_words([one_line(paper) for paper in documents])} Anda "
        f"untuk {one_line(purpose)}, berdasarkan {one_line(law)}, tanpa persetujuan. Nomor {reference}. "
        f"Lihat atau ajukan keberatan: {trail_link}"
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


def breach_notice(
    *, site: str, agency: str, data: str, how: str, handling: str, zone: str, noticed_at: datetime
) -> str:
    """The written notice of UU 27/2022 art. 46, with its three items, to a person whose data it concerns."""
    return (
        f"{one_line(site)}: {one_line(agency)} memberitahukan kegagalan pelindungan data pribadi Anda, diketahui "
        f"{moment_words(noticed_at, zone)}. Data: {one_line(data)} Kejadian: {one_line(how)} Penanganan: {one_line(handling)} "
        f"Hubungi pejabat pelindungan data di loket {one_line(agency)}."
    )


_CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp", "email": "surel"}


def contact_notice(
    *, site: str, agency: str, counter: str, channel: str, added: bool, at: datetime, zone: str
) -> str:
    """A contact was added or removed: told at every contact, without the number or address that it is about."""
    act = "ditambahkan" if added else "dihapus"
    return (
        f"{one_line(site)}: satu kontak {_CHANNELS[channel]} Anda {act} oleh {one_line(agency)}, {one_line(counter)}, "
        f"pada {moment_words(at, zone)}. Bukan atas permintaan Anda? Datanglah ke loket dengan KTP-el Anda."
    )


def passkey_notice(*, site: str, added: bool, at: datetime, zone: str) -> str:
    """A passkey was registered or removed from Jejak Data Saya: told at every contact."""
    act = "didaftarkan" if added else "dihapus"
    return (
        f"{one_line(site)}: satu kunci sandi (passkey) Anda {act} pada {moment_words(at, zone)}. "
        "Bukan Anda? Datanglah ke loket dengan KTP-el Anda."
    )


_STOPPED = {
    "citizens_spent": "jumlah warga yang dilayani dalam satu jam melebihi batas",
    "budget_spent": "jumlah pemeriksaan dalam satu jam melebihi batas",
    "numbers_in_sequence": "NIK dimasukkan berurutan",
    "outside_hours": "melayani di luar jam layanan melebihi batas",
    "above_own_mean": "jumlah warga jauh di atas kebiasaan sendiri",
    "slip_codes_spent": "kode penarikan persetujuan berkali-kali salah",
}
# What stops nobody, and should be looked at.
# Nobody was stopped for these, somebody should look.
_NOTED = {
    "assisted_share": "sebagian besar persetujuan dalam 30 hari dicatat tanpa ponsel warga",
    "contact_shared": "satu kontak terdaftar untuk tiga warga atau lebih",
}


def limit_notice(*, site: str, who: str, agency: str, reason: str, at: datetime, zone: str) -> str:
    """To supervisors: whom a limit stopped, or who should be looked after, and why; nobody who was looked at is named."""
    if reason in _NOTED:
        return (
            f"{one_line(site)}: {one_line(who)} ({one_line(agency)}), {moment_words(at, zone)}: {_NOTED[reason]}. "
            "Periksa bersama yang bersangkutan."
        )
    return (
        f"{one_line(site)}: {one_line(who)} ({one_line(agency)}) dihentikan sementara pada {moment_words(at, zone)}: "
        f"{_STOPPED[reason]}. Periksa bersama yang bersangkutan; nonaktifkan akun bila perlu."
    )


def codes_notice(*, site: str, at: datetime, zone: str) -> str:
    """To those who are over the whole site: no citizen gets a one-time code before the next hour."""
    return (
        f"{one_line(site)}: batas kode sekali pakai untuk semua warga tercapai pada {moment_words(at, zone)}. Sampai jam "
        "berikutnya persetujuan dicatat di loket. Periksa siapa yang memintanya; naikkan batas bila perlu."
    )


def damage_notice(*, site: str, at: datetime, zone: str) -> str:
    """To those who are over the whole site: a stored copy was put aside."""
    return (
        f"{one_line(site)}: sebuah salinan dokumen ditemukan rusak pada {moment_words(at, zone)} dan tidak diberikan lagi. "
        "Mintalah operator menjalankan `berkas fsck`."
    )
