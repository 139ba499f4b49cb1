"""The words of the other languages: all there, none half done, and what marks them (U17)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from exchange.pages import Pages, contents, environment, refused, trail, trail_acts
from exchange.pages.languages import LANGUAGES, LOCALE, SOURCE, Language, language_of, sayer, translations
from exchange.pages.messages import NO_COUNTER
from exchange.requirements.catalogue import load_catalogue
from tests.pages import gather
from tests.pages.samples import ACCESSES, ALL, ASK, DECIDE, DONE, FOR_OFFICERS, NOW, SITE, START, TRAIL, read
from tests.rules.house import ROOT, tracked

OTHERS = [language for language in LANGUAGES if language != SOURCE]
LONGEST_SENTENCE_WORDS = 20
# What one language's text holds and the other's must hold too: values, and the elements around them.
_HOLES = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w[^>]*>")


@pytest.fixture(params=OTHERS)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    with gather.po_of(request.param).open("rb") as file:
        return read_po(file, locale=request.param, domain="berkas")


def messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or [""])


def holes(text: str) -> list[str]:
    return sorted(_HOLES.findall(text))


@pytest.mark.parametrize("language", OTHERS)
def test_gathering_again_changes_nothing(language: Language) -> None:
    """What fails here is repaired with `make messages`, and then with a translation."""
    assert gather.brought_up_to_date(language) == gather.po_of(language).read_text(encoding="utf-8")


def test_nothing_is_untranslated_or_only_guessed(catalogue: Catalog) -> None:
    empty = [message.id for message in messages(catalogue) if not all(forms(message.string))]
    guessed = [message.id for message in messages(catalogue) if message.fuzzy]
    assert (empty, guessed) == ([], []), "translate it in the .po; take off the fuzzy mark after a look"
    assert len(list(messages(catalogue))) > 300
    assert not catalogue.obsolete


def test_placeholders_and_elements_are_the_same(catalogue: Catalog) -> None:
    different = {
        str(message.id): translated
        for message in messages(catalogue)
        for translated in forms(message.string)
        if holes(translated) != holes(forms(message.id)[0])
    }
    assert different == {}


def test_sentences_of_a_translation_are_short(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        for text in forms(message.string):
            for sentence in re.split(r"(?<=[.!?])\s", text):
                assert len(sentence.split()) <= LONGEST_SENTENCE_WORDS, sentence


def test_what_python_says_is_gathered() -> None:
    """Trail acts, reasons, bases, papers, and who issues them: every text of the tables, whoever adds one."""
    ids = {form for message in messages(gather.gathered()) for form in forms(message.id)}
    for code in contents.described():
        words = contents.paper_words(code, code)
        assert {words.holds, words.why} <= ids
    assert {refused.reason_words(reason) for reason in refused.explained_reasons()} <= ids
    for table in (trail._BASES, trail._BY_CITIZEN, trail._THROUGH_LINK, trail._BY_MACHINE):
        assert set(table.values()) <= ids
    for pairs in (trail._ACTS, trail_acts.ACTS_APART, trail_acts.ALONE):
        assert {text for pair in pairs.values() for text in pair} <= ids
    assert {NO_COUNTER, refused._ANY_REASON, *trail._ANY_ACT, contents._WHOLE} <= ids
    assert {row.issuer for row in load_catalogue().document_types.values()} <= ids


class _Asked:
    """Remembers what a page asked for and the catalogue does not hold."""

    def __init__(self) -> None:
        self.missing: set[str] = set()

    def gettext(self, text: str) -> str:
        self.missing.add(text)
        return text

    def ngettext(self, one: str, _many: str, _number: int) -> str:
        return self.gettext(one)


@pytest.mark.parametrize("language", OTHERS)
def test_no_page_says_what_is_not_translated(language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence of Python that stands in no table of `gather.SPEAKING` ends up here."""
    asked, words = _Asked(), translations(language)
    monkeypatch.setattr(words, "_fallback", asked)
    for name in set(ALL) - FOR_OFFICERS:
        read(name, language)
    # A counter is called what its agency calls it.
    assert {text for text in asked.missing if not re.fullmatch(r"Loket \d+", text)} == set()
    assert ASK.counter in asked.missing, "the catalogue was asked"


