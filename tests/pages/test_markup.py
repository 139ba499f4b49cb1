"""Every page in every language, read as markup: what must be there, and what must never be."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import exchange.pages
from exchange.pages import icon, stylesheet
from exchange.pages.languages import LANGUAGES, Language
from exchange.pages.views import Access, ConsentStart, Site
from tests.pages.samples import (
    ABSENT,
    ALL,
    ASK,
    DECIDE,
    DONE,
    FAMILY_TRAIL,
    FOR_OFFICERS,
    LINK,
    NOW,
    PAGES,
    PAPERS,
    READ_IN,
    SEEN,
    SITE,
    START,
    TRAIL,
    read,
)

BEFORE_IDENTITY = (
    "consent_start", "consent_code", "trail_start", "trail_code", "gone", "not_found", "verify", "verify_genuine",
    "verify_genuine_code", "verify_withdrawn", "verify_changed", "verify_unknown",
)  # fmt: skip
LONGEST_SENTENCE_WORDS = 20
EVIL = '<script>alert(1)</script>" onload="x \u202egnuladap\u202c\u200b 100% %s'


class Page(HTMLParser):
    """Elements with their attributes, and the text that a person reads."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(params=SEEN, ids="-".join)
def seen(request: pytest.FixtureRequest) -> tuple[Language, str]:
    language, name = request.param
    return language, name


@pytest.fixture
def language(seen: tuple[Language, str]) -> Language:
    return seen[0]


@pytest.fixture
def markup(seen: tuple[Language, str]) -> str:
    language, name = seen
    return read(name, language)


class TestEveryPage:
    def test_is_one_document_in_its_language_with_one_heading(self, markup: str, language: Language) -> None:
        """U17"""
        page = Page(markup)
        assert markup.startswith("<!doctype html>")
        assert page.all("html") == [{"lang": language}]
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) == 1
        assert re.search(r"<title>\w", markup)

    def test_leads_to_the_other_language(self, seen: tuple[Language, str], markup: str) -> None:
        """U17: on every page of a citizen, and said in the language that it leads to."""
        links = [link for link in Page(markup).all("a") if "hreflang" in link]
        other = "en" if seen[0] == "id" else "id"
        wanted = {"href": f"?lang={other}", "hreflang": other, "lang": other}
        assert links == ([] if seen[1] in FOR_OFFICERS else [wanted])

    def test_holds_nothing_the_policy_forbids(self, seen: tuple[Language, str], markup: str) -> None:
        page = Page(markup)
        # Where there are passkeys to make or to show, our own script and no other.
        own = [{"src": "/static/passkey.js", "defer": None}] if 'id="passkey"' in markup else []
        assert page.all("script") == own
        assert not page.all("style")
        assert not page.all("img")
        assert not page.all("base")
        for _, attributes in page.elements:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
        assert [link["href"] for link in page.all("link")] == ["/static/berkas.svg", "/static/berkas.css"]

    def test_every_field_has_a_label(self, markup: str) -> None:
        page = Page(markup)
        labelled = {label["for"] for label in page.all("label")}
        fields = [field for field in page.all("input") if field.get("type") != "hidden"]
        fields += page.all("textarea") + page.all("select")
        assert {field["id"] for field in fields} == labelled

    def test_ids_are_unique_and_every_reference_arrives(self, markup: str) -> None:
        page = Page(markup)
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        for _, attributes in page.elements:
            for name in ("aria-describedby", "aria-labelledby", "for"):
                assert set((attributes.get(name) or "").split()) <= set(ids)
            target = attributes.get("href") or ""
            if target.startswith("#"):
                assert target[1:] in ids

    def test_changing_forms_carry_the_token_and_the_step(self, markup: str) -> None:
        page = Page(markup)
        # What is sent for checking (a file) changes nothing and is nobody's.
        checking = {"method": "post", "enctype": "multipart/form-data", "autocomplete": "off"}
        changing = [f for f in page.all("form") if f.get("method") == "post" and f != checking]
        names = [field["name"] for field in page.all("input")]
        assert names.count("csrf") == names.count("step") == len(changing)
        elsewhere = [str(form["action"]) for form in page.all("form") if "action" in form]
        own = re.compile(r"/w/[A-Za-z0-9]{45}(/hak)?")
        assert all(own.fullmatch(action) for action in elsewhere), "a form posts to the citizen's own link"

    def test_warns_about_the_code_and_apk(self, markup: str, language: Language) -> None:
        told = {
            "id": (
                "Petugas tidak pernah meminta kode sekali pakai Anda.",
                "tidak pernah mengirim berkas APK",
            ),
            "en": ("Officers never ask for your one-time code.", "never send APK files"),
        }
        for sentence in told[language]:
            assert sentence in Page(markup).text

    def test_dates_are_never_short(self, markup: str) -> None:
        text = Page(markup).text
        assert not re.search(r"\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d{2}-\d{2}[T ]", text)
        for found in re.finditer(r"(?:pukul|at) \d\d\.\d\d( \w+)?", text):
            assert found[1] == " WITA"
        assert not re.search(r"\d\d:\d\d", text)

    def test_is_light(self, markup: str) -> None:
        cold = len(markup.encode()) + len(stylesheet()) + len(icon())
        assert cold <= 30 * 1024, "bytes of page, stylesheet and icon before compression"

    def test_sentences_are_short(self, markup: str) -> None:
        body = re.sub(r"<svg.*?</svg>|<title>.*?</title>", "", markup, flags=re.DOTALL)
        blocks = re.split(r"</?(?:p|li|h\d|div|dt|dd|label|button|legend|summary|br|a)\b[^>]*>", body)
        for block in blocks:
            for sentence in re.split(r"(?<=[.!?])\s", Page(block).text):
                words = [word for word in sentence.split() if re.search(r"\w", word)]
                assert len(words) <= LONGEST_SENTENCE_WORDS, sentence


