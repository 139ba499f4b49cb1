"""FastAPI only: credentials -> caller, the clock, the collaborators.

Here it is only established *who* calls; failures go to the operational log, so that anonymous callers cannot grow the
ledger. What a known caller may do is judged in the flow, live.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from auth.callers import Officer, csrf_of, same_text, session_of
from auth.links import browser_hash, form_token
from auth.tokens import TokenDesk
from auth.verdict import AccessRefused
from exchange.background import Background
from exchange.copies import Copies
from exchange.factors import CitizenIdentity
from exchange.flows.fetch_client_keys import ClientKeySets
from exchange.guarded import Guarded
from exchange.pages import Pages
from exchange.pages.languages import ASKED_AS, Language, language_named, language_of
from exchange.requirements.catalogue import Catalogue
from exchange.sessions import officer_of
from exchange.settings import Settings
from storage.database import Database
from storage.inspection import Gate
from storage.keyring import Keyring
from storage.ledger.log import Appender
from storage.ledger.policy import Policy
from storage.ledger.publisher import Publisher
from storage.ledger.refusals import RefusalBudget
from storage.vault import Vault

if TYPE_CHECKING:
    from exchange.identity_provider import IdentityProvider

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that is wired once, by ``exchange.wiring``."""

    settings: Settings
    database: Database
    keyring: Keyring
    appender: Appender
    publisher: Publisher
    vault: Vault
    gate: Gate | None
    desk: TokenDesk
    copies: Copies
    background: Background
    sign_ins: RefusalBudget
    verifications: RefusalBudget
    guarded: Guarded
    client_keys: ClientKeySets
    catalogue: Catalogue
    pages: Pages
    site_name: str
    zone: str
    log_origin: str
    witnesses: Policy | None
    provider: IdentityProvider | None
    citizen_identity: CitizenIdentity | None


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def _wired(request: Request) -> Parts:
    """``async``, like every dependency here: FastAPI would send a plain function through a thread."""
    return parts_of(request)


def translated(parts: Parts, language: Language) -> Parts:
    """The same parts, whose pages speak ``language``: a page and all that is looked up for it take it from there."""
    return replace(parts, pages=parts.pages.into(language))


async def _translated(request: Request) -> Parts:
    return translated(parts_of(request), language_of(request.query_params, request.cookies))


def clock() -> datetime:
    """The only clock of the application; what decides a right uses the batch's database clock."""
    return datetime.now(UTC)


def today_at(zone: str) -> date:
    """The calendar day at the site: a paper expires at the counter's midnight."""
    return clock().astimezone(ZoneInfo(zone)).date()


def session_cookie(settings: Settings) -> str:
    """``__Host-`` needs TLS; the sandbox speaks plain http on loopback."""
    return "__Host-berkas" if settings.secure else "berkas"


def browser_cookie(settings: Settings) -> str:
    """``__Host-`` keeps a neighbouring name from planting a cookie whose value it knows."""
    return "__Host-berkas-peramban" if settings.secure else "berkas-peramban"


def begun_cookie(settings: Settings) -> str:
    """A sign-in at the identity provider that was begun in this browser."""
    return "__Host-berkas-sso" if settings.secure else "berkas-sso"


def identity_cookie(settings: Settings) -> str:
    """For which link a citizen went to prove themselves elsewhere."""
    return "__Host-berkas-inapas" if settings.secure else "berkas-inapas"


async def current_officer(request: Request) -> Officer:
    """The signed-in officer. Raises ``AccessRefused``; a changing call needs ``X-CSRF-Token`` too."""
    parts = parts_of(request)
    secret = request.cookies.get(session_cookie(parts.settings), "")
    if not secret:
        raise AccessRefused("session_ended")
    if request.method in _UNSAFE and not same_text(request.headers.get("x-csrf-token", ""), csrf_of(secret)):
        raise AccessRefused("csrf")
    return await officer_of(parts.database, session_of(secret), now=clock())


async def officer_here(request: Request) -> Officer | None:
    """Whoever is signed in as an officer in this browser, on a page of citizens. A cookie that opens nothing any more is none."""
    parts = parts_of(request)
    secret = request.cookies.get(session_cookie(parts.settings), "")
    try:
        return await officer_of(parts.database, session_of(secret), now=clock()) if secret else None
    except AccessRefused:
        return None


def authorization_of(request: Request) -> str:
    """Empty when there is none, or several: which of them was meant is not for us to choose."""
    sent = request.headers.getlist("authorization")
    return sent[0] if len(sent) == 1 else ""


@dataclass(frozen=True, slots=True)
class Browser:
    """The citizen's browser: ``cookie`` is its own random value, ``hash`` what is kept of it. ``chose`` is the language that
    the address names (``?lang=``): it is remembered, and goes on to the next address.
    """

    cookie: str
    hash: str
    is_new: bool
    chose: Language | None = None


async def browser_of(request: Request) -> Browser:
    parts = parts_of(request)
    cookie = request.cookies.get(browser_cookie(parts.settings), "")
    is_new = len(cookie) < 32  # noqa: PLR2004 - shorter than any that we gave
    if is_new:
        cookie = secrets.token_urlsafe(32)
    chose = language_named(request.query_params.get(ASKED_AS))
    return Browser(cookie, browser_hash(parts.keyring.site("one-time-code"), cookie), is_new, chose)


def form_token_for(parts: Parts, browser: Browser, purpose: str) -> str:
    return form_token(parts.keyring.site("one-time-code"), browser.hash, purpose)


OfficerHere = Annotated[Officer | None, Depends(officer_here)]
CurrentOfficer = Annotated[Officer, Depends(current_officer)]
Wired = Annotated[Parts, Depends(_wired)]
Translated = Annotated[Parts, Depends(_translated)]
CitizenBrowser = Annotated[Browser, Depends(browser_of)]
