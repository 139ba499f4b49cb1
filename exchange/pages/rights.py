"""Rights in a citizen's words: what may be asked, why, and what became of it (UU 27/2022 art. 5 to 13)."""

from __future__ import annotations

KINDS: dict[str, str] = {
    "objection": "Ini tidak benar",
    "correction": "Perbaiki data saya",
    "erasure": "Hapus dokumen saya",
    "suspension": "Tunda pemakaian dokumen saya",
    "copy": "Minta salinan data saya",
}
# What happens when it is asked, below the heading of its form.
EXPLAINED: dict[str, str] = {
    "objection": "Persetujuan yang terkait langsung dibekukan. Pejabat pelindungan data instansi akan menjawab Anda.",
    "correction": "Pejabat pelindungan data akan memeriksa dan menjawab Anda.",
    "erasure": "Pejabat pelindungan data akan memutuskan. Instansi yang pernah menerima salinannya juga harus menjawab.",
    "suspension": "Persetujuan yang terkait langsung dibekukan. Anda dapat membukanya kembali kapan saja di halaman ini.",
    "copy": "Data di Berkas dapat Anda unduh sendiri di halaman Hak Anda. Untuk salinan lain, ajukan di sini.",
}
REASONS: dict[str, dict[str, str]] = {
    "objection": {
        "not_me": "Saya tidak pernah menyetujui ini",
        "not_there": "Saya tidak sedang mengurus layanan itu",
        "wrong_purpose": "Dokumen saya dipakai untuk keperluan lain",
        "unknown_access": "Saya tidak mengenali akses ini",
        "other": "Alasan lain",
    },
    "correction": {
        "wrong": "Datanya salah",
        "outdated": "Datanya sudah berubah",
        "not_mine": "Dokumen itu bukan milik saya",
        "other": "Alasan lain",
    },
    "erasure": {
        "no_longer_needed": "Dokumen itu tidak diperlukan lagi",
        "withdrawn": "Saya sudah menarik kembali persetujuan",
        "unlawful": "Dokumen itu disimpan tanpa hak",
        "other": "Alasan lain",
    },
    "suspension": {
        "disputed": "Kebenaran datanya sedang saya persoalkan",
        "claim": "Saya sedang mengajukan keberatan atau gugatan",
        "other": "Alasan lain",
    },
    "copy": {"access": "Saya ingin tahu data apa yang disimpan", "other": "Alasan lain"},
}
OUTCOMES: dict[str, str] = {
    "explained": "Instansi menjelaskan",
    "wrong": "Instansi mengakui kesalahan",
    "corrected": "Data diperbaiki",
    "done": "Dilaksanakan",
    "refused": "Ditolak",
    "taken_back": "Anda menutupnya sendiri",
}
ANSWERS: dict[str, str] = {
    "stopped": "pemrosesan dihentikan",
    "deleted": "salinan dihapus",
    "kept": "salinan disimpan karena diwajibkan undang-undang",
    "nothing_received": "instansi itu belum pernah menerima dokumen Anda",
}
# What a request is about, where it is not a paper. ``{...}`` is filled in after the translation.
TARGETS: dict[str, str] = {
    "copy": "Semua data saya",
    "everything": "Semua dokumen saya",
    "identity": "Nama atau identitas saya",
    "agency": "Semua pemakaian oleh {agency}",
    "consent": "Persetujuan yang Anda pilih",
    "entry": "Catatan no. {number}",
    "chosen": "Hal yang Anda pilih",
}
# Entries of the ledger, behind an agency's name: what was done, and what was tried in vain.
ACTS: dict[tuple[str, str], tuple[str, str]] = {
    ("rights", "objection"): ("mencatat keberatan Anda", "mencoba mencatat keberatan Anda"),
    ("rights", "correction"): (
        "mencatat permintaan perbaikan data Anda",
        "mencoba mencatat permintaan perbaikan data",
    ),
    ("rights", "erasure"): (
        "mencatat permintaan penghapusan Anda",
        "mencoba mencatat permintaan penghapusan",
    ),
    ("rights", "suspension"): ("mencatat permintaan penundaan Anda", "mencoba mencatat permintaan penundaan"),
    ("rights", "copy"): ("mencatat permintaan salinan data Anda", "mencoba mencatat permintaan salinan data"),
    ("rights", "answer"): ("menjawab permintaan Anda", "mencoba menjawab permintaan Anda"),
    ("rights", "look"): ("membaca permintaan Anda", "mencoba membaca permintaan Anda"),
    ("death", "report"): ("melaporkan kematian Anda", "mencoba melaporkan kematian Anda"),
    ("death", "confirm"): (
        "mencatat kematian Anda; semua persetujuan berakhir",
        "mencoba mencatat kematian Anda",
    ),
    ("death", "reject"): ("menolak laporan kematian Anda", "mencoba menolak laporan kematian Anda"),
    ("death", "undo"): ("mengoreksi laporan kematian Anda", "mencoba mengoreksi laporan kematian Anda"),
    ("death", "mandate_ended"): (
        "mengakhiri persetujuan yang diberikan wakil Anda, karena wakil itu meninggal",
        "mencoba mengakhiri persetujuan",
    ),
    ("death", "look"): ("melihat daftar laporan kematian", "mencoba melihat daftar laporan kematian"),
    ("withdraw", "answer"): (
        "menjawab penarikan kembali persetujuan Anda",
        "mencoba menjawab penarikan kembali persetujuan Anda",
    ),
    ("withdraw", "look"): ("melihat daftar penarikan kembali", "mencoba melihat daftar penarikan kembali"),
}
# Whole sentences about the citizen's own acts; what failed may have been somebody else who holds the link.
BY_CITIZEN: dict[tuple[str, str], tuple[str, str]] = {
    ("rights", "objection"): (
        "Anda menyatakan ada yang tidak benar",
        "Ada percobaan mengajukan keberatan lewat tautan Anda",
    ),
    ("rights", "correction"): (
        "Anda meminta perbaikan data",
        "Ada percobaan meminta perbaikan data lewat tautan Anda",
    ),
    ("rights", "erasure"): (
        "Anda meminta penghapusan",
        "Ada percobaan meminta penghapusan lewat tautan Anda",
    ),
    ("rights", "suspension"): ("Anda meminta penundaan", "Ada percobaan meminta penundaan lewat tautan Anda"),
    ("rights", "copy"): ("Anda meminta salinan data", "Ada percobaan meminta salinan data lewat tautan Anda"),
    ("rights", "close"): (
        "Anda menutup permintaan Anda",
        "Ada percobaan menutup permintaan lewat tautan Anda",
    ),
    ("rights", "thaw"): (
        "Anda membuka kembali persetujuan",
        "Ada percobaan membuka kembali persetujuan lewat tautan Anda",
    ),
    ("rights", "export"): ("Anda mengunduh data Anda", "Ada percobaan mengunduh data lewat tautan Anda"),
}
# Reason codes of `auth.rights` and `auth.retention`.
REFUSED: dict[str, str] = {
    "withdrawal_unknown": "Penarikan kembali itu tidak ada.",
    "withdrawal_of_another_agency": "Penarikan kembali itu untuk instansi lain.",
    "withdrawal_answered": "Penarikan kembali itu sudah dijawab.",
    "case_unknown": "Permintaan itu tidak ada.",
    "case_of_another_agency": "Permintaan itu untuk instansi lain.",
    "case_of_another_citizen": "Permintaan itu bukan milik Anda.",
    "case_answered": "Permintaan itu sudah dijawab.",
    "cases_full": "Terlalu banyak permintaan yang belum dijawab.",
    "outcome_unfit": "Jawaban itu tidak sesuai dengan permintaannya.",
    "hold_there": "Dokumen itu sudah wajib disimpan.",
    "hold_missing": "Tidak ada perintah penyimpanan.",
    "legal_hold": "Dokumen itu masih wajib disimpan menurut hukum.",
    "paper_in_use": "Dokumen itu masih dipakai.",
    "paper_touched": "Sesuatu tercatat tentang Anda pada saat yang sama.",
    "key_broken": "Kunci dokumen Anda tidak dapat dibuka.",
    "case_pending": "Masih ada permintaan Anda yang belum selesai.",
    "keeper_only": "Hanya instansi pengelola yang memusnahkan dokumen.",
    "destruction_unknown": "Pemusnahan itu tidak ada.",
    "destruction_decided": "Pemusnahan itu sudah diputuskan.",
    "right_unfit": "Hak itu tidak berlaku untuk hal ini.",
    "target_unknown": "Hal itu tidak ada pada data Anda.",
    "target_of_another_agency": "Hal itu menyangkut instansi lain.",
    "subject_deceased": "Warga tercatat sudah meninggal.",
    "register_of_another_agency": "Instansi itu tidak mencatat kematian.",
    "death_evidence_missing": "Akta Kematian belum tersimpan.",
    "death_report_unknown": "Laporan itu tidak ada.",
    "death_report_of_another_agency": "Laporan itu untuk instansi lain.",
    "death_report_decided": "Laporan itu sudah diputuskan.",
    "void_unknown": "Laporan salah simpan itu tidak ada.",
    "void_of_another_agency": "Laporan salah simpan itu untuk instansi lain.",
    "void_decided": "Laporan salah simpan itu sudah diputuskan.",
    "event_unknown": "Peristiwa itu tidak dikenal.",
    "event_of_another_agency": "Peristiwa itu dicatat oleh instansi lain.",
    "event_in_the_future": "Peristiwa itu belum terjadi.",
    "version_disputed": "Dokumen ini sedang diperiksa karena dilaporkan salah simpan.",
    "second_officer_needed": "Diperlukan petugas kedua.",
    "consent_not_frozen": "Persetujuan itu tidak dibekukan.",
}

_ANY_KIND, _ANY_OUTCOME, _ANY_ANSWER, _ANY_REASON = "Permintaan", "Dijawab", "dijawab", "Alasan lain"


def kind_words(kind: str) -> str:
    return KINDS.get(kind, _ANY_KIND)


def outcome_words(outcome: str) -> str:
    return OUTCOMES.get(outcome, _ANY_OUTCOME)


def answer_words(answer: str) -> str:
    return ANSWERS.get(answer, _ANY_ANSWER)


def explained(kind: str) -> str:
    """What happens when this right is asked for."""
    return EXPLAINED[kind]


def reason_of(kind: str, reason: str) -> str:
    return REASONS.get(kind, {}).get(reason, _ANY_REASON)
