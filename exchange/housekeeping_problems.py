"""Problems of what is kept and for how long (BK-305x, BK-404x), of bundles (BK-405x) and of the public log, for ``problems.py``."""

from __future__ import annotations

from exchange.problem import told as _p

DESTROYING_PROBLEMS = (
    _p("BK-2131", 404, "Pemusnahan tidak dikenal", "Unknown destruction",
       "Periksa nomor pemusnahan.", "Check the destruction's id."),
    _p("BK-2132", 409, "Pemusnahan sudah diputuskan", "The destruction is decided",
       "Baca hasilnya pada pemusnahan itu.", "Read its outcome."),
    _p("BK-2133", 409, "Dokumen belum boleh dimusnahkan", "The paper may not be destroyed",
       "Periksa daftar dokumen yang sudah waktunya dimusnahkan.", "Look at the list of papers that are due."),
    _p("BK-2134", 409, "Tidak ada yang perlu dimusnahkan", "Nothing is due",
       "Tidak ada yang perlu dilakukan.", "There is nothing to do."),
    _p("BK-2135", 422, "Waktunya belum tiba", "The time has not come",
       "Periksa until.", "Check until."),
    _p("BK-2136", 409, "Kunci dokumen warga tidak dapat dibuka", "The citizen's key does not open",
       "Mintalah operator memeriksanya (`berkas fsck`).", "Have the operator look at it (`berkas fsck`)."),
    _p("BK-2137", 403, "Bukan pengelola penyimpanan", "Not the keeper of what is stored",
       "Hanya instansi pengelola yang memusnahkan dokumen.",
       "Only the agency that answers for what is stored destroys papers."),
)  # fmt: skip

KEEPING_PROBLEMS = (
    _p("BK-3051", 409, "Salinan berubah saat diperiksa", "The copy changed while it was looked at",
       "Ulangi perintah.", "Run the command again."),
    _p("BK-3052", 422, "Berkas baris ini tidak ada", "The file of this row is not there",
       "Periksa nama berkas di manifes.", "Check the file's name in the manifest."),
)  # fmt: skip

SERVING_PROBLEMS = (
    _p("BK-4041", 409, "Salinan tersimpan rusak", "The stored copy is damaged",
       "Pindai ulang dokumen, atau mintalah operator memulihkannya (`berkas fsck`).",
       "Scan the paper again, or have the operator restore it (`berkas fsck`)."),
)  # fmt: skip

PROOF_PROBLEMS = (
    _p("BK-4051", 404, "Tanda terima tidak ditemukan", "Receipt not found",
       "Periksa nomor tanda terima (jti).", "Check the receipt's number (jti)."),
    _p("BK-4052", 410, "Isi catatan sudah dihapus", "The entry's content was erased",
       "Simpan tanda terima yang datang bersama dokumen: catatannya tetap ada di log publik dan tidak dapat dibuka lagi.",
       "Keep the receipt that came with the paper: its entry stays in the public log and can be opened by nobody any more."),
    _p("BK-4053", 409, "Tidak ada penyerahan yang tercatat", "No delivery is on record",
       "Penyerahan itu gagal, atau tidak diketahui apa yang terkirim. Ambil dokumen sekali lagi, atau simpan tanda terima yang sudah Anda "
       "miliki.",
       "The delivery failed, or what left is not known. Fetch the paper again, or keep the receipt that you have."),
)  # fmt: skip

LOG_PROBLEMS = (
    _p("BK-9007", 404, "Bukan alamat ubin catatan akses", "Not the address of a tile",
       "Tulis alamat persis menurut C2SP tlog-tiles, misalnya /log/tile/0/x001/234 atau /log/tile/0/000.p/5.",
       "Write the address exactly as C2SP tlog-tiles does, for example /log/tile/0/x001/234 or /log/tile/0/000.p/5."),
    _p("BK-9008", 404, "Ubin ini belum diterbitkan", "The tile is not published",
       "Ambil /log/checkpoint, dan hanya ubin dari sebanyak entri yang disebutnya; checkpoint maju sekali semenit.",
       "Take /log/checkpoint, and only tiles of as many entries as it names; it advances once a minute."),
)  # fmt: skip
