"""Gathers every sentence of the pages into the catalogues of the other languages: ``make messages``.

What is gathered: what the templates mark, every text of the tables in the modules of ``SPEAKING``, and the issuers that the
catalogue of documents names. A table of a module that is not listed there is found by no one but the test that renders the
samples. After a change: run it, translate what is empty in the .po, look at what is marked fuzzy, take the mark off.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import yaml
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import exchange.pages
import exchange.requirements
from exchange.pages import contents, messages, provenance, refused, rights, trail, trail_acts
from exchange.pages.languages import LANGUAGES, LOCALE, SOURCE, Language

SPEAKING: tuple[ModuleType, ...] = (contents, provenance, refused, rights, trail, trail_acts)
# Words of a module whose other texts are not for pages.
ALONE = {"exchange/pages/messages.py": (messages.NO_COUNTER, *messages.WHOSE.values())}
PAGES = Path(exchange.pages.__file__).parent
TYPES = Path(exchange.requirements.__file__).parent / "data" / "document-types.yaml"
_OPTIONS = {"**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
WIDTH = 130


def po_of(language: Language) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "berkas.po"


def sentences() -> Iterator[tuple[str, str]]:
    """(file, text) of everything that Python says on a page."""
    for module in SPEAKING:
        file = f"{module.__name__.replace('.', '/')}.py"
        for name, value in vars(module).items():
            # Class names, functions and sets (of codes) say nothing; `__doc__` and its like are Python's.
            if not name.startswith("__") and isinstance(value, str | tuple | dict):
                yield from ((file, text) for text in texts_in(value))
    for file, alone in ALONE.items():
        yield from ((file, text) for text in alone)
    types = yaml.safe_load(TYPES.read_text(encoding="utf-8"))["documents"]
    yield from (("exchange/requirements/data/document-types.yaml", row["issuer"]) for row in types)


def texts_in(value: object) -> Iterator[str]:
    """The texts of a table: its values, however deep, and never its keys, which are codes."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


def gathered() -> Catalog:
    """Everything that needs a translation, in the order of files and lines."""
    catalogue = Catalog(domain="berkas")
    for file, _line, message, _comments, _context in extract_from_dir(
        PAGES, [("**.html", "jinja2")], _OPTIONS
    ):
        catalogue.add(message, locations=[(f"exchange/pages/{file}", 0)])
    for file, text in sentences():
        catalogue.add(text, locations=[(file, 0)])
    return catalogue


def brought_up_to_date(language: Language) -> str:
    """The text of the catalogue with every sentence of now: new ones empty, changed ones fuzzy, old ones gone."""
    with po_of(language).open("rb") as file:
        catalogue = read_po(file, locale=language, domain="berkas", ignore_obsolete=True)
    catalogue.update(gathered(), update_header_comment=False, update_creation_date=False)
    catalogue.obsolete.clear()
    text = io.BytesIO()
    write_po(text, catalogue, width=WIDTH, include_lineno=False, ignore_obsolete=True)
    # The tool's own version would make every update of it a change of ours.
    lines = text.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith('"Generated-By:'))


def main() -> None:
    for language in LANGUAGES:
        if language != SOURCE:
            po_of(language).write_text(brought_up_to_date(language), encoding="utf-8")


if __name__ == "__main__":
    main()
