"""The catalogue of problems: every code that a caller can be told, with its page (RFC 9457).

BK-1xxx caller, 2xxx request and consent, 3xxx intake, 4xxx ticket and fetch, 5xxx dependencies, 9xxx internal. A code
is never used again for something else. Read by the API, by the pages under ``/problems/`` and by ``berkas explain``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """``remedy`` tells the caller what to do, in Indonesian, then English."""

    code: str
    status: int
    title: str
    title_en: str
    remedy: str
    remedy_en: str
    retryable: bool = False


def _p(
    code: str, status: int, title: str, title_en: str, remedy: str, remedy_en: str, *, retry: bool = False
) -> Problem:
    return Problem(code, status, title, title_en, remedy, remedy_en, retry)


_ALL = (
    _p("BK-1001", 401, "Anda belum masuk", "Not signed in",
       "Masuk kembali melalui POST /v1/session.", "Sign in again with POST /v1/session."),
    _p("BK-1002", 401, "Nama pengguna atau kata sandi salah", "Wrong username or password",
       "Periksa nama pengguna dan kata sandi. Hubungi admin instansi Anda bila lupa.",
       "Check both; ask the administrator of your agency if you forgot them."),
    _p("BK-1003", 403, "Anda tidak berwenang untuk layanan ini", "Not a service of your agency",
       "Pilih layanan instansi Anda. Hubungi admin instansi Anda bila keliru.",
       "Choose a service of your own agency."),
    _p("BK-1004", 403, "Akun atau instansi dinonaktifkan", "Account or agency suspended",
       "Hubungi admin instansi Anda.", "Ask the administrator of your agency."),
    _p("BK-1005", 403, "Token formulir tidak ada atau salah", "CSRF token missing or wrong",
       "Kirim kepala X-CSRF-Token yang diberikan saat masuk.", "Send the X-CSRF-Token given at sign-in."),
    _p("BK-1006", 429, "Terlalu banyak permintaan yang ditolak", "Too many refused requests",
       "Tunggu sesuai Retry-After.", "Wait as Retry-After says.", retry=True),
    _p("BK-1007", 429, "Jatah pemeriksaan per jam habis", "Hourly budget of lookups spent",
       "Lanjutkan pada jam berikutnya atau hubungi penyelia.", "Go on in the next hour or ask your supervisor.",
       retry=True),
    _p("BK-1008", 409, "Sudah ada", "Exists already",
       "Gunakan yang sudah ada.", "Use the one that exists."),
    _p("BK-1009", 422, "Data administrasi tidak dikenal", "Unknown administrative value",
       "Periksa kode instansi, peran, atau nama pengguna.", "Check agency code, role or username."),
    _p("BK-2001", 422, "Permintaan tidak sesuai bentuknya", "Malformed request",
       "Periksa setiap anggota dalam `errors`.", "Check each member listed in `errors`."),
    _p("BK-2002", 404, "Warga belum tercatat", "Citizen not enrolled",
       "Lanjutkan dengan berkas fisik atau daftarkan warga.", "Go on with paper or enrol the citizen."),
    _p("BK-2003", 422, "NIK tidak sah", "Invalid NIK",
       "NIK harus 16 angka dengan tanggal lahir yang mungkin. Cocokkan dengan KTP.",
       "A NIK has 16 digits with a possible birth date. Compare it with the card."),
    _p("BK-2004", 404, "Layanan tidak dikenal", "Unknown service",
       "Lihat GET /v1/services.", "See GET /v1/services."),
    _p("BK-2005", 422, "Kontak tidak sah", "Invalid contact",
       "Periksa nomor telepon atau alamat surel.", "Check the phone number or e-mail address."),
    _p("BK-2031", 422, "Dokumen tidak disyaratkan oleh layanan", "Not required by the service",
       "Hapus dokumen itu dari permintaan.", "Remove the document from the request."),
    _p("BK-2032", 422, "Tidak ada dokumen yang dapat diminta", "Nothing to ask for",
       "Unggah dahulu dokumen yang disyaratkan, dan periksa apakah layanan ini berlaku bagi warga.",
       "Take in the required papers first, and see whether the service is open to the citizen."),
    _p("BK-2033", 422, "Warga tidak memiliki kontak untuk saluran ini", "No contact for this channel",
       "Gunakan saluran qr atau daftarkan kontak.", "Use the channel qr or register a contact."),
    _p("BK-2034", 404, "Permintaan tidak ditemukan", "Request not found",
       "Periksa nomor permintaan.", "Check the request's id."),
    _p("BK-2035", 410, "Tautan tidak berlaku", "Link not valid",
       "Mintalah tautan baru kepada petugas loket.", "Ask the counter for a new link."),
    _p("BK-2036", 409, "Persetujuan tidak berlaku lagi", "Consent not active",
       "Tidak ada yang perlu ditarik kembali.", "There is nothing to withdraw."),
    _p("BK-2037", 403, "Identitas belum dibuktikan", "Factor missing",
       "Masukkan kode sekali pakai yang dikirim ke kontak terdaftar.", "Enter the one-time code first."),
    _p("BK-3001", 411, "Panjang isi tidak disebutkan", "Content-Length required",
       "Kirim Content-Length.", "Send Content-Length."),
    _p("BK-3002", 400, "Content-Digest tidak ada atau salah bentuk", "Content-Digest missing or malformed",
       "Kirim Content-Digest: sha-256=:...: (RFC 9530).", "Send Content-Digest: sha-256=:...: (RFC 9530)."),
    _p("BK-3003", 422, "Isi tidak cocok dengan Content-Digest", "Body does not match Content-Digest",
       "Kirim ulang berkas.", "Send the file again.", retry=True),
    _p("BK-3004", 408, "Isi berhenti sebelum selesai", "Body ended early",
       "Kirim ulang berkas; tidak ada yang disimpan.", "Send the file again; nothing was kept.", retry=True),
    _p("BK-3005", 413, "Berkas terlalu besar", "File too large",
       "Kecilkan pindaian menjadi 200 dpi.", "Reduce the scan to 200 dpi."),
    _p("BK-3006", 415, "Jenis berkas tidak diterima", "Media type not accepted",
       "Kirim PDF, JPEG, atau PNG sesuai jenis dokumen.", "Send PDF, JPEG or PNG as the document type allows."),
    _p("BK-3007", 422, "Isi berkas bukan jenis yang disebutkan", "Content is not what it is declared to be",
       "Periksa berkas dan Content-Type. HEIC harus diubah menjadi JPEG.",
       "Check the file and its Content-Type. Convert HEIC to JPEG."),
    _p("BK-3008", 422, "Jenis dokumen tidak dikenal atau tidak pernah disimpan", "Type unknown or never stored",
       "Lihat GET /v1/document-types. Formulir dan sidik jari tidak disimpan.",
       "See GET /v1/document-types. Forms and fingerprints are never stored."),
    _p("BK-3009", 422, "Keterangan dokumen tidak sah", "Invalid metadata",
       "Periksa tanggal, tingkat, latar, nomor, dan pelat atau NOP.",
       "Check dates, level, background, number, and plate or NOP."),
    _p("BK-3010", 422, "Berkas kosong", "Empty file", "Pindai ulang.", "Scan again."),
    _p("BK-3011", 409, "Salinan yang lebih baru sudah masuk", "A newer copy came in meanwhile",
       "Kirim ulang hanya bila salinan Anda memang yang terbaru.", "Send it again only if yours is the newest.",
       retry=True),
    _p("BK-3012", 422, "NIK pada dokumen bukan milik warga ini", "The NIK on the paper is another person's",
       "Cocokkan NIK pada dokumen dengan warga yang dipilih; periksa salah ketik.",
       "Compare the NIK on the paper with the citizen chosen; look for a typing error."),
    _p("BK-4001", 401, "Tiket tidak sah", "Ticket invalid",
       "Mintalah tiket baru melalui POST /v1/tickets.", "Get a new ticket with POST /v1/tickets."),
    _p("BK-4002", 401, "Tiket kedaluwarsa", "Ticket expired",
       "Mintalah tiket baru; tiket berlaku paling lama 5 menit.", "Get a new ticket; one lives at most 5 minutes."),
    _p("BK-4003", 409, "Tiket sudah digunakan", "Ticket used",
       "Mintalah tiket baru selama persetujuan berlaku.", "Get a new ticket while the consent lives."),
    _p("BK-4004", 404, "Dokumen tidak ditemukan", "Document not found",
       "Periksa nomor dokumen dan tiket.", "Check the document's id and the ticket."),
    _p("BK-4005", 403, "Persetujuan telah ditarik kembali", "Consent withdrawn",
       "Mintalah persetujuan baru bila masih diperlukan.", "Ask for a new consent if it is still needed."),
    _p("BK-4006", 403, "Persetujuan telah berakhir", "Consent expired",
       "Mintalah persetujuan baru bila masih diperlukan.", "Ask for a new consent if it is still needed."),
    _p("BK-4007", 409, "Versi dokumen telah digantikan", "Version superseded",
       "Mintalah tiket baru untuk versi terakhir.", "Get a new ticket for the newest version."),
    _p("BK-4008", 409, "Pengiriman sebelumnya masih berlangsung", "A delivery is still open",
       "Coba lagi setelah selesai.", "Try again when it has ended.", retry=True),
    _p("BK-4009", 422, "Terlalu banyak dokumen", "Too many documents",
       "Paling banyak 50 dokumen dalam satu tiket.", "At most 50 documents in one ticket."),
    _p("BK-5001", 503, "Basis data tidak terjangkau", "Database unavailable",
       "Coba lagi sebentar lagi.", "Try again in a moment.", retry=True),
    _p("BK-5002", 503, "Penyimpanan tidak terjangkau", "Object store unavailable",
       "Coba lagi sebentar lagi.", "Try again in a moment.", retry=True),
    _p("BK-5003", 503, "Catatan akses tidak dapat ditulis", "Ledger unavailable",
       "Coba lagi sebentar lagi. Tanpa catatan tidak ada dokumen yang keluar.",
       "Try again in a moment. Without an entry no document leaves.", retry=True),
    _p("BK-5005", 503, "Hasil belum diketahui", "Outcome not known yet",
       "Periksa keadaannya sebelum mengulang; mengulang unggahan yang sama aman.",
       "Look at how it stands before you repeat it; sending the same file again is safe.", retry=True),
    _p("BK-5006", 503, "Terlalu banyak yang sedang masuk", "Too many sign-ins at once",
       "Coba lagi sesuai Retry-After.", "Try again as Retry-After says.", retry=True),
    _p("BK-5004", 502, "Berkas tersimpan rusak", "Stored file is broken",
       "Hubungi operator; tidak ada bita yang salah yang dikirim.", "Tell the operator; no wrong byte was served."),
    _p("BK-9001", 500, "Kesalahan di dalam sistem", "Internal error",
       "Hubungi operator dengan nomor permintaan.", "Tell the operator the request id."),
    _p("BK-9004", 404, "Alamat tidak ditemukan", "No such address",
       "Lihat dokumentasi API.", "See the API documentation."),
    _p("BK-9005", 405, "Cara tidak diperbolehkan", "Method not allowed",
       "Lihat dokumentasi API.", "See the API documentation."),
    _p("BK-9006", 400, "Permintaan tidak dapat dibaca", "Bad request",
       "Periksa bentuk permintaan.", "Check the request."),
)  # fmt: skip

PROBLEMS: dict[str, Problem] = {problem.code: problem for problem in _ALL}

# Why something was refused (the ledger's word) -> what the caller is told. "Not yours", "no consent" and "not there"
# read the same outside and differ in the ledger only.
REASONS: dict[str, str] = {
    "session_ended": "BK-1001",
    "session_expired": "BK-1001",
    "sign_in_failed": "BK-1002",
    "service_of_another_agency": "BK-1003",
    "officer_suspended": "BK-1004",
    "agency_suspended": "BK-1004",
    "csrf": "BK-1005",
    "budget_spent": "BK-1007",
    "agency_exists": "BK-1008",
    "username_taken": "BK-1008",
    "agency_unknown": "BK-1009",
    "officer_unknown": "BK-1009",
    "role_unknown": "BK-1009",
    "subject_unknown": "BK-2002",
    "service_unknown": "BK-2004",
    "not_required": "BK-2031",
    "nothing_to_ask": "BK-2032",
    "no_contact": "BK-2033",
    "request_unknown": "BK-2034",
    "request_of_another_agency": "BK-2034",
    "link_unknown": "BK-2035",
    "link_used": "BK-2035",
    "link_expired": "BK-2035",
    "consent_not_active": "BK-2036",
    "factor_missing": "BK-2037",
    "codes_spent": "BK-2037",
    "tries_spent": "BK-2037",
    "code_unknown": "BK-2037",
    "code_wrong": "BK-2037",
    "digest_mismatch": "BK-3003",
    "upload_broken": "BK-3004",
    "intake_too_slow": "BK-3004",
    "intake_overtaken": "BK-3011",
    "too_large": "BK-3005",
    "media_type_unsupported": "BK-3006",
    "media_type_not_for_type": "BK-3006",
    "type_never_stored": "BK-3008",
    "level_unknown": "BK-3009",
    "empty": "BK-3010",
    "number_of_another_citizen": "BK-3012",
    "ticket_invalid": "BK-4001",
    "ticket_expired": "BK-4002",
    "ticket_used": "BK-4003",
    "ticket_of_another_session": "BK-4004",
    "not_in_ticket": "BK-4004",
    "not_granted": "BK-4004",
    "consent_unknown": "BK-4004",
    "consent_of_another_agency": "BK-4004",
    "consent_of_another_citizen": "BK-4004",
    "consent_refused": "BK-4004",
    "version_unknown": "BK-4004",
    "version_voided": "BK-4004",
    "version_erased": "BK-4004",
    "consent_withdrawn": "BK-4005",
    "consent_changed": "BK-4005",
    "consent_expired": "BK-4006",
    "version_superseded": "BK-4007",
    "delivery_open": "BK-4008",
    "too_many_documents": "BK-4009",
}


def problem_for(reason: str) -> Problem:
    """An unknown reason is our own mistake and says so."""
    if reason.startswith("content_"):
        return PROBLEMS["BK-3007"]
    return PROBLEMS[REASONS.get(reason, "BK-9001")]