class TestBeforeIdentity:
    @pytest.mark.parametrize("name", BEFORE_IDENTITY)
    def test_nothing_about_citizen_or_documents(self, name: str) -> None:
        """A22: a forwarded link shows who asks, for which service, where and until when."""
        text = Page(ALL[name]()).text
        for paper in PAPERS:
            assert paper.name not in text
        for told in (DECIDE.officer, TRAIL.holder, DECIDE.application_no or "", DECIDE.request_no):
            assert told not in text

    def test_start_tells_who_asks(self) -> None:
        text = Page(PAGES.consent_start(START)).text
        assert "DPMPTSP Kota Samarinda meminta persetujuan Anda" in text
        assert ASK.service in text
        assert "Loket 4" in text
        assert "58 31" in text
        assert "24 November 2026 pukul 16.35 WITA" in text
        assert "Kirim kode ke kontak terdaftar Anda" in text

    def test_gone_tells_no_time_and_no_reason(self) -> None:
        text = Page(PAGES.gone()).text
        assert "Mintalah tautan baru kepada petugas loket." in text
        assert not re.search(r"\d|kedaluwarsa|digunakan|ditarik|sejak", text)

    @pytest.mark.parametrize("name", ["consent_code", "trail_code"])
    def test_code_field(self, name: str) -> None:
        page = Page(ALL[name]())
        field = next(field for field in page.all("input") if field["name"] == "code")
        assert field["inputmode"] == "numeric"
        assert field["autocomplete"] == "one-time-code"
        assert "Sisa percobaan: 5 kali." in page.text
        assert "Berlaku sampai 16.10 WITA." in page.text
        assert "Petugas tidak pernah meminta kode ini." in page.text

    def test_wrong_code_is_said_beside_the_field_and_on_top(self) -> None:
        page = Page(ALL["consent_code_wrong"]())
        assert page.text.count("Kode salah. Periksa lagi enam angka pada pesan terbaru.") == 2
        assert "Sisa percobaan: 3 kali." in page.text
        assert "<title>Galat:" in ALL["consent_code_wrong"]()


