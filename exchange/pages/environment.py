"""How the templates are read, in one language.

One way to mark words, so that a new page needs nothing else. In a template: ``_("...")``, or ``{% trans %}...{% endtrans %}``
where something stands in between (``{% pluralize count %}`` where a number of things does). In Python: a sentence stands in
a table of a module that ``tests/pages/gather.py`` names, and the template puts ``| say`` behind it.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from exchange.pages import refused, rights, trail, wording
from exchange.pages.contents import paper_words
from exchange.pages.languages import ASKED_AS, LANGUAGES, OWN_NAMES, Language, sayer, translations
from exchange.pages.qr import qr_svg

STYLESHEET_PATH = "/static/berkas.css"
SLIP_STYLESHEET_PATH = "/static/lembar.css"
SCRIPT_PATH = "/static/passkey.js"
ICON_PATH = "/static/berkas.svg"
TEMPLATES = Path(__file__).parent


@cache
def templates_in(language: Language) -> Environment:
    """The templates in ``language``. Dates, numbers and lists follow it too."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: wording.clean(value) if isinstance(value, str) else value,
    )
    templates.policies["ext.i18n.trimmed"] = True
    templates.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    say = sayer(language)
    templates.filters.update(
        # For our own sentences that are chosen in Python. `_()` with a variable would mark a stranger's text as safe
        # markup; what this filter returns is escaped like any other text.
        say=say,
        day=partial(wording.day_words, language=language),
        moment=partial(wording.moment_words, language=language),
        clock=wording.time_words,
        number=partial(wording.number_words, language=language),
        spaced=wording.spaced,
        listed=partial(wording.list_words, language=language),
        basis_name=trail.basis_name,
    )
    templates.globals.update(
        stylesheet_path=STYLESHEET_PATH,
        icon_path=ICON_PATH,
        script_path=SCRIPT_PATH,
        slip_stylesheet_path=SLIP_STYLESHEET_PATH,
        qr=lambda address: Markup(qr_svg(address)),  # noqa: S704 - drawn by us, of an address of ours
        lang=language,
        lang_asked_as=ASKED_AS,
        other_languages=[(other, OWN_NAMES[other]) for other in LANGUAGES if other != language],
        days_between=wording.days_between,
        paper_words=paper_words,
        act_words=partial(trail.act_words, say=say),
        speaks_alone=trail.speaks_alone,
        proves_opening=trail.proves_opening,
        reason_words=refused.reason_words,
        basis_words=partial(trail.basis_words, say=say),
        kind_words=rights.kind_words,
        outcome_words=rights.outcome_words,
        answer_words=rights.answer_words,
        explained=rights.explained,
    )
    return templates
