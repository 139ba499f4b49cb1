"""Samples of the printed slip, with the longest real names of the catalogue. All persons are synthetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from exchange.pages.log_head import LogHead
from exchange.pages.slip import Slip, SlipPaper, SlipResult
from tests.pages.samples import ABSENT, NOW, PAGES, PAPERS, SITE
from tests.storage.witnessed import NOTE

CODE = "B4XN8T0W"
PAPERS_ON_SLIP = tuple(
    SlipPaper(
        code=paper.code,
        name=paper.name,
        issuer=paper.issuer,
        on_file=paper.on_file,
        sensitive=paper.sensitive,
        issued_on=paper.issued_on,
        valid_until=paper.valid_until,
    )
    for paper in (*PAPERS, ABSENT)
)
TO_SIGN = Slip(
    site=SITE,
    agency="Badan Penyelenggara Jaminan Sosial Kesehatan Cabang Samarinda",
    agency_code="BPJSKES",
    service="Surat Izin Praktik tenaga medis/kesehatan",
    counter="Loket 4",
    officer="Petugas Contoh Empat",
    reference="PST-7KQ2-M9XD",
    holder="W**** C*****",
    nik="•••• •••• •••• 9902",
    papers=PAPERS_ON_SLIP,
    answer_before=NOW + timedelta(minutes=15),
    use_until=NOW + timedelta(hours=24),
    check="https://berkas.contoh.example/verify",
    application_no="SIP-2026-00412",
    service_law="UU 17/2023; PP 28/2024; Permenkes 2052/2011",
)
RESULT = SlipResult(
    recorded_by="Petugas Contoh Empat",
    confirmed_by="Penyelia Contoh Satu",
    at=NOW,
    witness="thumb_mark",
    record_sha256="a3f0" * 16,
    helped_by="family",
    code=CODE,
    head=LogHead(NOTE),
)
GRANTED = replace(
    TO_SIGN,
    papers=tuple(replace(paper, granted=number < 2) for number, paper in enumerate(PAPERS_ON_SLIP)),
    result=RESULT,
)
REFUSED = replace(
    TO_SIGN,
    papers=tuple(replace(paper, granted=False) for paper in PAPERS_ON_SLIP),
    result=replace(RESULT, code=""),
)
AGAIN = replace(GRANTED, result=replace(RESULT, code=""))
WITHDRAWN = replace(GRANTED, result=replace(RESULT, code="", withdrawn_at=NOW + timedelta(hours=1)))
ALL: dict[str, Callable[[], str]] = {
    "to_sign": lambda: PAGES.slip(TO_SIGN),
    "granted": lambda: PAGES.slip(GRANTED),
    "refused": lambda: PAGES.slip(REFUSED),
    "again": lambda: PAGES.slip(AGAIN),
    "withdrawn": lambda: PAGES.slip(WITHDRAWN),
}
