"""Citizens who prove themselves with INApas, at ``/p/`` and ``/w/``. Routed only where ``BERKAS_INAPAS_ISSUER`` names it.

A link leads there, not a form: Chromium holds ``form-action 'self'`` against the redirect behind one.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from auth.verdict import AccessRefused
from exchange.answers import back, gone, problem
from exchange.code_flow import BEGUN_LIFE
from exchange.deps import Browser, CitizenBrowser, Parts, Translated, clock, identity_cookie
from exchange.factors import CitizenIdentity, Target, open_target
from exchange.flows import exercise_rights, give_consent, prove_by_identity
from exchange.identity_provider import Answer

router = APIRouter(tags=["Citizen"])
MAX_CHARACTERS = 4_096
Text = Annotated[str, Query(max_length=MAX_CHARACTERS)]


def _identity(parts: Translated) -> CitizenIdentity:
    if parts.citizen_identity is None:
        raise TypeError("routed without a service")
    return parts.citizen_identity


Identity = Annotated[CitizenIdentity, Depends(_identity)]


@router.get(
    "/p/inapas/callback", operation_id="finishInapas", summary="Back from INApas", response_class=Response
)
async def finish(
    request: Request,
    parts: Translated,
    browser: CitizenBrowser,
    identity: Identity,
    state: Text = "",
    code: Text = "",
    iss: Text = "",
    error: Text = "",
) -> Response:
    """The browser that began, with the answer of INApas. One entry on the citizen's trail: passed, or that it was somebody else."""
    try:
        verdict, path = await prove_by_identity.come_back(
            parts.database,
            parts.keyring,
            parts.appender,
            identity,
            browser=browser.hash,
            cookie=request.cookies.get(identity_cookie(parts.settings), ""),
            answer=Answer(state, code, iss, error),
            now=clock(),
        )
    except AccessRefused as refused:
        return _stopped(parts, browser, refused.reason)
    if verdict.reason == "identity_of_another":
        return problem(parts, browser, "identity_other", 403)
    if not verdict.allowed:
        return gone(parts)
    response = back(parts, browser, path)
    response.delete_cookie(
        identity_cookie(parts.settings), path="/", secure=parts.settings.secure, httponly=True, samesite="lax"
    )
    return response


@router.get(
    "/p/{code}/inapas",
    status_code=302,
    operation_id="beginInapasAtRequest",
    summary="Prove oneself with INApas",
    response_class=Response,
)
async def begin_at_request(
    parts: Translated, browser: CitizenBrowser, identity: Identity, code: str
) -> Response:
    """Anyone with the link. Sends the browser to INApas; a cookie of ten minutes remembers for what. Changes nothing."""
    opened = await give_consent.open_link(parts.database, parts.keyring, code=code)
    target = open_target(opened.request, clock()) if opened else None
    if target is None:
        return gone(parts)
    return await _sent(parts, browser, identity, target, f"/p/{code}")


@router.get(
    "/w/{code}/inapas",
    status_code=302,
    operation_id="beginInapasAtTrail",
    summary="Open the own list with INApas",
    response_class=Response,
)
async def begin_at_trail(
    parts: Translated, browser: CitizenBrowser, identity: Identity, code: str
) -> Response:
    """Anyone with the link. The same for Jejak Data Saya."""
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=clock())
    if link is None:
        return gone(parts)
    return await _sent(parts, browser, identity, Target(link.id, link.subject_ref, None), f"/w/{code}")


async def _sent(
    parts: Parts, browser: Browser, identity: CitizenIdentity, target: Target, path: str
) -> Response:
    try:
        address, cookie = await prove_by_identity.send(
            identity, target=target, browser=browser.hash, path=path, now=clock()
        )
    except AccessRefused as refused:
        return _stopped(parts, browser, refused.reason)
    response = back(parts, browser, address, status=302)
    # Lax, since the browser comes back from another site.
    response.set_cookie(
        identity_cookie(parts.settings),
        cookie,
        max_age=int(BEGUN_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=parts.settings.secure,
        path="/",
    )
    return response


def _stopped(parts: Parts, browser: Browser, reason: str) -> Response:
    if reason == "provider_unavailable":
        return problem(parts, browser, "unavailable", 503)
    return problem(parts, browser, "identity_unfinished", 403)
