"""Dates, lists, messages and QR codes."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from babel.messages.pofile import read_po

import auth.grants
import exchange.pages
import exchange.requirements
from exchange.pages import messages, qr_svg, wording
from exchange.pages.contents import described, paper_words
from exchange.pages.refused import explained_reasons
from tests.pages.gather import po_of
from tests.pages.samples import LINK, NOW, SITE

NEVER_SHARED = {"FORM_F101", "FORM_F102", "FORM_F201", "FORM_PERMOHONAN", "DOK_LAIN", "SIDIK_JARI"}


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Asia/Makassar", "24 November 2026 pukul 16.05 WITA"),
        ("Asia/Jakarta", "24 November 2026 pukul 15.05 WIB"),
        ("Asia/Jayapura", "24 November 2026 pukul 17.05 WIT"),
        ("UTC", "24 November 2026 pukul 08.05 UTC"),
    ],
)
def test_moment(zone: str, words: str) -> None:
    assert wording.moment_words(NOW, zone) == words
    assert wording.moment_words(NOW, zone, "en") == words.replace(" pukul ", " at ")


def test_the_day_is_the_day_of_the_site() -> None:
    late = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    assert wording.moment_words(late, "Asia/Makassar") == "1 Januari 2027 pukul 00.30 WITA"
    assert wording.moment_words(late.astimezone(timezone(timedelta(hours=-5))), "Asia/Makassar").startswith(
        "1 Januari"
    )
    assert wording.days_between(NOW, late, "Asia/Makassar") == 38


def test_a_naive_time_is_a_bug() -> None:
    with pytest.raises(ValueError, match="aware"):
        wording.moment_words(datetime(2026, 11, 24), "Asia/Makassar")  # noqa: DTZ001


def test_small_words() -> None:
    assert wording.day_words(date(2026, 8, 17)) == "17 Agustus 2026"
    assert wording.day_words(date(2026, 8, 17), "en") == "17 August 2026"
    assert wording.number_words(1_204_331) == "1.204.331"
    assert wording.number_words(1_204_331, "en") == "1,204,331"
    assert wording.spaced("5831") == "58 31"
    assert wording.list_words(["KTP-el"]) == "KTP-el"
    assert wording.list_words(["KTP-el", "KK"]) == "KTP-el dan KK"
    assert wording.list_words(["KTP-el", "KK", "NPWP"]) == "KTP-el, KK, dan NPWP"
    assert wording.list_words([]) == ""
    assert wording.list_words(["KTP-el", "KK"], "en") == "KTP-el and KK"
    assert wording.list_words(["KTP-el", "{0}", "NPWP"], "en") == "KTP-el, {0}, and NPWP"
    assert wording.one_line("DPMPTSP\n\u202eKode 111111\t untuk") == "DPMPTSP \ufffdKode 111111 untuk"


def test_every_shareable_type_of_the_catalogue_is_described() -> None:
    file = Path(exchange.requirements.__file__).parent / "data" / "document-types.yaml"
    catalogue = {entry["code"] for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["documents"]}
    assert described() == catalogue - NEVER_SHARED
    assert paper_words("BARU", "Surat Baru").holds == "seluruh isi dokumen"
    assert paper_words("KTP", "Kartu Tanda Penduduk").short == "KTP-el"


def test_a_changed_consent_page_is_a_new_text_version() -> None:
    """The version stands in every consent record: whoever changes the words, in any language, raises it and pins the new pair
    here.
    """
    pages = Path(exchange.pages.__file__).parent
    templates = [pages / f"{name}.html" for name in ("consent_decide", "consent_nothing")]
    said = {
        f"exchange/pages/{name}" for name in ("consent_decide.html", "consent_nothing.html", "contents.py")
    }
    with po_of("en").open("rb") as file:
        english = [
            f"{message.id} {message.string}"
            for message in read_po(file, locale="en")
            if said & {place for place, _line in message.locations}
        ]
    papers = [str((code, paper_words(code, code))) for code in described()]
    assert len(english) > 150
    words = b"".join(path.read_bytes() for path in templates)
    words += "\n".join(sorted(english) + sorted(papers)).encode()
    pinned = ("2026-11-26.3", "ae7dc2fae73884f6")
    assert (exchange.pages.TEXT_VERSION, hashlib.sha256(words).hexdigest()[:16]) == pinned


def test_every_refusal_of_a_judge_has_a_sentence_for_the_citizen() -> None:
    """A new reason in `auth.grants` needs a sentence in `exchange/pages/trail.py`."""
    judges = Path(auth.grants.__file__).read_text(encoding="utf-8")
    reasons = set(re.findall(r'Refused\("(\w+)"\)', judges))
    assert reasons
    assert reasons <= explained_reasons()


class TestMessages:
    def test_link(self) -> None:
        text = messages.link_message(
            site="MPP Kota Samarinda",
            agency="DPMPTSP",
            counter="Loket 4",
            service="izin perawat",
            documents=3,
            pairing_code="5831",
            link=LINK,
            expires_at=NOW + timedelta(minutes=30),
            zone=SITE.zone,
        )
        assert text == (
            "MPP Kota Samarinda: DPMPTSP, Loket 4, meminta persetujuan Anda untuk 3 dokumen (izin perawat). "
            f"Kode di layar petugas: 58 31. Buka {LINK} sebelum 24 November 2026 pukul 16.35 WITA. "
            "Abaikan bila Anda tidak sedang di loket."
        )

    def test_the_code_text_is_the_transaction(self) -> None:
        text = messages.consent_code_message(
            code="493021", agency="DPMPTSP", documents=["KTP-el", "KK"], use_until=NOW, zone=SITE.zone
        )
        assert text == (
            "Kode 493021 untuk MENYETUJUI DPMPTSP membaca KTP-el, KK s.d. 24 November 2026 pukul 16.05 WITA. "
            "Jangan berikan ke siapa pun, termasuk petugas."
        )

    def test_trail_code(self) -> None:
        text = messages.trail_code_message(
            site="MPP Samarinda", code="118204", expires_at=NOW, zone=SITE.zone
        )
        assert text == (
            "Kode 118204 untuk MEMBUKA Jejak Data Anda di MPP Samarinda, berlaku s.d. 16.05 WITA. "
            "Jangan berikan ke siapa pun, termasuk petugas."
        )

    @pytest.mark.parametrize(
        ("granted", "refused", "told"),
        [
            (["KTP-el", "KK"], [], "Anda mengizinkan DPMPTSP membaca KTP-el dan KK s.d. 24 November 2026"),
            (["KTP-el"], ["KK"], "Tidak diizinkan: KK."),
            ([], ["KK"], "Anda menolak permintaan DPMPTSP. Tidak ada dokumen yang dibagikan."),
        ],
    )
    def test_decision(self, granted: list[str], refused: list[str], told: str) -> None:
        text = messages.decision_notice(
            site="MPP",
            agency="DPMPTSP",
            granted=granted,
            refused=refused,
            use_until=NOW,
            reference="PST-1",
            trail_link=LINK,
            zone=SITE.zone,
        )
        assert told in text
        assert text.endswith(LINK)

    @pytest.mark.parametrize(("machine", "act"), [(False, "melihat"), (True, "mengambil")])
    def test_access(self, machine: bool, act: str) -> None:
        text = messages.access_notice(
            site="MPP",
            agency="DPMPTSP",
            counter=None if machine else "Loket 4",
            documents=["STR"],
            purpose="izin perawat",
            at=NOW,
            trail_link=LINK,
            zone=SITE.zone,
            machine=machine,
        )
        assert f"{act} STR Anda pada 24 November 2026 pukul 16.05 WITA untuk izin perawat." in text
        assert text.endswith(LINK)

    def test_withdrawal(self) -> None:
        text = messages.withdrawal_notice(
            site="MPP",
            agency="DPMPTSP",
            documents=["STR"],
            reference="PST-1",
            deadline=NOW + timedelta(hours=72),
            trail_link=LINK,
            zone=SITE.zone,
        )
        assert "berhenti paling lambat 27 November 2026 pukul 16.05 WITA." in text


class TestQr:
    def test_needs_no_style_and_is_five_centimetres_wide(self) -> None:
        for length in (10, 45, 70):
            svg = qr_svg("https://berkas.contoh.example/p/" + "7" * length)
            assert "style" not in svg
            assert "xmlns" not in svg
            side = re.search(r'viewBox="0 0 (\d+) \1"', svg)
            width = re.search(r'width="(\d+)mm" height="\1mm"', svg)
            assert side
            assert width
            assert int(width[1]) * (int(side[1]) - 8) / int(side[1]) >= 50, (
                "millimetres without the quiet zone"
            )

    def test_quiet_zone_and_colours(self) -> None:
        svg = qr_svg(LINK)
        assert 'fill="#fff"' in svg
        assert 'stroke="#000" d="M4 4.5' in svg
        assert len(svg) <= 3000
