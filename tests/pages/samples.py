"""One sample of every view, with the longest real names of the catalogue. All persons are synthetic.

A sample is written once, in Indonesian, as ``"name": lambda: PAGES.page(VIEW)``; ``read`` gives it in any language, with the
catalogue's names in that language. The tests of markup, words, looks and translation read every sample.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from exchange.pages import Pages
from exchange.pages.audit import AuditSignIn, Told
from exchange.pages.breach_views import BreachLetter
from exchange.pages.contents import described, paper_words
from exchange.pages.languages import LANGUAGES, SOURCE, Language, sayer
from exchange.pages.officer_views import SignedInPage, SignInProblemPage
from exchange.pages.passkey_views import OwnPasskey, PasskeyOwn, PasskeyShow
from exchange.pages.provenance import PROVENANCE
from exchange.pages.rights import TARGETS
from exchange.pages.rights_views import (
    CaseLine,
    CasePage,
    Clock,
    OwnRights,
    RightsDone,
    RightsForm,
    RightsMenu,
    TrailFilter,
)
from exchange.pages.verify_views import VerifyAnswer, VerifyAsk
from exchange.pages.views import (
    Access,
    Ask,
    AskedPaper,
    ConsentCode,
    ConsentDecide,
    ConsentDone,
    ConsentStart,
    LegalNotice,
    LiveConsent,
    ProblemPage,
    Site,
    Trail,
    TrailCode,
    TrailStart,
    Whose,
    WithdrawConfirm,
    WithdrawDone,
)
from exchange.requirements.catalogue import load_catalogue
from tests.pages.audits import AUDIT_FIND, AUDIT_FOUND

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
        provenance=PROVENANCE["scan"],
        compared_by="Petugas Contoh Dua",
    ),
    AskedPaper(
        "KK",
        "KK",
        "Kartu Keluarga",
        "Disdukcapil kab/kota",
        sensitive=True,
        issued_on=date(2024, 3, 15),
        provenance=PROVENANCE["pades_valid"],
    ),
    AskedPaper(
        "STR",
        "STR",
        "Surat Tanda Registrasi tenaga medis/kesehatan",
        "Konsil (KKI) / Kemenkes",
        valid_until=date(2029, 3, 3),
        provenance=PROVENANCE["pushed"],
    ),
)
ABSENT = AskedPaper(
    "SK_SEHAT",
    "SK_SEHAT",
    "Surat Keterangan Sehat (jasmani/rohani)",
    "dokter / puskesmas / RS",
    on_file=False,
)
START = ConsentStart(SITE, CSRF, ASK, passkey=f"{LINK}/passkey")
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
    to_bring=("Surat Keterangan Sehat (jasmani/rohani)",),
    trail_link=LINK,
    use_until=NOW + timedelta(days=30),
    pdf="/p/" + "k7q2mx" * 7 + "abc/receipt.pdf",
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
    pdf="/w/" + "k7q2mx" * 7 + "abc/receipts/c_01JZ6M0000000000000000000A.pdf",
    proof="/w/" + "k7q2mx" * 7 + "abc/receipts/c_01JZ6M0000000000000000000A.zip",
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
TRAIL = Trail(
    SITE,
    CSRF,
    "W**** C*****",
    (CONSENT,),
    ACCESSES,
    passkey=f"{LINK}/passkey",
    withheld=1,
    older="?before=12",
)
CONFIRM = WithdrawConfirm(SITE, CSRF, CONSENT, NOW + timedelta(hours=72))
WITHDRAWN = WithdrawDone(
    SITE, "PST-7KQ2-M9XD", "DPMPTSP Kota Samarinda", ("KTP-el", "STR"), NOW, NOW + timedelta(hours=72)
)

CASE = CaseLine(
    "cs_01JZ6M0000000000000000000A",
    "HAK-7KQ2-M9XD",
    "objection",
    "DPMPTSP",
    NOW,
    NOW + timedelta(hours=72),
    "open",
    "",
    late=False,
)
CLOCK = Clock(
    "TRK-1", "DPMPTSP", "withdrawn", "PST-7KQ2-M9XD", NOW, NOW + timedelta(hours=72), "", "", late=False
)
RIGHTS = OwnRights(
    LINK.removeprefix("https://berkas.contoh.example"),
    (
        CLOCK,
        replace(CLOCK, late=True, kind="ended"),
        replace(CLOCK, answer="kept", article="UU 43/2009 Pasal 53 ayat (1)", kind="erasure"),
    ),
    (CASE, replace(CASE, late=True, kind="correction"), replace(CASE, state="answered", outcome="wrong")),
    (CONSENT,),
)
FILTERED = TrailFilter(
    (("DPMPTSP@6472", "DPMPTSP"), ("POLRI@6472", "POLRI")),
    ("2026", "2025"),
    "POLRI@6472",
    "2026",
    "tahun=2026&",
)
RIGHTS_FORM = RightsForm(
    SITE,
    CSRF,
    RIGHTS.here,
    "erasure",
    (
        ("document:d_1", "Surat Tanda Registrasi tenaga medis/kesehatan"),
        ("everything", TARGETS["everything"]),
    ),
    (("unlawful", "Dokumen itu disimpan tanpa hak"), ("other", "Alasan lain")),
)
CASE_PAGE = CasePage(
    SITE,
    CSRF,
    RIGHTS.here,
    CASE,
    "Saya tidak pernah menyetujui ini",
    "Bukan saya.",
    "",
    offers_thaw=False,
    frozen=CONSENT,
)
# A mother and her child: initials before her factor, the masked name behind it.
CHILDS = replace(ASK, whose=Whose("anak Anda", "B. C."))
CHILDS_NAMED = replace(ASK, whose=Whose("anak Anda", "B*** C*****"))
FAMILY_TRAIL = replace(
    TRAIL,
    consents=(replace(CONSENT, whose=CHILDS_NAMED.whose),),
    accesses=(
        Access(9, NOW, "grant", documents=("Akta Kelahiran",), actor="representative", relation="parent"),
        Access(8, NOW, "withdraw", documents=("Akta Kelahiran",), actor="represented", for_another=True),
        Access(7, NOW, "grant", documents=("Akta Kelahiran",), actor="citizen", for_another=True),
        Access(
            6,
            NOW,
            "release",
            "IMIGRASI",
            "Loket 11",
            documents=("KK",),
            lawful_basis="consent",
            names_you=True,
        ),
        Access(5, NOW, "intake", "IMIGRASI", "Loket 11", documents=("KK",), act="named", names_you=True),
    ),
)

GENUINE = VerifyAnswer(
    SITE,
    "genuine",
    agency="Dinas Penanaman Modal dan Pelayanan Terpadu Satu Pintu Kota Samarinda",
    service="Surat Izin Praktik tenaga medis/kesehatan",
    decided_on=date(2026, 11, 24),
    state="valid",
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
LEGAL = LegalNotice(
    SITE,
    ASK,
    "PST-7KQ2-M9XD",
    (*PAPERS[:2], ABSENT),
    "legal_obligation",
    "Pasal 12 Peraturan Contoh 1/2026",
    NOW + timedelta(days=30),
)
BREACH = BreachLetter(
    SITE,
    "DPMPTSP",
    "PST-7KQ2-M9XD",
    NOW,
    NOW,
    NOW,
    NOW + timedelta(hours=2),
    "KTP-el dan KK warga yang dilayani di Loket 3.",
    "Kata sandi seorang petugas dipakai orang lain.",
    "Sesi diakhiri, kata sandi diganti, seluruh akses diperiksa.",
    name="Warga Contoh",
)
PASSKEY_SHOW = PasskeyShow(SITE, CSRF, '{"challenge": "AAAA"}', "/p/x")
PASSKEY_OWN = PasskeyOwn(
    SITE,
    CSRF,
    '{"challenge": "AAAA"}',
    "/w/x",
    (
        OwnPasskey("A" * 43, NOW - timedelta(days=30), None),
        OwnPasskey("B" * 43, NOW, NOW + timedelta(hours=72)),
    ),
)

READ_IN: ContextVar[Language] = ContextVar("the language that samples are read in", default=SOURCE)
_CATALOGUE = load_catalogue()
_SHORT = [paper_words(code, code).short for code in described()]
_ENGLISH = (
    {short: sayer("en")(short) for short in _SHORT}
    | {row.name_id: row.name_en for row in _CATALOGUE.document_types.values()}
    | {row.name_id: row.name_en for row in _CATALOGUE.services.values()}
    | {text: sayer("en")(text) for text in TARGETS.values()}
)
_CODES = frozenset({"key", "code"})  # not words, though some read like a short name


class _Translated:
    """``Pages`` in the language of ``READ_IN``."""

    def __getattr__(self, page: str) -> Callable[..., str]:
        def rendered(*views: Any) -> str:
            pages = Pages(SITE, READ_IN.get())
            told: str = getattr(pages, page)(*(_named(view, pages.language) for view in views))
            return told

        return rendered


def _named(value: Any, language: Language) -> Any:
    """``value`` with the catalogue's names, long and short, in ``language``."""
    if language == SOURCE:
        return value
    if isinstance(value, str):
        return _ENGLISH.get(value, value)
    if isinstance(value, tuple):
        return tuple(_named(item, language) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        told = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in _CODES}
        return replace(value, **{name: _named(inner, language) for name, inner in told.items()})
    return value


