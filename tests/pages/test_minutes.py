"""The minutes of a destruction on paper: every state, both languages, no citizen, nothing but text (L26, L52)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from exchange.pages import Pages
from exchange.pages.languages import LANGUAGES, Language
from exchange.pages.minutes import MinutedPaper, MinutedVersion, Minutes
from tests.pages.samples import NOW, PAGES, PAPERS, SITE
from tests.pages.test_markup import EVIL, LONGEST_SENTENCE_WORDS, Page

PAPER = MinutedPaper(
    document_id="d_01JD7XKQ0000000000000000AB",
    name=PAPERS[0].name,
    reason="unused",
    months=24,
    last_used_at=NOW - timedelta(days=800),
    versions=(MinutedVersion(1, "ab" * 32), MinutedVersion(2, "cd" * 32)),
    state="destroyed",
    at=NOW,
)
DONE = Minutes(
    site=SITE,
    agency="DPMPTSP",
    number="MSN-7KQ2-M9XD",
    until=NOW,
    state="done",
    proposed_by="Petugas Contoh Satu",
    proposed_at=NOW - timedelta(hours=3),
    decided_by="Petugas Contoh Dua",
    decided_at=NOW - timedelta(hours=1),
    finished_at=NOW,
    effective_at=NOW + timedelta(days=35),
    papers=(
        PAPER,
        replace(PAPER, document_id="d_01JD7XKQ0000000000000000AC", reason="superseded", months=12),
        replace(
            PAPER, document_id="d_01JD7XKQ0000000000000000AD", state="left_out", why="case_pending", at=NOW
        ),
    ),
)
OPEN = replace(
    DONE,
    state="open",
    decided_by="",
    decided_at=None,
    finished_at=None,
    effective_at=None,
    papers=(replace(PAPER, state="proposed", at=None),),
)
SAMPLES = {
    "done": DONE,
    "open": OPEN,
    "rejected": replace(OPEN, state="rejected", decided_by="P. Contoh", decided_at=NOW),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", SAMPLES)
def test_every_state_is_plain_paper(state: str, language: Language) -> None:
    text = Pages(SITE, language).minutes(SAMPLES[state])
    page = Page(text)
    assert not page.all("script")
    assert not re.search(r'\bstyle=|\bon[a-z]+="|http:', text)
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("h1")) == 1
    assert len(re.findall('class="line"', text)) == 3
    for paragraph in re.findall(r"<p>([^<]*)</p>", text):
        assert all(
            len(sentence.split()) <= LONGEST_SENTENCE_WORDS
            for sentence in re.split(r"(?<=[.!?:]) ", paragraph)
        )


def test_what_stands_on_the_minutes() -> None:
    """Number, both persons and moments, law, each paper by number, type, versions and digests, why, and when it is complete."""
    text = Page(PAGES.minutes(DONE)).text
    for said in (
        "Berita acara pemusnahan", "MSN-7KQ2-M9XD", "Petugas Contoh Satu", "Petugas Contoh Dua", "UU 43/2009", "PP 28/2012",
        "Dimusnahkan: 2 dokumen", "Tidak dimusnahkan: 1 dokumen", "Tidak dimusnahkan: Masih ada permintaan Anda yang belum selesai.",
        "d_01JD7XKQ0000000000000000AB", "ab" * 32, "cd" * 32, "Tidak dipakai selama 24 bulan.", "Versi lama, lewat 12 bulan.",
        "29 Desember 2026 pukul 16.05 WITA",
    ):  # fmt: skip
        assert said in text, said
    listed = Page(PAGES.minutes(OPEN)).text
    assert "Daftar usul musnah" in listed
    assert "Berita acara" not in listed
    assert "Belum ada dokumen yang dimusnahkan." in listed
    assert "belum selesai" in Page(PAGES.minutes(replace(DONE, state="approved", finished_at=None))).text
    assert "Minutes of destruction" in Page(Pages(SITE, "en").minutes(DONE)).text


def test_hostile_names_are_text() -> None:
    text = PAGES.minutes(replace(DONE, proposed_by=EVIL, agency=EVIL, papers=(replace(PAPER, name=EVIL),)))
    assert "<script" not in text
    assert "\u202e" not in text
