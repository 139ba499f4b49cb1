"""The citizen's pages: server-rendered, no JavaScript, readable on a cheap phone and under a strict CSP.

A pure room. Each method of ``Pages`` takes one frozen view and returns HTML; nothing here knows a request, a
session or a row. Source language is Indonesian, marked for gettext; other languages are translated from it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exchange.pages import trail as trail_words
from exchange.pages import wording
from exchange.pages.contents import paper_words
from exchange.pages.qr import qr_svg
from exchange.pages.views import (
    ConsentCode,
    ConsentDecide,
    ConsentDone,
    ConsentStart,
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

__all__ = ["CONTENT_SECURITY_POLICY", "TEXT_VERSION", "Pages", "icon", "qr_svg", "stylesheet"]

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
"""The pages are written to work under exactly this header; a browser test serves them with it."""

TEXT_VERSION = "2026-11-25"
"""Raised with every change of what the consent page says; stored with each consent (UU 27/2022 art. 21(2), 24)."""

STYLESHEET_PATH = "/static/berkas.css"
ICON_PATH = "/static/berkas.svg"
_HERE = Path(__file__).parent


@cache
def stylesheet() -> bytes:
    """The one stylesheet, served from ``STYLESHEET_PATH`` as text/css."""
    return (_HERE / "berkas.css").read_bytes()


@cache
def icon() -> bytes:
    """The browser tab's icon, served from ``ICON_PATH`` as image/svg+xml."""
    return (_HERE / "berkas.svg").read_bytes()


class Pages:
    """One method per page. ``site`` names the house on pages that belong to no request."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._templates = _environment()

    def consent_start(self, view: ConsentStart) -> str:
        """``GET /p/{code}`` before the factor: nothing about the citizen, no document (attack A22)."""
        return self._render("consent_start.html", view)

    def consent_code(self, view: ConsentCode) -> str:
        """Six digits, with the tries that are left."""
        return self._render("consent_code.html", view)

    def consent_decide(self, view: ConsentDecide) -> str:
        """The decision, item by item; another page when nothing that was asked for is on file."""
        offered = any(paper.on_file for paper in view.papers)
        return self._render("consent_decide.html" if offered else "consent_nothing.html", view)

    def consent_shown(self, view: ConsentDecide) -> str:
        """The decision page without its form token and errors: the same bytes for the same text, to be hashed."""
        return self.consent_decide(replace(view, csrf="", nothing_ticked=False, changed=False))

    def consent_done(self, view: ConsentDone) -> str:
        """The receipt, also shown again to the browser that decided."""
        return self._render("consent_done.html", view)

    def gone(self) -> str:
        """410 for unknown, expired, used and withdrawn codes alike: no time, no reason."""
        return self._render("gone.html", None)

    def trail_start(self, view: TrailStart) -> str:
        """``GET /w/{code}`` before the factor."""
        return self._render("trail_start.html", view)

    def trail_code(self, view: TrailCode) -> str:
        return self._render("trail_code.html", view)

    def trail(self, view: Trail) -> str:
        """Jejak Data Saya: live consents, and every access by day."""
        return self._render("trail.html", view, days=trail_words.by_day(view.accesses, view.site.zone))

    def withdraw_confirm(self, view: WithdrawConfirm) -> str:
        return self._render("withdraw_confirm.html", view)

    def withdraw_done(self, view: WithdrawDone) -> str:
        return self._render("withdraw_done.html", view)

    def signed_in(self, view: SignedInPage) -> str:
        """For officers: a page of ours between the provider's redirect and whatever needs the session's strict cookie."""
        return self._render("signed_in.html", view)

    def sign_in_problem(self, view: SignInProblemPage) -> str:
        return self._render("sign_in_problem.html", view)

    def problem(self, view: ProblemPage) -> str:
        """What went wrong for the citizen, and what to do now."""
        return self._render("problem.html", view)

    def _render(self, template: str, view: Any, **more: Any) -> str:
        site = getattr(view, "site", None) or self._site
        return self._templates.get_template(template).render(
            view=view, site=site, lang=wording.LOCALE, **more
        )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: wording.clean(value) if isinstance(value, str) else value,
    )
    environment.policies["ext.i18n.trimmed"] = True
    translations = NullTranslations()
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(
        # For our own sentences that are chosen in Python. `_()` with a variable would mark a stranger's text as safe
        # markup; what this filter returns is escaped like any other text.
        say=translations.gettext,
        day=wording.day_words,
        moment=wording.moment_words,
        clock=wording.time_words,
        number=wording.number_words,
        spaced=wording.spaced,
        listed=wording.list_words,
    )
    environment.globals.update(
        stylesheet_path=STYLESHEET_PATH,
        icon_path=ICON_PATH,
        days_between=wording.days_between,
        paper_words=paper_words,
        act_words=trail_words.act_words,
        speaks_alone=trail_words.speaks_alone,
        reason_words=trail_words.reason_words,
        basis_words=trail_words.basis_words,
    )
    return environment
