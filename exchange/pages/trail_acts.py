"""What entries say that tell different things apart in ``act``: what was done, and what was tried in vain."""

from __future__ import annotations

from exchange.pages import rights

# Behind the agency's name.
ACTS_APART: dict[tuple[str, str], tuple[str, str]] = {
    **rights.ACTS,
    ("contact", "enrol"): ("mendaftarkan Anda", "mencoba mendaftarkan Anda"),
    ("contact", "known"): (
        "mencari data Anda dengan NIK; Anda sudah terdaftar",
        "mencoba mencari data Anda dengan NIK",
    ),
    ("request", "notice"): (
        "memberitahukan bahwa undang-undang mengizinkannya membuka dokumen",
        "mencoba memakai dasar hukum tanpa persetujuan",
    ),
    ("breach", "told"): (
        "memberitahukan kegagalan pelindungan data pribadi Anda",
        "mencoba memberitahukan kegagalan pelindungan data pribadi Anda",
    ),
    ("breach", "letter"): (
        "mencetak surat pemberitahuan kegagalan pelindungan data untuk Anda",
        "mencoba mencetak surat pemberitahuan untuk Anda",
    ),
    ("intake", "named"): (
        "mencatat seorang yang disebut dalam dokumen",
        "mencoba mencatat orang yang disebut dalam dokumen",
    ),
    ("intake", "unnamed"): (
        "mencabut catatan tentang seorang yang disebut dalam dokumen",
        "mencoba mencabut catatan tentang orang yang disebut dalam dokumen",
    ),
    ("intake", "areas_marked"): (
        "menandai letak baris setiap orang pada dokumen",
        "mencoba menandai letak baris orang pada dokumen",
    ),
    ("intake", "names_listed"): (
        "melihat siapa yang tercatat pada dokumen, dengan nama tersamar",
        "mencoba melihat siapa yang tercatat pada dokumen",
    ),
    ("intake", "void_reported"): (
        "melaporkan bahwa dokumen salah simpan; untuk sementara tidak diberikan kepada siapa pun",
        "mencoba melaporkan bahwa dokumen salah simpan",
    ),
    ("intake", "voided"): (
        "membatalkan dokumen yang salah simpan",
        "mencoba membatalkan dokumen",
    ),
    ("intake", "void_rejected"): (
        "menyatakan bahwa dokumen tidak salah simpan",
        "mencoba menolak laporan bahwa dokumen salah simpan",
    ),
    ("intake", "void_listed"): (
        "melihat daftar dokumen yang salah simpan",
        "mencoba melihat daftar dokumen yang salah simpan",
    ),
    ("intake", "misfiled"): (
        "membatalkan dokumen Anda yang keliru disimpan pada data orang lain",
        "mencoba membatalkan dokumen Anda",
    ),
    ("intake", "life_event"): (
        "mencatat perubahan data Anda; dokumen ini perlu diperbarui",
        "mencoba mencatat perubahan data Anda",
    ),
    ("contact", "look"): ("melihat kontak Anda yang disamarkan", "mencoba melihat kontak Anda"),
    ("contact", "add"): ("menambahkan kontak Anda", "mencoba menambahkan kontak Anda"),
    ("contact", "remove"): ("menghapus kontak Anda", "mencoba menghapus kontak Anda"),
    ("factor", "officer_browser"): (
        "bertindak sebagai Anda lewat peramban petugas",
        "mencoba bertindak sebagai Anda lewat peramban petugas",
    ),
    ("grant", "assisted"): (
        "mencatat persetujuan Anda (dibantu petugas)",
        "mencoba mengesahkan persetujuan Anda (dibantu petugas)",
    ),
    ("refuse", "assisted"): (
        "mencatat penolakan Anda (dibantu petugas)",
        "mencoba mengesahkan penolakan Anda (dibantu petugas)",
    ),
    ("request", "record_assisted"): (
        "mencatat keputusan Anda (dibantu petugas), menunggu petugas kedua",
        "mencoba mencatat keputusan Anda (dibantu petugas)",
    ),
    ("request", "discard_assisted"): (
        "membatalkan catatan keputusan Anda",
        "mencoba membatalkan catatan keputusan Anda",
    ),
    ("request", "slip"): ("membuka lembar persetujuan Anda", "mencoba membuka lembar persetujuan Anda"),
    ("withdraw", "with_code"): (
        "mencatat penarikan kembali persetujuan Anda dengan kode pada lembar",
        "mencoba menarik kembali persetujuan Anda dengan kode pada lembar",
    ),
    ("release", "proof"): ("mengunduh bukti pembukaan dokumen", "mencoba mengunduh bukti pembukaan dokumen"),
    ("request", "proof"): ("mengunduh bukti persetujuan Anda", "mencoba mengunduh bukti persetujuan Anda"),
    ("outcome", "aborted"): ("tidak selesai menerima dokumen", "mencoba menerima dokumen"),
}

ALONE: dict[tuple[str, str], tuple[str, str]] = {
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
    ("factor", "passkey_shown"): (
        "Anda membuktikan diri dengan kunci sandi",
        "Ada percobaan kunci sandi lewat tautan Anda",
    ),
    ("factor", "identity_shown"): (
        "Anda membuktikan diri dengan INApas",
        "Ada percobaan dengan akun INApas orang lain lewat tautan Anda",
    ),
    ("factor", "passkey_added"): (
        "Kunci sandi baru didaftarkan lewat tautan Anda",
        "Ada percobaan mendaftarkan kunci sandi lewat tautan Anda",
    ),
    ("factor", "passkey_removed"): (
        "Kunci sandi dihapus lewat tautan Anda",
        "Ada percobaan menghapus kunci sandi lewat tautan Anda",
    ),
    ("factor", "left"): ("Anda keluar dari Jejak Data Saya", "Anda keluar dari Jejak Data Saya"),
    ("quarantine", "put_aside"): (
        "Salinan dokumen Anda ditemukan rusak dan tidak diberikan lagi",
        "Salinan dokumen Anda diperiksa",
    ),
    ("quarantine", "let_out"): (
        "Salinan dokumen Anda diperiksa dan ternyata utuh",
        "Salinan dokumen Anda diperiksa",
    ),
    ("preview", "shown"): (
        "Anda melihat pratinjau dokumen sebelum memutuskan",
        "Ada percobaan melihat pratinjau dokumen lewat tautan Anda",
    ),
    ("hold", "placed"): (
        "Dokumen Anda wajib disimpan atas perintah hukum",
        "Ada percobaan mencatat perintah penyimpanan dokumen Anda",
    ),
    ("hold", "lifted"): (
        "Perintah untuk menyimpan dokumen Anda dicabut",
        "Ada percobaan mencabut perintah penyimpanan dokumen Anda",
    ),
    ("erase", "destroyed"): (
        "Salinan dokumen Anda dimusnahkan karena masa simpannya berakhir",
        "Salinan dokumen Anda tidak jadi dimusnahkan",
    ),
    ("outcome", "unknown"): (
        "Tidak diketahui apakah dokumen sampai",
        "Tidak diketahui apakah dokumen sampai",
    ),
}