class TestDecision:
    def test_the_seven_points_of_article_21(self) -> None:
        markup = PAGES.consent_decide(DECIDE)
        found = set(re.findall(r'data-pasal21="(.)"', markup))
        assert found == set("abcdefg")
        text = Page(markup).text
        assert "Persetujuan Anda (UU 27/2022 Pasal 20 ayat (2) huruf a)." in text  # a legality
        assert "Untuk: Surat Izin Praktik tenaga medis/kesehatan , di Loket 4" in text  # b purpose
        assert "Mengapa: memastikan susunan keluarga." in text  # c kinds and relevance
        assert "Salinan dihapus paling lambat 24 Januari 2027." in text  # d retention
        assert "Isi: nama, NIK, kelahiran, alamat, foto." in text  # e details collected
        assert "Berlaku sampai 24 Desember 2026 pukul 16.05 WITA (30 hari)." in text  # f period
        assert "Menarik kembali persetujuan kapan saja." in text  # g rights

    def test_the_seven_points_in_english(self) -> None:
        """U11, L06: Law 27/2022 by its name in English, the same seven points."""
        markup = read("consent_decide", "en")
        assert set(re.findall(r'data-pasal21="(.)"', markup)) == set("abcdefg")
        text = Page(markup).text
        assert "Your consent (Personal Data Protection Law, Law 27/2022, Article 20(2)(a))." in text  # a
        assert "For: Practice licence of a health worker , at Loket 4 by Petugas Contoh Empat." in text  # b
        assert "Family card (household register extract)" in text  # c kinds
        assert "Why: to confirm who is in the family." in text  # c relevance
        assert "The copies are deleted by 24 January 2027 at the latest." in text  # d
        assert "Contents: name, NIK, birth, address, photo." in text  # e
        assert "Valid until 24 December 2026 at 16.05 WITA (30 days)." in text  # f
        assert (
            "Withdraw your consent at any time. Processing stops within 3 \N{MULTIPLICATION SIGN} 24 hours."
            in text
        )  # g
        assert "You may refuse. Your application will still be served with paper documents." in text
        assert "DPMPTSP Kota Samarinda asks for 3 of your documents" in text

    def test_who_asks_stands_on_the_page(self) -> None:
        text = Page(PAGES.consent_decide(replace(DECIDE, max_reads=3))).text
        assert "DPMPTSP Kota Samarinda meminta 3 dokumen Anda" in text
        assert "Petugas Contoh Empat" in text
        assert "58 31" in text
        assert "Paling banyak dibuka 3 kali." in text
        assert "Anda boleh menolak. Permohonan Anda tetap dilayani dengan berkas fisik." in text
        assert "Nomor permintaan: PST-7KQ2-M9XD" in text

    def test_nothing_is_ticked_and_the_browser_may_not_restore_ticks(self) -> None:
        page = Page(PAGES.consent_decide(DECIDE))
        boxes = [field for field in page.all("input") if field.get("type") == "checkbox"]
        assert [(box["name"], box["value"]) for box in boxes] == [
            (("document"), paper.key) for paper in PAPERS
        ]
        assert not [box for box in boxes if "checked" in box]
        assert page.all("form")[0]["autocomplete"] == "off"

    def test_the_two_buttons_differ_in_their_value_only(self) -> None:
        grant, refuse = Page(PAGES.consent_decide(DECIDE)).all("button")
        assert grant == {"class": "act", "name": "decision", "value": "grant"}
        assert refuse == {"class": "act", "name": "decision", "value": "refuse"}

    def test_nothing_ticked_is_an_error_not_a_refusal(self) -> None:
        page = Page(ALL["consent_decide_error"]())
        assert "Centang sekurang-kurangnya satu dokumen, atau pilih 'Tolak semua'." in page.text
        assert {"href": "#d1"} in page.all("a")

    def test_absent_papers_are_text(self) -> None:
        page = Page(ALL["consent_decide_absent"]())
        assert "Belum tersimpan; bawa ke loket: Surat Keterangan Sehat (jasmani/rohani)." in page.text
        assert ABSENT.key not in [field.get("value") for field in page.all("input")]
        assert "meminta 2 dokumen" in page.text

    def test_what_was_shown_is_the_same_text_for_every_form_token(self) -> None:
        shown = PAGES.consent_shown(DECIDE)
        assert shown == PAGES.consent_shown(replace(DECIDE, csrf="other", nothing_ticked=True))
        assert shown != PAGES.consent_shown(replace(DECIDE, retention_until=None))


