"""Problems of what is kept and for how long: the part of the catalogue that ``problems.py`` takes in (BK-305x, BK-404x)."""

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
    _p("BK-3053", 422, "Berkas baris ini tidak terbaca", "The file of this row cannot be read",
       "Buka berkasnya. Bila ada di arsip ZIP, buat ulang arsipnya dengan cara biasa (deflate), tanpa kata sandi.",
       "Open it. If it is in a ZIP archive, make that anew in the usual way (deflate), without a password."),
)  # fmt: skip

SERVING_PROBLEMS = (
    _p("BK-4041", 409, "Salinan tersimpan rusak", "The stored copy is damaged",
       "Pindai ulang dokumen, atau mintalah operator memulihkannya (`berkas fsck`).",
       "Scan the paper again, or have the operator restore it (`berkas fsck`)."),
)  # fmt: skip
