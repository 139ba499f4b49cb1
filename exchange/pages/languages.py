"""The languages of the citizen's pages: which one a reader chose, and its words.

Indonesian is the source: it stands in the templates and in the tables of sentences beside them. Every other language is a
gettext catalogue, `locale/<language>/LC_MESSAGES/berkas.po`. It is read as text when it is first needed and nothing is compiled
ahead: what a translator's change shows is what a citizen reads. `make messages` gathers new sentences.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Literal, get_args

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

Language = Literal["id", "en"]
Say = Callable[[str], str]
"""A sentence of the source language -> the same in another one."""

SOURCE: Language = "id"
LANGUAGES: tuple[Language, ...] = get_args(Language)
OWN_NAMES: dict[Language, str] = {"id": "Indonesia", "en": "English"}
"""How the link to a language reads, in that language, as CLDR has it: short enough for the header of a narrow phone."""

ASKED_AS = "lang"
LANGUAGE_COOKIE = "berkas-lang"
"""Set by a choice, holds "id" or "en". No secret, and whoever plants one changes a language: no prefix is needed."""

LOCALE = Path(__file__).parent / "locale"


def language_named(text: str | None) -> Language | None:
    """The language that ``text`` names; None for everything else: a link with a wrong language is still a link."""
    return next((language for language in LANGUAGES if language == text), None)


def language_of(query: Mapping[str, str], cookies: Mapping[str, str]) -> Language:
    """``?lang=``, then the cookie of an earlier choice, then Indonesian. Accept-Language is not asked: many cheap phones
    are sold in English to people who read Indonesian (ux.md 4).
    """
    asked = language_named(query.get(ASKED_AS)) or language_named(cookies.get(LANGUAGE_COOKIE))
    return asked or SOURCE


@cache
def translations(language: Language) -> NullTranslations:
    """The words of ``language``; the source language's are themselves."""
    if language == SOURCE:
        return NullTranslations()
    path = LOCALE / language / "LC_MESSAGES" / "berkas.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language, domain="berkas")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def sayer(language: Language) -> Say:
    """For sentences that are chosen in Python. An empty text stays empty: gettext would answer with its own header."""
    words = translations(language)
    return lambda text: words.gettext(text) if text else text
