"""The citizen's pages: server-rendered, no JavaScript, readable on a cheap phone and under a strict CSP.

A pure room. Each method of ``Pages`` takes one frozen view and returns HTML; nothing here knows a request, a
session or a row. Source language is Indonesian, marked for gettext; other languages are translated from it (``languages``).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from exchange.pages import trail as trail_words
from exchange.pages.audit import AuditFind, AuditFound, AuditSignIn
from exchange.pages.breach_views import BreachLetter
from exchange.pages.environment import TEMPLATES, templates_in
from exchange.pages.languages import SOURCE, Language
from exchange.pages.minutes import Minutes
from exchange.pages.officer_views import SignedInPage, SignInProblemPage
from exchange.pages.passkey_views import PasskeyOwn, PasskeyShow
from exchange.pages.qr import qr_svg
from exchange.pages.rights_views import CasePage, RightsDone, RightsForm, RightsMenu
from exchange.pages.slip import Slip
from exchange.pages.verify_views import VerifyAnswer, VerifyAsk
from exchange.pages.views import (
    ConsentCode,
    ConsentDecide,
    ConsentDone,
    ConsentStart,
    LegalNotice,
    ProblemPage,
    Site,
    Trail,
    TrailCode,
    TrailStart,
    WithdrawConfirm,
    WithdrawDone,
)

__all__ = [
    "CONTENT_SECURITY_POLICY",
    "SCRIPTED_CONTENT_SECURITY_POLICY",
    "SLIP_VERSION",
    "TEXT_VERSION",
    "Pages",
    "icon",
    "passkey_script",
    "qr_svg",
    "slip_stylesheet",
    "stylesheet",
]

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
"""The pages are written to work under exactly this header; a browser test serves them with it."""

SCRIPTED_CONTENT_SECURITY_POLICY = f"{CONTENT_SECURITY_POLICY}; script-src 'self'"
"""For the pages about passkeys alone: WebAuthn needs a script. Ours makes no call of its own, so there is no ``connect-src``."""

TEXT_VERSION = "2026-11-26.3"
"""Raised with every change of what the consent page says, in any language; stored with each consent (UU 27/2022 art. 21(2), 24)."""

SLIP_VERSION = "lembar-2026-11-26.2"
"""The same for the printed slip of a citizen without a phone."""


@cache
def stylesheet() -> bytes:
    """The one stylesheet, served from ``STYLESHEET_PATH`` as text/css."""
    return (TEMPLATES / "berkas.css").read_bytes()


@cache
def slip_stylesheet() -> bytes:
    """Of the printed slip, served from ``SLIP_STYLESHEET_PATH`` as text/css."""
    return (TEMPLATES / "slip.css").read_bytes()


@cache
def icon() -> bytes:
    """The browser tab's icon, served from ``ICON_PATH`` as image/svg+xml."""
    return (TEMPLATES / "berkas.svg").read_bytes()


@cache
def passkey_script() -> bytes:
    """The one script of citizens' pages, served from ``SCRIPT_PATH`` as text/javascript."""
    return (TEMPLATES / "passkey.js").read_bytes()


class Pages:
    """One method per page, in one language. ``site`` names the house on pages that belong to no request."""

    def __init__(self, site: Site, language: Language = SOURCE) -> None:
        self._site = site
        self.language = language
        self._templates = templates_in(language)

    def into(self, language: Language) -> Pages:
        """The same pages in ``language``."""
        return self if language == self.language else Pages(self._site, language)

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
        """The decision page without its form token, its link's code and errors: the same bytes for the same text, to be hashed."""
        return self.consent_decide(replace(view, csrf="", link="", nothing_ticked=False, changed=False))

    def consent_done(self, view: ConsentDone) -> str:
        """The receipt, also shown again to the browser that decided."""
        return self._render("consent_done.html", view)

    def legal_notice(self, view: LegalNotice) -> str:
        """Where the law decides: told, not asked."""
        return self._render("legal_notice.html", view)

    def breach_letter(self, view: BreachLetter) -> str:
        """For printing: to a person, or to the authority."""
        return self._render("breach_letter.html", view)

    def minutes(self, view: Minutes) -> str:
        """For paper: the minutes of a destruction, or the list that waits for approval."""
        return self._render("minutes.html", view)

    def slip(self, view: Slip) -> str:
        """For paper, A4 or 80 mm: to be read and signed, or what came of it."""
        return self._render("slip.html", view)

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

    def passkey_show(self, view: PasskeyShow) -> str:
        """In the place of a one-time code; says what to do where there is no script."""
        return self._render("passkey_show.html", view)

    def passkey_own(self, view: PasskeyOwn) -> str:
        """A citizen's passkeys: which there are, a new one, away with one."""
        return self._render("passkey_own.html", view)

    def withdraw_confirm(self, view: WithdrawConfirm) -> str:
        return self._render("withdraw_confirm.html", view)

    def withdraw_done(self, view: WithdrawDone) -> str:
        return self._render("withdraw_done.html", view)

    def rights(self, view: RightsMenu) -> str:
        """Hak Anda: what may be asked, the own data to take along, what was asked so far."""
        return self._render("rights.html", view)

    def rights_form(self, view: RightsForm) -> str:
        return self._render("rights_form.html", view)

    def rights_done(self, view: RightsDone) -> str:
        return self._render("rights_done.html", view)

    def rights_case(self, view: CasePage) -> str:
        return self._render("rights_case.html", view)

    def verify_ask(self, view: VerifyAsk) -> str:
        """``GET /verify``: a file or a code."""
        return self._render("verify_ask.html", view)

    def verify_answer(self, view: VerifyAnswer) -> str:
        """Genuine, changed, withdrawn or unknown."""
        return self._render("verify_answer.html", view)

    def signed_in(self, view: SignedInPage) -> str:
        """For officers: a page of ours between the provider's redirect and whatever needs the session's strict cookie."""
        return self._render("signed_in.html", view)

    def sign_in_problem(self, view: SignInProblemPage) -> str:
        return self._render("sign_in_problem.html", view)

    def audit_sign_in(self, view: AuditSignIn) -> str:
        """For auditors: ``GET /audit`` without a session."""
        return self._render("audit_sign_in.html", view)

    def audit_find(self, view: AuditFind) -> str:
        """What to find, and the evidence that was asked for."""
        return self._render("audit_find.html", view)

    def audit_found(self, view: AuditFound) -> str:
        return self._render("audit_found.html", view)

    def problem(self, view: ProblemPage) -> str:
        """What went wrong for the citizen, and what to do now."""
        return self._render("problem.html", view)

    def _render(self, template: str, view: Any, **more: Any) -> str:
        site = getattr(view, "site", None) or self._site
        return self._templates.get_template(template).render(view=view, site=site, **more)
