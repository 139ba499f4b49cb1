"""Every page, read as markup: what must be there, and what must never be."""

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
from exchange.pages.views import Access, ConsentStart, Site
from tests.pages.samples import ABSENT, ALL, ASK, DECIDE, DONE, LINK, NOW, PAGES, PAPERS, SITE, START, TRAIL

BEFORE_IDENTITY = ("consent_start", "consent_code", "trail_start", "trail_code", "gone", "not_found")
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


@pytest.fixture(params=sorted(ALL))
def markup(request: pytest.FixtureRequest) -> str:
    return ALL[request.param]()


class TestEveryPage:
    def test_is_one_document_in_indonesian_with_one_heading(self, markup: str) -> None:
        page = Page(markup)
        assert markup.startswith("<!doctype html>")
        assert page.all("html") == [{"lang": "id"}]
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) == 1
        assert re.search(r"<title>\w", markup)

    def test_holds_nothing_the_policy_forbids(self, markup: str) -> None:
        page = Page(markup)
        assert not page.all("script")
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
        changing = [form for form in page.all("form") if form.get("method") == "post"]
        names = [field["name"] for field in page.all("input")]
        assert names.count("csrf") == names.count("step") == len(changing)
        assert not [form for form in page.all("form") if "action" in form], "a form posts to its own address"

    def test_warns_about_the_code_and_apk(self, markup: str) -> None:
        assert "Petugas tidak pernah meminta kode sekali pakai Anda." in Page(markup).text
        assert "tidak pernah mengirim berkas APK" in markup

    def test_dates_are_never_short(self, markup: str) -> None:
        text = Page(markup).text
        assert not re.search(r"\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d{2}-\d{2}[T ]", text)
        for found in re.finditer(r"pukul \d\d\.\d\d( \w+)?", text):
            assert found[1] == " WITA"

    def test_is_light(self, markup: str) -> None:
        cold = len(markup.encode()) + len(stylesheet()) + len(icon())
        assert cold <= 30 * 1024, "bytes of page, stylesheet and icon before compression"

    def test_sentences_are_short(self, markup: str) -> None:
        body = re.sub(r"<svg.*?</svg>|<title>.*?</title>", "", markup, flags=re.DOTALL)
        blocks = re.split(r"</?(?:p|li|h\d|div|dt|dd|label|button|legend|summary|br|a)\b[^>]*>", body)
        for block in blocks:
            for sentence in re.split(r"(?<=[.!?])\s", Page(block).text):
                assert len(sentence.split()) <= LONGEST_SENTENCE_WORDS, sentence


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
        assert "Belum tersimpan; bawa ke loket: Surat Keterangan Sehat." in page.text
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
    def test_a_registered_name_cannot_break_out(self) -> None:
        """A32: markup is escaped, what deceives the eye is made visible, a percent sign is only a percent sign."""
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
        for markup in pages:
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
