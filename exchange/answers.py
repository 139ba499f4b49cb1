"""Answers that several routes share: an officer's session; for citizens page headers, the browser's own cookie, pages and texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Concatenate, Protocol

from fastapi import Response
from fastapi.responses import HTMLResponse, RedirectResponse

from auth.callers import Caller, Machine, counter_of
from auth.contacts import ContactRules
from exchange.bundles import Keys
from exchange.citizen import Letter, P
from exchange.deps import Browser, Parts, browser_cookie
from exchange.errors import ProblemRaised
from exchange.flows import turn_keys
from exchange.limits import Limits
from exchange.pages import CONTENT_SECURITY_POLICY
from exchange.pages import messages as words
from exchange.pages.contents import paper_words
from exchange.pages.languages import ASKED_AS, LANGUAGE_COOKIE
from exchange.pages.views import Problem, ProblemPage, Site
from exchange.representation import Majority
from exchange.requirements.numbers import NumberError, contact_value
from exchange.schemas import ContactIn

LANGUAGE_KEPT_FOR = timedelta(days=365)
"""Citizens come back to the link on their receipt, months later."""


class Named(Protocol):
    """A row of the catalogue."""

    @property
    def name_id(self) -> str: ...
    @property
    def name_en(self) -> str: ...


def name_in(parts: Parts, row: Named) -> str:
    """What the catalogue calls it, in the language of the pages."""
    return row.name_en if parts.pages.language == "en" else row.name_id


def page(
    parts: Parts,
    browser: Browser | None,
    html: str,
    status: int = 200,
    *,
    policy: str = CONTENT_SECURITY_POLICY,
) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": parts.pages.language,
        "Content-Security-Policy": policy,
        "X-Robots-Tag": "noindex",
    }
    response = HTMLResponse(html, status, headers=headers)
    if browser is not None:
        _remember(parts, browser, response)
    return response


def pdf(content: bytes, name: str) -> Response:
    """To be kept, not shown: some phones' in-app browsers cannot show one, and the page says the same."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}.pdf"',
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Robots-Tag": "noindex",
    }
    return Response(content, headers=headers, media_type="application/pdf")


def archive(content: bytes, name: str) -> Response:
    """To be kept; no browser shows it."""
    headers = {
        "Cache-Control": "no-store, private",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Robots-Tag": "noindex",
    }
    return Response(content, headers=headers, media_type="application/zip")


