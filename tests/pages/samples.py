"""One sample of every view, with the longest real names of the catalogue. All persons are synthetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from exchange.pages import Pages
from exchange.pages.views import (
    Access,
    Ask,
    AskedPaper,
    ConsentCode,
    ConsentDecide,
    ConsentDone,
    ConsentStart,
    LiveConsent,
    ProblemPage,
    SignedInPage,
    SignInProblemPage,
    Site,
    Trail,
    TrailCode,
    TrailStart,
    WithdrawConfirm,
    WithdrawDone,
)

NOW = datetime(2026, 11, 24, 8, 5, tzinfo=UTC)  # 16.05 WITA
SITE = Site("MPP Kota Samarinda", "Asia/Makassar")
CSRF = "kOq3fJm0sVtB1uQzKx8nW5dYh7cR2aLpE9gTiM4oUvA"
LINK = "https://berkas.contoh.example/w/" + "K7Q2MX" * 7 + "ABC"
ASK = Ask(
    agency="DPMPTSP Kota Samarinda",
    service="Surat Izin Praktik tenaga medis/kesehatan",
    counter="Loket 4",
    pairing_code="5831",
    expires_at=NOW + timedelta(minutes=30),
)
PAPERS = (
    AskedPaper(
        "KTP",
        "KTP",
        "Kartu Tanda Penduduk elektronik (KTP-el)",
        "Disdukcapil kab/kota",
        issued_on=date(2019, 5, 2),
    ),
    AskedPaper(
        "KK", "KK", "Kartu Keluarga", "Disdukcapil kab/kota", sensitive=True, issued_on=date(2024, 3, 15)
    ),
    AskedPaper(
        "STR",
        "STR",
        "Surat Tanda Registrasi tenaga medis/kesehatan",
        "Konsil (KKI) / Kemenkes",
        valid_until=date(2029, 3, 3),
    ),
)
ABSENT = AskedPaper(
    "SK_SEHAT", "SK_SEHAT", "Surat Keterangan Sehat", "dokter / puskesmas / RS", on_file=False
)
START = ConsentStart(SITE, CSRF, ASK)
CODE = ConsentCode(SITE, CSRF, ASK, tries_left=5, code_expires_at=NOW + timedelta(minutes=5))
DECIDE = ConsentDecide(
    site=SITE,
    csrf=CSRF,
    ask=ASK,
    officer="Petugas Contoh Empat",
    request_no="PST-7KQ2-M9XD",
    papers=PAPERS,
    shown_at=NOW,
    use_until=NOW + timedelta(days=30),
    retention_until=date(2027, 1, 24),
    application_no="SIP-2026-00412",
)
DONE = ConsentDone(
    site=SITE,
    ask=ASK,
    reference="PST-7KQ2-M9XD",
    decided_at=NOW,
    granted=("Kartu Tanda Penduduk elektronik (KTP-el)", "Surat Tanda Registrasi tenaga medis/kesehatan"),
    refused=("Kartu Keluarga",),
    to_bring=("Surat Keterangan Sehat",),
    trail_link=LINK,
    use_until=NOW + timedelta(days=30),
)
CONSENT = LiveConsent(
    consent_id="c_01JZ6M0000000000000000000A",
    reference="PST-7KQ2-M9XD",
    agency="DPMPTSP Kota Samarinda",
    service="Surat Izin Praktik tenaga medis/kesehatan",
    documents=("KTP-el", "STR"),
    use_until=NOW + timedelta(days=30),
    reads=1,
    max_reads=3,
)
_LATE = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)  # 00.30 WITA of the next day
ACCESSES = (
    Access(
        1_204_331,
        NOW,
        "release",
        "DPMPTSP Kota Samarinda",
        "Loket 4",
        documents=("STR",),
        purpose="Surat Izin Praktik tenaga medis/kesehatan",
        consent_reference="PST-7KQ2-M9XD",
    ),
    Access(
        1_204_330,
        NOW - timedelta(minutes=2),
        "release",
        "BPJS Kesehatan",
        allowed=False,
        reason="not_granted",
        documents=("Kartu Keluarga",),
        purpose="Perubahan kelas rawat",
    ),
    Access(1_204_329, NOW - timedelta(minutes=4), "grant", documents=("KTP-el", "STR"), actor="citizen"),
    Access(
        1_204_328,
        NOW - timedelta(minutes=6),
        "request",
        "DPMPTSP Kota Samarinda",
        "Loket 4",
        documents=("KTP-el", "KK", "STR"),
        purpose="Surat Izin Praktik tenaga medis/kesehatan",
    ),
    Access(
        12,
        NOW - timedelta(days=12),
        "readiness",
        "Dinas Sosial Kota Samarinda",
        "Loket 21",
        purpose="Usulan PBI-JKN",
        lawful_basis="public_task",
    ),
    Access(1_204_400, _LATE, "release", "DPMPTSP Kota Samarinda", documents=("KTP-el",), machine=True),
)
TRAIL = Trail(SITE, CSRF, "W**** C*****", (CONSENT,), ACCESSES, withheld=1, older="?sebelum=12")
CONFIRM = WithdrawConfirm(SITE, CSRF, CONSENT, NOW + timedelta(hours=72))
WITHDRAWN = WithdrawDone(
    SITE, "PST-7KQ2-M9XD", "DPMPTSP Kota Samarinda", ("KTP-el", "STR"), NOW, NOW + timedelta(hours=72)
)

SIGN_IN_PROBLEM = SignInProblemPage(
    "BK-1024",
    "Akun SSO ini tidak dapat masuk ke Berkas",
    "Mintalah admin instansi Anda memeriksa akun petugas Anda.",
    "This account cannot sign in here",
    "Ask your administrator.",
    again="/v1/session/oidc",
    incident="01JZ6M",
)
PAGES = Pages(SITE)

ALL: dict[str, Callable[[], str]] = {
    "consent_start": lambda: PAGES.consent_start(START),
    "consent_code": lambda: PAGES.consent_code(CODE),
    "consent_code_wrong": lambda: PAGES.consent_code(replace(CODE, tries_left=3, error="wrong")),
    "consent_decide": lambda: PAGES.consent_decide(DECIDE),
    "consent_decide_error": lambda: PAGES.consent_decide(replace(DECIDE, nothing_ticked=True)),
    "consent_decide_absent": lambda: PAGES.consent_decide(replace(DECIDE, papers=(*PAPERS[:2], ABSENT))),
    "consent_decide_changed": lambda: PAGES.consent_decide(replace(DECIDE, changed=True)),
    "consent_nothing": lambda: PAGES.consent_decide(replace(DECIDE, papers=(ABSENT,))),
    "consent_done_again": lambda: PAGES.consent_done(replace(DONE, trail_link=None)),
    "consent_done_closed": lambda: PAGES.consent_done(replace(DONE, granted=(), refused=(), use_until=None)),
    "consent_done_some": lambda: PAGES.consent_done(DONE),
    "consent_done_all": lambda: PAGES.consent_done(replace(DONE, refused=(), to_bring=())),
    "consent_done_none": lambda: PAGES.consent_done(
        replace(DONE, granted=(), refused=DONE.granted, use_until=None)
    ),
    "signed_in": lambda: PAGES.signed_in(SignedInPage("Petugas Contoh", "Loket 3", "/v1/session")),
    "sign_in_problem": lambda: PAGES.sign_in_problem(SIGN_IN_PROBLEM),
    "gone": PAGES.gone,
    "not_found": lambda: PAGES.problem(ProblemPage("not_found", SITE, incident="01JZ6M")),
    "problem_unknown": lambda: PAGES.problem(ProblemPage("outcome_unknown", SITE, incident="01JZ6M")),
    "problem_failed": lambda: PAGES.problem(ProblemPage("failed", SITE, incident="01JZ6M")),
    "problem_fast": lambda: PAGES.problem(ProblemPage("too_fast", SITE, incident="01JZ6M")),
    "problem_unreadable": lambda: PAGES.problem(ProblemPage("unreadable", SITE, incident="01JZ6M")),
    "trail_start": lambda: PAGES.trail_start(TrailStart(SITE, CSRF)),
    "trail_code": lambda: PAGES.trail_code(TrailCode(SITE, CSRF, 5, NOW + timedelta(minutes=5))),
    "trail": lambda: PAGES.trail(TRAIL),
    "trail_empty": lambda: PAGES.trail(replace(TRAIL, consents=(), accesses=(), withheld=0, older=None)),
    "withdraw_confirm": lambda: PAGES.withdraw_confirm(CONFIRM),
    "withdraw_done": lambda: PAGES.withdraw_done(WITHDRAWN),
    "problem_tries": lambda: PAGES.problem(ProblemPage("too_many_tries", SITE)),
    "problem_locked": lambda: PAGES.problem(ProblemPage("trail_locked", SITE, NOW + timedelta(hours=4))),
    "problem_codes": lambda: PAGES.problem(ProblemPage("too_many_codes", SITE, NOW + timedelta(hours=1))),
    "problem_form": lambda: PAGES.problem(ProblemPage("form_expired", SITE)),
    "problem_no_contact": lambda: PAGES.problem(ProblemPage("no_contact", SITE)),
    "problem_new_contact": lambda: PAGES.problem(ProblemPage("contact_too_new", SITE)),
    "problem_down": lambda: PAGES.problem(ProblemPage("unavailable", SITE, incident="01JZ6M")),
}
