"""An officer's session: in, out, and the second factor."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from auth.callers import csrf_of
from exchange import sessions
from exchange.deps import CurrentOfficer, Wired, current_officer, session_cookie
from exchange.entrance import Again, answered, shown_again, shown_session
from exchange.flows import second_factor, sign_in
from exchange.schemas import Strict

public = APIRouter(prefix="/v1", tags=["Officer"])
router = APIRouter(prefix="/v1", tags=["Officer"], dependencies=[Depends(current_officer)])


class Credentials(Strict):
    username: str = Field(max_length=100)
    password: str = Field(max_length=500)
    code: str | None = Field(default=None, max_length=20)


class FirstCode(Strict):
    code: str = Field(max_length=20)


@public.post("/session", status_code=201, operation_id="signIn", summary="Sign an officer in")
async def sign_in_(parts: Wired, body: Credentials, response: Response) -> dict[str, Any]:
    """Anyone with a username and password. Sets the session cookie; one entry, allowed or refused."""
    signed = await sign_in.sign_in(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.sign_ins,
        username=body.username,
        password=body.password,
        code=body.code or "",
    )
    return answered(parts, signed, response)


@router.get("/session", operation_id="currentSession", summary="Who is signed in")
async def current_session(
    request: Request, parts: Wired, officer: CurrentOfficer, response: Response
) -> dict[str, Any]:
    """The officer, and the token that every changing call carries: for a page that did not sign in itself. ``provider_logout`` is
    where a browser ends the session at the identity provider, when that is where it came from and it has such a place.
    """
    response.headers["Cache-Control"] = "no-store"
    body = shown_session(officer, csrf_of(request.cookies[session_cookie(parts.settings)]))
    if parts.provider is not None and await sessions.came_from_provider(parts.database, officer.session_id):
        address = await parts.provider.logout_address()
        return body | ({"provider_logout": address} if address else {})
    return body


@router.delete("/session", status_code=204, operation_id="signOut", summary="Sign out")
async def sign_out(parts: Wired, officer: CurrentOfficer, response: Response) -> None:
    """Ends the session everywhere at once; tickets bound to it die with it."""
    await sessions.sign_out(parts.keyring, parts.appender, officer=officer)
    response.delete_cookie(
        session_cookie(parts.settings), path="/", secure=parts.settings.secure, httponly=True
    )


@router.post("/session/totp", status_code=201, operation_id="beginTotp", summary="Begin a second factor")
async def begin_totp(
    parts: Wired, officer: CurrentOfficer, body: Again, response: Response
) -> dict[str, Any]:
    """The officer, who gives the password again. The secret for an authenticator (RFC 6238, SHA-1, 6 digits, 30 s), shown once;
    it counts from its confirmation on.
    """
    await shown_again(parts, officer, body)
    begun = await second_factor.offer(
        parts.database, parts.keyring, parts.appender, officer=officer, issuer=parts.site_name
    )
    response.headers["Cache-Control"] = "no-store"
    return {"secret": begun.secret, "uri": begun.uri}


@router.post("/session/totp/confirmation", operation_id="confirmTotp", summary="Confirm a second factor")
async def confirm_totp(
    parts: Wired, officer: CurrentOfficer, body: FirstCode, response: Response
) -> dict[str, Any]:
    """The officer, with the code that the authenticator shows. Ten recovery codes, shown once, each good once in place of a code."""
    codes = await second_factor.confirm(
        parts.database, parts.keyring, parts.appender, officer=officer, code=body.code
    )
    response.headers["Cache-Control"] = "no-store"
    return {"recovery_codes": codes}
