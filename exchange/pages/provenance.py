"""Where a copy came from, in a citizen's words. Every text of the table is gathered for translation."""

from __future__ import annotations

PROVENANCE: dict[str, str] = {
    "pades_valid": "Bertanda tangan elektronik penerbit, sudah diperiksa",
    "pades_unchecked": "Bertanda tangan elektronik, belum dapat dipastikan",
    "pades_weak": "Bertanda tangan elektronik dengan cara lama yang lemah",
    "pushed": "Dikirim langsung oleh penerbitnya",
    "scan": "Dipindai dan dibandingkan dengan aslinya",
    "upload": "Salinan yang diunggah, belum dibandingkan dengan aslinya",
}
