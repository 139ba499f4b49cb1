"""Officers who sign in at the office's own identity provider. Routed only where ``BERKAS_OIDC_ISSUER`` names one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from exchange.answers import page
from exchange.code_flow import BEGUN_LIFE
from exchange.deps import Wired, begun_cookie, clock
from exchange.entrance import answered
from exchange.flows import single_sign_on
from exchange.identity_provider import Answer, IdentityProvider
from exchange.pages.officer_views import SignedInPage

router = APIRouter(prefix="/v1/session/oidc", tags=["Officer"])
# There is no console: who is signed in, and the token for changing calls.
GO_ON = "/v1/session"
MAX_CHARACTERS = 4_096


def _provider(parts: Wired) -> IdentityProvider:
    if parts.provider is None:
        raise TypeError("routed without a provider")
    return parts.provider


Provider = Annotated[IdentityProvider, Depends(_provider)]
Text = Annotated[str, Query(max_length=MAX_CHARACTERS)]


@router.get(
    "", status_code=302, operation_id="beginProviderSignIn", summary="Sign in at the office's provider"
)
async def begin(parts: Wired, provider: Provider) -> Response:
    """Anyone, in a browser. Sends it to the identity provider; a cookie of ten minutes remembers what was begun."""
    address, cookie = await single_sign_on.send_to_provider(parts.keyring, provider, clock())
    response = RedirectResponse(address, 302, headers={"Cache-Control": "no-store"})
    # Lax, since the provider's site sends the browser back; the session's own cookie stays strict.
    response.set_cookie(
        begun_cookie(parts.settings),
        cookie,
        max_age=int(BEGUN_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=parts.settings.secure,
        path="/",
    )
    return response


@router.get("/callback", operation_id="finishProviderSignIn", summary="Back from the office's provider")
async def finish(
    request: Request,
    parts: Wired,
    provider: Provider,
    state: Text = "",
    code: Text = "",
    iss: Text = "",
    error: Text = "",
) -> Response:
    """The browser that began, with the provider's answer. Sets the session cookie; one entry, allowed or refused, for whoever
    is linked to an officer. Answers a page: a strict cookie is not sent along with a chain of redirects that began at
    another site, so the way on is a link of ours.
    """
    signed = await single_sign_on.come_back(
        parts.database,
        parts.keyring,
        parts.appender,
        provider,
        cookie=request.cookies.get(begun_cookie(parts.settings), ""),
        answer=Answer(state, code, iss, error),
        now=clock(),
    )
    html = parts.pages.signed_in(SignedInPage(signed.officer.name, signed.officer.counter, GO_ON))
    response = page(parts, None, html)
    answered(parts, signed, response)
    response.delete_cookie(
        begun_cookie(parts.settings), path="/", secure=parts.settings.secure, httponly=True, samesite="lax"
    )
    return response


@router.post("/backchannel", operation_id="endProviderSession", summary="A session ended at the provider")
async def backchannel(
    parts: Wired, provider: Provider, response: Response, logout_token: Annotated[str, Form()] = ""
) -> dict[str, Any]:
    """The identity provider, with a signed logout token (OpenID Connect Back-Channel Logout 1.0) that counts once. Ends the
    officer's session, or all of them.
    """
    await single_sign_on.end_at_provider(
        parts.database, parts.keyring, parts.appender, provider, logout_token=logout_token, now=clock()
    )
    response.headers["Cache-Control"] = "no-store"
    return {}