class TestAfterwards:
    def test_some(self) -> None:
        text = Page(ALL["consent_done_some"]()).text
        assert "Persetujuan tercatat" in text
        assert "PST-7KQ2-M9XD" in text
        assert "Anda mengizinkan 2 dari 3 dokumen." in text
        assert "dapat membukanya sampai 24 Desember 2026 pukul 16.05 WITA." in text
        assert "Kartu Keluarga tidak Anda izinkan; petugas akan meminta bukti lain." in text
        assert "Simpan tautan ini." in text
        assert LINK in text

    def test_all(self) -> None:
        text = Page(ALL["consent_done_all"]()).text
        assert "Anda mengizinkan 2 dari 2 dokumen." in text
        assert "Tidak diizinkan" not in text

    def test_none(self) -> None:
        text = Page(ALL["consent_done_none"]()).text
        assert "Anda menolak permintaan ini" in text
        assert "Tidak ada dokumen yang dibagikan." in text
        assert "Persetujuan tercatat" not in text
        assert LINK in text

    def test_trail_groups_by_the_day_of_the_site(self) -> None:
        text = Page(PAGES.trail(TRAIL)).text
        days = ["25 November 2026", "24 November 2026", "12 November 2026"]
        places = [text.index(day) for day in days]
        assert places == sorted(places)
        assert text.index("00.30 WITA") < places[1], (
            "00.30 WITA belongs to the 25th, though it is the 24th in UTC"
        )

    def test_trail_tells_every_access(self) -> None:
        text = Page(PAGES.trail(TRAIL)).text
        assert "DPMPTSP Kota Samarinda , Loket 4, melihat dokumen: STR." in text
        assert "DPMPTSP Kota Samarinda mengambil dokumen: KTP-el." in text
        assert "Anda mengizinkan : KTP-el dan STR." in text
        assert "meminta persetujuan Anda: KTP-el, KK, dan STR." in text
        assert "BPJS Kesehatan mencoba membuka dokumen: Kartu Keluarga." in text
        assert "Ditolak: Dokumen ini tidak termasuk dalam persetujuan Anda." in text
        assert "Dasar: persetujuan PST-7KQ2-M9XD" in text
        assert "Dasar: tugas pelayanan publik, tanpa persetujuan" in text
        assert "Catatan no. 1.204.331" in text
        assert "1 catatan ditunda penampilannya" in text
        assert "Dibuka 1 dari 3 kali." in text

    def test_a_delivery_is_told_as_it_ended(self) -> None:
        for outcome, told in (
            ("sent", "Dinas Contoh selesai menerima dokumen: KK."),
            ("aborted", "Dinas Contoh tidak selesai menerima dokumen: KK."),
            ("unknown", "Tidak diketahui apakah dokumen sampai : KK."),
        ):
            ended = Access(9, NOW, "outcome", "Dinas Contoh", documents=("KK",), act=outcome)
            assert told in Page(PAGES.trail(replace(TRAIL, accesses=(ended,)))).text

    def test_who_decided_for_whom_and_whose_paper_it_was(self) -> None:
        """M19, N06: each side's list says it in one sentence."""
        text = Page(PAGES.trail(FAMILY_TRAIL)).text
        assert "Orang tua Anda mengizinkan : Akta Kelahiran." in text
        assert "Orang yang Anda wakili menarik kembali persetujuan : Akta Kelahiran." in text
        assert "Anda mengizinkan : Akta Kelahiran. Untuk orang yang Anda wakili." in text
        assert "melihat dokumen: KK. Dokumen orang lain yang memuat nama Anda." in text
        assert "Dasar: persetujuan pemegang dokumen" in text
        assert "Anda memutuskan untuk anak Anda (B*** C*****)." in text

    def test_before_the_factor_a_child_is_initials(self) -> None:
        """A22: a forwarded link gives no name away."""
        for page in ("consent_start_child", "consent_code_child"):
            text = Page(ALL[page]()).text
            assert "anak Anda (B. C.)" in text
            assert "*" not in text
        decided = Page(ALL["consent_decide_child"]()).text
        assert "meminta 3 dokumen anak Anda, B*** C*****" in decided
        assert "sebagai yang mewakili (Pasal 25 dan Pasal 26)" in decided

    def test_only_what_rests_on_a_consent_names_it(self) -> None:
        asked = Access(9, NOW, "request", "Dinas Contoh", lawful_basis="consent", consent_reference="PST-1")
        for access in (asked, replace(asked, event="ticket", allowed=False), replace(asked, event="grant")):
            assert "Dasar:" not in Page(PAGES.trail(replace(TRAIL, accesses=(access,)))).text
        read = replace(asked, event="redelivery")
        assert "Dasar: persetujuan PST-1" in Page(PAGES.trail(replace(TRAIL, accesses=(read,)))).text

    def test_an_unknown_event_and_reason_are_shown_not_dropped(self) -> None:
        unknown = Access(9, NOW, "brand_new", "Dinas Contoh", allowed=False, reason="brand_new_reason")
        text = Page(PAGES.trail(replace(TRAIL, accesses=(unknown,)))).text
        assert "Dinas Contoh mencoba melakukan kegiatan." in text
        assert "Ditolak: Permintaan tidak memenuhi syarat." in text
        assert "brand_new" not in text

    def test_withdrawal_names_the_deadline(self) -> None:
        for name in ("withdraw_confirm", "withdraw_done"):
            assert "27 November 2026 pukul 16.05 WITA" in Page(ALL[name]()).text
        assert "3 \N{MULTIPLICATION SIGN} 24 jam" in ALL["withdraw_done"]()