def test_every_template_marks_its_words() -> None:
    """A sentence outside of `_()` and `{% trans %}` would stay Indonesian on every page."""
    brand, abroad = (
        {"Berkas", "\N{EN DASH} Berkas", "Berkas \N{MIDDLE DOT}"},
        re.compile(r'<p lang="en">.*?</p>'),
    )
    code = re.compile(r"\{%-? trans.*?endtrans -?%\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<[^>]*>", re.DOTALL)
    for template in Path(environment.__file__).parent.glob("*.html"):
        text = abroad.sub("", template.read_text(encoding="utf-8"))
        bare = {" ".join(part.split()) for part in code.sub("\n", text).split("\n")} - brand
        assert not [words for words in bare if re.search(r"[A-Za-z]{2,}", words)], template.name
        assert not re.findall(r'(?:aria-label|title|alt|placeholder)="(?!\{\{)', text), template.name


class TestChoice:
    @pytest.mark.parametrize(
        ("query", "cookies", "language"),
        [
            ({}, {}, "id"),
            ({"lang": "en"}, {}, "en"),
            ({}, {"berkas-lang": "en"}, "en"),
            ({"lang": "id"}, {"berkas-lang": "en"}, "id"),
            ({"lang": "fr"}, {"berkas-lang": "en"}, "en"),
            ({"lang": "EN"}, {"berkas-lang": "../en"}, "id"),
            ({"lang": ""}, {"berkas-lang": ""}, "id"),
        ],
    )
    def test_query_then_cookie_then_indonesian(
        self, query: dict[str, str], cookies: dict[str, str], language: Language
    ) -> None:
        assert language_of(query, cookies) == language

    def test_pages_go_into_a_language_and_back(self) -> None:
        pages = Pages(SITE)
        assert "meminta persetujuan Anda" in pages.consent_start(START)
        english = pages.into("en")
        assert english.language == "en"
        assert "asks for your consent" in english.consent_start(START)
        assert english.into("id").consent_start(START) == pages.consent_start(START)


class TestEnglish:
    def test_a_number_of_things_has_its_form(self) -> None:
        pages = Pages(SITE, "en")
        one = pages.consent_done(replace(DONE, granted=("KTP-el",), refused=(), max_reads=1))
        assert "You allowed 1 of 1 document." in one
        assert "Opened at most 1 time." in one
        tomorrow = replace(DECIDE, use_until=NOW.replace(day=25))
        assert "(1 day)." in pages.consent_decide(tomorrow)
        assert "(0 days)." in pages.consent_decide(replace(DECIDE, use_until=NOW))

    def test_what_python_chooses_is_english_too(self) -> None:
        text = " ".join(re.sub(r"<[^>]*>", " ", read("trail", "en")).split())
        assert "DPMPTSP Kota Samarinda , Loket 4, viewed documents:" in text
        assert "BPJS Kesehatan tried to open documents: Family card (household register extract)." in text
        assert "Refused: This document is not part of your consent." in text
        assert "Basis: consent PST-7KQ2-M9XD" in text
        assert "Basis: public service task, without consent" in text
        assert "Entry no. 1,204,331" in text
        assert "25 November 2026" in text
        unknown = replace(ACCESSES[0], event="brand_new", allowed=False, reason="brand_new_reason")
        shown = Pages(SITE, "en").trail(replace(TRAIL, accesses=(unknown,)))
        assert "tried to carry out an activity" in shown
        assert "The request did not meet the conditions." in shown

    def test_an_attempt_and_an_act_have_their_own_words(self) -> None:
        """Indonesian has one form for both. With one sentence for both, English would say "tried to asked"."""
        say = sayer("en")
        for done, tried in (*trail._ACTS.values(), *trail_acts.ACTS_APART.values(), trail._ANY_ACT):
            assert say(tried).startswith("tried to ")
            assert not say(done).startswith("tried to ")
            assert tried.startswith("mencoba ")

    def test_where_no_officer_sits(self) -> None:
        asked = replace(START, ask=replace(ASK, counter=NO_COUNTER))
        assert "<dd>electronic service</dd>" in Pages(SITE, "en").consent_start(asked)


def test_no_compiled_catalogue_is_kept_and_the_package_carries_the_text() -> None:
    """What is installed is what is in git: no build step in between."""
    assert [path for path in tracked() if path.suffix in {".mo", ".pot"}] == []
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (pattern,) = re.findall(r'"(pages/locale/[^"]+)"', text)
    carried = set((ROOT / "exchange").glob(pattern))
    assert carried == {gather.po_of(language) for language in OTHERS} == set(LOCALE.rglob("*.po"))