PAGES = cast("Pages", _Translated())

ALL: dict[str, Callable[[], str]] = {
    "consent_start": lambda: PAGES.consent_start(START),
    "consent_start_told": lambda: PAGES.consent_start(replace(START, told=True)),
    "legal_notice": lambda: PAGES.legal_notice(LEGAL),
    "consent_start_ways": lambda: PAGES.consent_start(
        replace(START, passkey="/p/x/passkey", inapas="/p/x/inapas")
    ),
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
    "consent_start_child": lambda: PAGES.consent_start(replace(START, ask=CHILDS)),
    "consent_code_child": lambda: PAGES.consent_code(replace(CODE, ask=CHILDS)),
    "consent_decide_child": lambda: PAGES.consent_decide(replace(DECIDE, ask=CHILDS_NAMED)),
    "consent_done_child": lambda: PAGES.consent_done(replace(DONE, ask=CHILDS_NAMED)),
    "trail_family": lambda: PAGES.trail(FAMILY_TRAIL),
    "problem_evidence": lambda: PAGES.problem(ProblemPage("evidence_changed", SITE)),
    "audit_sign_in": lambda: PAGES.audit_sign_in(
        AuditSignIn(SITE, CSRF, Told("BK-1002", "Nama salah", "Periksa nama."))
    ),
    "audit_find": lambda: PAGES.audit_find(AUDIT_FIND),
    "audit_found": lambda: PAGES.audit_found(AUDIT_FOUND),
    "signed_in": lambda: PAGES.signed_in(SignedInPage("Petugas Contoh", "Loket 3", "/v1/session")),
    "sign_in_problem": lambda: PAGES.sign_in_problem(SIGN_IN_PROBLEM),
    "gone": PAGES.gone,
    "not_found": lambda: PAGES.problem(ProblemPage("not_found", SITE, incident="01JZ6M")),
    "problem_unknown": lambda: PAGES.problem(ProblemPage("outcome_unknown", SITE, incident="01JZ6M")),
    "problem_preview": lambda: PAGES.problem(ProblemPage("no_preview", SITE)),
    "problem_failed": lambda: PAGES.problem(ProblemPage("failed", SITE, incident="01JZ6M")),
    "problem_fast": lambda: PAGES.problem(ProblemPage("too_fast", SITE, incident="01JZ6M")),
    "problem_unreadable": lambda: PAGES.problem(ProblemPage("unreadable", SITE, incident="01JZ6M")),
    "trail_start": lambda: PAGES.trail_start(TrailStart(SITE, CSRF)),
    "trail_start_ways": lambda: PAGES.trail_start(TrailStart(SITE, CSRF, "/w/x/passkey", "/w/x/inapas")),
    "trail_code": lambda: PAGES.trail_code(TrailCode(SITE, CSRF, 5, NOW + timedelta(minutes=5))),
    "trail": lambda: PAGES.trail(TRAIL),
    "breach_letter": lambda: PAGES.breach_letter(BREACH),
    "breach_authority": lambda: PAGES.breach_letter(
        replace(BREACH, name="", authority="Kementerian Contoh, Jakarta", persons=1_204)
    ),
    "trail_by_law": lambda: PAGES.trail(
        replace(TRAIL, consents=(replace(TRAIL.consents[0], basis="public_task"),))
    ),
    "trail_empty": lambda: PAGES.trail(replace(TRAIL, consents=(), accesses=(), withheld=0, older=None)),
    "trail_rights": lambda: PAGES.trail(replace(TRAIL, rights=RIGHTS, filtered=FILTERED)),
    "trail_all_years": lambda: PAGES.trail(replace(TRAIL, rights=RIGHTS)),
    "rights": lambda: PAGES.rights(RightsMenu(SITE, CSRF, RIGHTS)),
    "rights_form": lambda: PAGES.rights_form(RIGHTS_FORM),
    "rights_form_error": lambda: PAGES.rights_form(replace(RIGHTS_FORM, error="reason", text="Lama.")),
    "rights_form_objection": lambda: PAGES.rights_form(
        replace(RIGHTS_FORM, kind="objection", targets=RIGHTS_FORM.targets[:1])
    ),
    "rights_done": lambda: PAGES.rights_done(RightsDone(SITE, RIGHTS.here, "suspension", (CASE, CASE), 2)),
    "rights_case": lambda: PAGES.rights_case(CASE_PAGE),
    "rights_case_answered": lambda: PAGES.rights_case(
        replace(
            CASE_PAGE,
            case=replace(CASE, state="answered", outcome="explained"),
            answer="Petugas kami keliru.",
            offers_thaw=True,
        )
    ),
    "passkey_show": lambda: PAGES.passkey_show(PASSKEY_SHOW),
    "passkey_show_error": lambda: PAGES.passkey_show(replace(PASSKEY_SHOW, error="too_new")),
    "passkey_own": lambda: PAGES.passkey_own(PASSKEY_OWN),
    "passkey_own_full": lambda: PAGES.passkey_own(replace(PASSKEY_OWN, passkeys=(), error="full")),
    "withdraw_confirm": lambda: PAGES.withdraw_confirm(CONFIRM),
    "withdraw_done": lambda: PAGES.withdraw_done(WITHDRAWN),
    "verify": lambda: PAGES.verify_ask(VerifyAsk(SITE)),
    "verify_nothing": lambda: PAGES.verify_ask(VerifyAsk(SITE, "nothing")),
    "verify_large": lambda: PAGES.verify_ask(VerifyAsk(SITE, "too_large")),
    "verify_genuine": lambda: PAGES.verify_answer(GENUINE),
    "verify_delivered": lambda: PAGES.verify_answer(replace(GENUINE, delivered_on=date(2026, 11, 25))),
    "verify_delivered_withdrawn": lambda: PAGES.verify_answer(
        replace(GENUINE, word="withdrawn", state=None, delivered_on=date(2026, 11, 25))
    ),
    "verify_genuine_code": lambda: PAGES.verify_answer(replace(GENUINE, by_code=True)),
    "verify_over": lambda: PAGES.verify_answer(replace(GENUINE, state="over")),
    "verify_refused": lambda: PAGES.verify_answer(replace(GENUINE, state="nothing_allowed")),
    "verify_withdrawn": lambda: PAGES.verify_answer(
        replace(GENUINE, word="withdrawn", by_code=True, state=None)
    ),
    "verify_changed": lambda: PAGES.verify_answer(VerifyAnswer(SITE, "changed")),
    "verify_unknown": lambda: PAGES.verify_answer(VerifyAnswer(SITE, "unknown", by_code=True)),
    "problem_tries": lambda: PAGES.problem(ProblemPage("too_many_tries", SITE)),
    "problem_locked": lambda: PAGES.problem(ProblemPage("trail_locked", SITE, NOW + timedelta(hours=4))),
    "problem_codes": lambda: PAGES.problem(ProblemPage("too_many_codes", SITE, NOW + timedelta(hours=1))),
    "problem_no_codes": lambda: PAGES.problem(
        ProblemPage("codes_spent_everywhere", SITE, NOW + timedelta(hours=1))
    ),
    "problem_form": lambda: PAGES.problem(ProblemPage("form_expired", SITE)),
    "problem_no_contact": lambda: PAGES.problem(ProblemPage("no_contact", SITE)),
    "problem_new_contact": lambda: PAGES.problem(ProblemPage("contact_too_new", SITE)),
    "problem_officer": lambda: PAGES.problem(ProblemPage("officer_browser", SITE)),
    "problem_identity": lambda: PAGES.problem(ProblemPage("identity_other", SITE)),
    "problem_identity_unfinished": lambda: PAGES.problem(ProblemPage("identity_unfinished", SITE)),
    "problem_down": lambda: PAGES.problem(ProblemPage("unavailable", SITE, incident="01JZ6M")),
}

FOR_OFFICERS = frozenset({"signed_in", "sign_in_problem", "breach_letter", "breach_authority"})
"""Behind the identity provider, with an English sentence; and the letters that officers print: Indonesian, without a choice."""

SCRIPTED = frozenset({"passkey_show", "passkey_show_error", "passkey_own", "passkey_own_full"})
"""The pages with the one script, under a policy of their own."""

SEEN: list[tuple[Language, str]] = [
    (language, name)
    for language in LANGUAGES
    for name in sorted(ALL)
    if language == SOURCE or name not in FOR_OFFICERS
]
"""Every page that somebody can see, as (language, name)."""


def read(name: str, language: Language = SOURCE) -> str:
    """One sample as its reader gets it."""
    before = READ_IN.set(language)
    try:
        return ALL[name]()
    finally:
        READ_IN.reset(before)
