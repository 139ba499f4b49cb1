"""Answers that several routes share: an officer's session; for citizens page headers, the browser's own cookie, pages and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from fastapi import Response
from fastapi.responses import HTMLResponse, RedirectResponse

from auth.callers import Caller, Machine, counter_of
from exchange.deps import Browser, Parts, browser_cookie
from exchange.limits import Limits
from exchange.pages import CONTENT_SECURITY_POLICY
from exchange.pages import messages as words
from exchange.pages.contents import paper_words
from exchange.pages.views import Problem, ProblemPage, Site

TRAIL_LINK_WORDS = "tautan pada tanda terima Anda"
"""Later notices repeat no link: only the receipt's message carries it (notices ask for nothing)."""


def page(parts: Parts, browser: Browser | None, html: str, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
    response = HTMLResponse(html, status, headers={**headers, "X-Robots-Tag": "noindex"})
    if browser is not None:
        _remember(parts, browser, response)
    return response


def back(parts: Parts, browser: Browser, path: str) -> Response:
    """After a POST that changed something the browser reads the page anew: a reload repeats nothing."""
    response = RedirectResponse(path, 303)
    _remember(parts, browser, response)
    return response


def gone(parts: Parts) -> Response:
    """One page for unknown, expired, used and withdrawn codes: a code tells a stranger nothing."""
    return page(parts, None, parts.pages.gone(), 410)


def forgotten(parts: Parts, path: str) -> Response:
    """Like ``back``, for a browser that shall not be known any more."""
    response = RedirectResponse(path, 303)
    response.delete_cookie(
        browser_cookie(parts.settings), path="/", secure=parts.settings.secure, httponly=True, samesite="lax"
    )
    return response


def problem(
    parts: Parts, browser: Browser, what: Problem, status: int, *, retry_at: datetime | None = None
) -> Response:
    return page(parts, browser, parts.pages.problem(ProblemPage(what, site_of(parts), retry_at)), status)


def site_of(parts: Parts) -> Site:
    return Site(parts.site_name, parts.zone)


def reference(record_id: str) -> str:
    """The number people say aloud: the last eight characters of the id."""
    return f"PST-{record_id[-8:-4]}-{record_id[-4:]}"


def agency_code(agency_id: str) -> str:
    return agency_id.partition("@")[0]


def short_names(parts: Parts, types: Sequence[str]) -> list[str]:
    known = parts.catalogue.document_types
    return [paper_words(code, known[code].name_id if code in known else code).short for code in types]


def limits_of(parts: Parts) -> Limits:
    settings = parts.settings
    return Limits(
        citizens_per_officer=settings.citizens_per_officer_hour,
        citizens_per_client=settings.citizens_per_client_hour,
        citizens_per_agency=settings.citizens_per_agency_hour,
        sequential=settings.sequential_numbers_per_hour,
        hours=settings.hours,
        outside_hours=settings.citizens_outside_hours,
        times_own_mean=settings.citizens_times_own_mean,
        zone=parts.zone,
    )


def parties_meant(parts: Parts, caller: Caller, parties: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Who takes part, by role, from the references that this agency knows."""
    return {
        role: [parts.keyring.meant(caller.agency_id, ref) for ref in refs] for role, refs in parties.items()
    }


def withdrawal_text(parts: Parts) -> Callable[[str, Sequence[str], str, datetime], str]:
    """The words of the notice that confirms a withdrawal: (agency id, types, request id, deadline) -> text."""

    def text(agency_id: str, types: Sequence[str], request_id: str, deadline: datetime) -> str:
        return words.withdrawal_notice(
            site=parts.site_name,
            agency=agency_code(agency_id),
            documents=short_names(parts, types),
            reference=reference(request_id),
            deadline=deadline,
            trail_link=TRAIL_LINK_WORDS,
            zone=parts.zone,
        )

    return text


def access_text(parts: Parts, caller: Caller) -> Callable[[Sequence[str], str, datetime], str]:
    """The words of the notice that papers are being read: (types, service code, time) -> text."""

    def text(types: Sequence[str], service: str, at: datetime) -> str:
        return words.access_notice(
            site=parts.site_name,
            agency=agency_code(caller.agency_id),
            counter=counter_of(caller),
            documents=short_names(parts, types),
            purpose=parts.catalogue.services[service].name_id,
            at=at,
            trail_link=TRAIL_LINK_WORDS,
            zone=parts.zone,
            machine=isinstance(caller, Machine),
        )

    return text


def _remember(parts: Parts, browser: Browser, response: Response) -> None:
    if browser.is_new:
        secure = parts.settings.secure
        response.set_cookie(
            browser_cookie(parts.settings),
            browser.cookie,
            httponly=True,
            samesite="lax",
            secure=secure,
            path="/",
        )
