"""Notices about witnesses of the log, to those who are over the whole site."""

from __future__ import annotations

from datetime import datetime

from exchange.pages.wording import moment_words, one_line


def witness_notice(*, site: str, witness: str, refused: bool, at: datetime, zone: str) -> str:
    """A witness is late, or does not take what the log says."""
    what = "terlambat menandatangani catatan akses."
    if refused:
        what = (
            "menolak menandatangani catatan akses: riwayatnya mungkin tidak sama dengan yang pernah dilihatnya. "
            "Jangan memulihkan apa pun dahulu."
        )
    return (
        f"{one_line(site)}: saksi {one_line(witness)} {what} Diketahui {moment_words(at, zone)}. "
        "Mintalah operator menjalankan `berkas doctor`."
    )
