"""Ledger entries in a citizen's words: who did what, and why an attempt was refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from exchange.pages.views import Access
from exchange.pages.wording import local

# Past tense behind the agency's name, and the noun for an attempt that failed.
_ACTS: dict[str, tuple[str, str]] = {
    "readiness": (
        "memeriksa kelengkapan berkas Anda, tanpa membuka isinya",
        "memeriksa kelengkapan berkas Anda",
    ),
    "request": ("meminta persetujuan Anda", "meminta persetujuan Anda"),
    "intake": ("menyimpan dokumen", "menyimpan dokumen"),
    "supersede": ("mengganti dokumen dengan versi baru", "mengganti dokumen"),
    "ticket": ("menyiapkan pembukaan dokumen", "menyiapkan pembukaan dokumen"),
    "release": ("melihat dokumen", "membuka dokumen"),
    "redelivery": ("melihat ulang dokumen", "membuka ulang dokumen"),
    "outcome": ("selesai menerima dokumen", "menerima dokumen"),
    "contact": ("mengubah kontak Anda", "mengubah kontak Anda"),
    "withdraw": (
        "mencatat penarikan kembali persetujuan Anda",
        "mencatat penarikan kembali persetujuan Anda",
    ),
    "erase": ("menghapus dokumen", "menghapus dokumen"),
}
# The same for entries of one type that tell different things apart in `act`.
_ACTS_APART: dict[tuple[str, str], tuple[str, str]] = {
    ("contact", "enrol"): ("mendaftarkan Anda", "mendaftarkan Anda"),
    ("contact", "known"): (
        "mencari data Anda dengan NIK; Anda sudah terdaftar",
        "mencari data Anda dengan NIK",
    ),
    ("outcome", "aborted"): ("tidak selesai menerima dokumen", "menerima dokumen"),
}
_BY_MACHINE = {"release": "mengambil dokumen", "redelivery": "mengambil ulang dokumen"}
# Whole sentences, with nobody in front.
_BY_CITIZEN = {
    "grant": "Anda mengizinkan",
    "refuse": "Anda menolak",
    "withdraw": "Anda menarik kembali persetujuan",
}
_ALONE: dict[tuple[str, str], tuple[str, str]] = {
    ("refuse", "closed"): (
        "Anda menutup permintaan tanpa membagikan dokumen",
        "Ada percobaan menutup permintaan lewat tautan Anda",
    ),
    ("factor", "code_sent"): (
        "Kode sekali pakai dikirim ke kontak terdaftar Anda",
        "Ada permintaan kode sekali pakai lewat tautan Anda",
    ),
    ("factor", "code_tried"): (
        "Kode sekali pakai diketik dengan benar",
        "Ada percobaan kode sekali pakai lewat tautan Anda",
    ),
    ("factor", "left"): ("Anda keluar dari Jejak Data Saya", "Anda keluar dari Jejak Data Saya"),
    ("outcome", "unknown"): (
        "Tidak diketahui apakah dokumen sampai",
        "Tidak diketahui apakah dokumen sampai",
    ),
}

# A refused answer may have come from somebody else who holds the link, so it is not told as the citizen's act.
_THROUGH_LINK = {
    "grant": "Ada percobaan menyetujui lewat tautan Anda",
    "refuse": "Ada percobaan menolak lewat tautan Anda",
    "withdraw": "Ada percobaan menarik kembali persetujuan",
}

# Keys are the reason codes of `auth.grants`; a test compares the two.
_REASONS: dict[str, str] = {
    "session_ended": "Petugas tidak lagi masuk.",
    "session_expired": "Petugas tidak lagi masuk.",
    "officer_suspended": "Akun petugas sedang dihentikan.",
    "client_suspended": "Sistem instansi sedang dihentikan.",
    "scope_missing": "Sistem instansi tidak berhak meminta ini.",
    "role_missing": "Peran petugas tidak mengizinkan tindakan ini.",
    "purpose_missing": "Sistem instansi tidak berhak untuk layanan ini.",
    "proof_used": "Bukti pengirim sudah pernah dipakai.",
    "agreement_lapsed": "Perjanjian instansi sudah berakhir.",
    "agency_suspended": "Akses instansi sedang dihentikan.",
    "budget_spent": "Jumlah pemeriksaan melebihi batas.",
    "messages_spent": "Terlalu banyak pesan dalam satu jam.",
    "citizens_spent": "Jumlah warga yang diperiksa melebihi batas.",
    "numbers_in_sequence": "Nomor dimasukkan berurutan.",
    "outside_hours": "Di luar jam layanan.",
    "above_own_mean": "Jumlah warga jauh di atas kebiasaan petugas.",
    "codes_spent": "Terlalu banyak kode sekali pakai diminta.",
    "tries_spent": "Terlalu banyak kode sekali pakai yang salah.",
    "code_unknown": "Kode sekali pakai tidak berlaku.",
    "code_wrong": "Kode sekali pakai salah.",
    "link_unknown": "Tautan tidak berlaku.",
    "link_used": "Permintaan ini sudah dijawab.",
    "link_expired": "Batas waktu menjawab sudah lewat.",
    "factor_missing": "Identitas belum dipastikan dengan kode sekali pakai.",
    "consent_unknown": "Tidak ada persetujuan Anda.",
    "consent_of_another_agency": "Persetujuan itu untuk instansi lain.",
    "consent_withdrawn": "Persetujuan sudah ditarik kembali.",
    "consent_refused": "Anda telah menolak permintaan ini.",
    "consent_expired": "Masa berlaku persetujuan sudah habis.",
    "consent_changed": "Persetujuan sudah berubah sejak izin dibuat.",
    "consent_not_active": "Persetujuan sudah tidak berlaku.",
    "not_granted": "Dokumen ini tidak termasuk dalam persetujuan Anda.",
    "version_unknown": "Versi dokumen ini tidak tersedia.",
    "version_superseded": "Dokumen ini sudah diganti dengan salinan yang lebih baru.",
    "version_voided": "Dokumen ini sudah dibatalkan.",
    "version_erased": "Dokumen ini sudah dihapus.",
    "number_of_another_citizen": "NIK pada salinan bukan NIK Anda.",
    "intake_overtaken": "Salinan yang lebih baru sudah masuk lebih dahulu.",
    "delivery_open": "Dokumen ini sedang dikirim.",
    "ticket_used": "Izin sekali pakai ini sudah digunakan.",
    "ticket_expired": "Izin sekali pakai ini sudah habis waktunya.",
    "no_contact": "Tidak ada kontak terdaftar untuk saluran ini.",
    "nothing_to_ask": "Tidak ada dokumen yang dapat diminta.",
    "not_required": "Layanan itu tidak mensyaratkan dokumen ini.",
    "service_of_another_agency": "Layanan itu milik instansi lain.",
}
_ON_CONSENT = frozenset({"ticket", "release", "redelivery", "outcome"})
_ANY_REASON = "Permintaan tidak memenuhi syarat."

_BASES: dict[str, str] = {
    "consent": "persetujuan Anda",
    "contract": "perjanjian",
    "legal_obligation": "kewajiban hukum, tanpa persetujuan",
    "legal_duty": "kewajiban hukum, tanpa persetujuan",
    "vital_interest": "kepentingan vital, tanpa persetujuan",
    "public_task": "tugas pelayanan publik, tanpa persetujuan",
    "legitimate_interest": "kepentingan yang sah, tanpa persetujuan",
}


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    accesses: tuple[Access, ...]


def by_day(accesses: Iterable[Access], zone: str) -> Sequence[Day]:
    """Newest first, on the site's calendar; inside a day the ledger's order decides, not the clock."""
    ordered = sorted(accesses, key=lambda access: access.entry_no, reverse=True)
    days = groupby(ordered, key=lambda access: local(access.at, zone).date())
    return [Day(day, tuple(entries)) for day, entries in days]


def speaks_alone(access: Access) -> bool:
    """A whole sentence: no agency stands in front of it."""
    return _key(access) in _ALONE or (access.event in _BY_CITIZEN and access.actor == "citizen")


def act_words(access: Access) -> str:
    """What happened. An unknown kind of entry is shown as such: no entry is ever left out."""
    if (alone := _ALONE.get(_key(access))) is not None:
        return alone[0] if access.allowed else alone[1]
    if speaks_alone(access):
        return (_BY_CITIZEN if access.allowed else _THROUGH_LINK)[access.event]
    fallback = _ACTS.get(access.event, ("mencatat kegiatan", "melakukan kegiatan"))
    done, tried = _ACTS_APART.get(_key(access), fallback)
    if not access.allowed:
        return f"mencoba {tried}"
    return _BY_MACHINE.get(access.event, done) if access.machine else done


def _key(access: Access) -> tuple[str, str]:
    return access.event, access.act or ""


def reason_words(reason: str | None) -> str:
    """The sentence for a reason code of the ledger; a new code gets a general sentence, never the bare code."""
    return _REASONS.get(reason or "", _ANY_REASON)


def basis_words(access: Access) -> str | None:
    """The legal basis on which an entry rests, a consent by its number. A question, an answer and an attempt that was
    refused rest on no consent.
    """
    if access.lawful_basis in {None, "consent"}:
        if not access.allowed or access.event not in _ON_CONSENT:
            return None
        if access.consent_reference:
            return f"persetujuan {access.consent_reference}"
    return _BASES.get(access.lawful_basis, access.lawful_basis) if access.lawful_basis else None


def explained_reasons() -> frozenset[str]:
    """The reason codes that have a sentence of their own."""
    return frozenset(_REASONS)