class TestHostileText:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_a_registered_name_cannot_break_out(self, language: Language) -> None:
        """A32: markup is escaped, what deceives the eye is made visible, a percent sign is only a percent sign."""
        READ_IN.set(language)
        ask = replace(ASK, agency=EVIL, service=EVIL, counter=EVIL)
        paper = replace(PAPERS[0], name=EVIL, issuer=EVIL, key=EVIL, code="NEW", why=EVIL)
        access = replace(
            TRAIL.accesses[0],
            agency=EVIL,
            counter=EVIL,
            purpose=EVIL,
            documents=(EVIL,),
            reason=EVIL,
            allowed=False,
        )
        consent = replace(TRAIL.consents[0], agency=EVIL, service=EVIL, documents=(EVIL,), reference=EVIL)
        site = Site(EVIL, SITE.zone)
        pages = [
            PAGES.consent_start(ConsentStart(site, EVIL, ask)),
            PAGES.consent_decide(
                replace(DECIDE, site=site, ask=ask, officer=EVIL, papers=(paper,), service_law=EVIL)
            ),
            PAGES.consent_done(replace(DONE, ask=ask, granted=(EVIL,), refused=(EVIL,), reference=EVIL)),
            PAGES.trail(replace(TRAIL, holder=EVIL, consents=(consent,), accesses=(access,))),
            PAGES.trail(
                replace(TRAIL, accesses=(replace(access, consent_reference=None, lawful_basis=EVIL), access))
            ),
        ]
        READ_IN.set("id")
        for markup in pages:
            assert f'<html lang="{language}">' in markup
            assert "<script" not in markup
            assert 'onload="' not in markup
            assert not set(markup) & {"\u202e", "\u202c", "\u200b"}
            assert "&lt;script&gt;" in markup
            assert "100% %s" in markup

    def test_templates_translate_literals_only(self) -> None:
        """`_(variable)` would mark a stranger's text as safe markup."""
        for template in Path(exchange.pages.__file__).parent.glob("*.html"):
            text = template.read_text(encoding="utf-8")
            assert not re.findall(r"(?<![\w.])_\((?![\"'])", text), template.name
            assert "| safe" not in text, template.name

    def test_a_missing_value_is_an_error(self) -> None:
        with pytest.raises(UndefinedError):
            PAGES.consent_start(TRAIL)  # type: ignore[arg-type]


def test_stylesheet_is_small_and_self_contained() -> None:
    css = stylesheet().decode()
    assert len(css.encode()) <= 12 * 1024
    assert len(gzip.compress(css.encode())) <= 4 * 1024
    assert "url(" not in css
    assert "@import" not in css
    assert ":has(" not in css