def picture(content: bytes, name: str) -> Response:
    """Shown by the browser itself, kept by nobody."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'inline; filename="{name}.jpg"',
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Robots-Tag": "noindex",
    }
    return Response(content, headers=headers, media_type="image/jpeg")


def back(parts: Parts, browser: Browser, path: str, *, status: int = 303) -> Response:
    """After a POST that changed something the browser reads the page anew: a reload repeats nothing."""
    response = RedirectResponse(_in_language(browser, path), status, headers={"Cache-Control": "no-store"})
    _remember(parts, browser, response)
    return response


def gone(parts: Parts) -> Response:
    """One page for unknown, expired, used and withdrawn codes: a code tells a stranger nothing."""
    return page(parts, None, parts.pages.gone(), 410)


def forgotten(parts: Parts, browser: Browser, path: str) -> Response:
    """Like ``back``, for a browser that shall not be known any more; what it reads is no secret."""
    response = RedirectResponse(_in_language(browser, path), 303)
    response.delete_cookie(
        browser_cookie(parts.settings), path="/", secure=parts.settings.secure, httponly=True, samesite="lax"
    )
    return response


def problem(
    parts: Parts, browser: Browser, what: Problem, status: int, *, retry_at: datetime | None = None
) -> Response:
    return page(parts, browser, parts.pages.problem(ProblemPage(what, site_of(parts), retry_at)), status)


def passkey_way(parts: Parts, path: str) -> str | None:
    """Offered to everybody, whoever has one (A22); None where no browser would make one."""
    return f"{path}/passkey" if parts.settings.has_passkeys else None


def identity_way(parts: Parts, path: str) -> str | None:
    """None where the house has no such service."""
    return f"{path}/inapas" if parts.citizen_identity is not None else None


def no_codes_left(parts: Parts, browser: Browser, now: datetime) -> Response:
    """The deployment has sent the codes of this hour: nobody's fault who reads it, and the counter goes on (429 counts a whole server
    too, RFC 6585 4).
    """
    next_hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    answer = problem(parts, browser, "codes_spent_everywhere", 429, retry_at=next_hour)
    answer.headers["Retry-After"] = str(math.ceil((next_hour - now).total_seconds()))
    return answer


def site_of(parts: Parts) -> Site:
    return Site(parts.site_name, parts.zone)


async def keys_of(parts: Parts) -> Keys:
    """Every public key of this deployment, those that sign and those that are retired."""
    keys = parts.desk.keys
    everyone = {"keys": [*keys.jwks()["keys"], *keys.jwks_archive()["keys"]]}
    return Keys(everyone, await turn_keys.known_log_vkeys(parts.database))


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


def majority_of(parts: Parts) -> Majority:
    settings = parts.settings
    return Majority(
        own=settings.own_consent_age,
        adult=settings.adult_age,
        zone=parts.zone,
        second_officer=settings.second_officer_names,
    )


def contact_rules_of(parts: Parts) -> ContactRules:
    rest = timedelta(hours=parts.settings.contact_rest)
    return ContactRules(rest, parts.settings.contact_setter_apart)


def checked_contact(contact: ContactIn, pointer: str) -> None:
    """Raises ``ProblemRaised`` for a number or address that cannot be; ``pointer`` is where it stands."""
    try:
        contact_value(contact.channel, contact.value)
    except NumberError as error:
        raise ProblemRaised("BK-2005", errors=[{"pointer": pointer, "code": error.rule}]) from error


def parties_meant(parts: Parts, caller: Caller, parties: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Who takes part, by role, from the references that this agency knows."""
    return {
        role: [parts.keyring.meant(caller.agency_id, ref) for ref in refs] for role, refs in parties.items()
    }


def letter(parts: Parts, words: Callable[Concatenate[str, P], str]) -> Letter[P]:
    """A notice whose ``words`` are given the citizen's own link first."""
    return Letter(parts.settings.origin, timedelta(days=parts.settings.trail_link_days), words)


def withdrawal_text(parts: Parts) -> Letter[[str, Sequence[str], str, datetime]]:
    """The notice that confirms a withdrawal: (agency id, types, request id, deadline) -> text."""

    def text(link: str, agency_id: str, types: Sequence[str], request_id: str, deadline: datetime) -> str:
        return words.withdrawal_notice(
            site=parts.site_name,
            agency=agency_code(agency_id),
            documents=short_names(parts, types),
            reference=reference(request_id),
            deadline=deadline,
            trail_link=link,
            zone=parts.zone,
        )

    return letter(parts, text)


def access_text(parts: Parts, caller: Caller) -> Letter[[Sequence[str], str, datetime]]:
    """The notice that papers are being read: (types, service code, time) -> text."""
    agency = agency_code(caller.agency_id)

    def text(link: str, types: Sequence[str], service: str, at: datetime) -> str:
        return words.access_notice(
            site=parts.site_name,
            agency=agency,
            counter=counter_of(caller),
            documents=short_names(parts, types),
            purpose=parts.catalogue.services[service].name_id,
            at=at,
            trail_link=f"{link} atau di loket {agency}",  # for who has no phone to open it with
            zone=parts.zone,
            machine=isinstance(caller, Machine),
        )

    return letter(parts, text)


def _in_language(browser: Browser, path: str) -> str:
    return f"{path}?{ASKED_AS}={browser.chose}" if browser.chose else path


def _remember(parts: Parts, browser: Browser, response: Response) -> None:
    secure = parts.settings.secure
    if browser.chose:
        response.set_cookie(
            LANGUAGE_COOKIE,
            browser.chose,
            max_age=int(LANGUAGE_KEPT_FOR.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=secure,
            path="/",
        )
    if browser.is_new:
        response.set_cookie(
            browser_cookie(parts.settings),
            browser.cookie,
            httponly=True,
            samesite="lax",
            secure=secure,
            path="/",
        )
