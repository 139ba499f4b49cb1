"""What the routes of every way in share: the answer that begins a session, and showing once more who sits at an open one."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import Field

from auth.callers import Officer
from exchange.deps import Parts, session_cookie
from exchange.flows import sign_in
from exchange.schemas import Strict
from exchange.sessions import SignedIn


class Again(Strict):
    """Who sits at an open session shows once more that it is theirs."""

    password: str = Field(max_length=500)
    code: str | None = Field(default=None, max_length=20)


def answered(parts: Parts, signed: SignedIn, response: Response) -> dict[str, Any]:
    """Set the cookie and say who is signed in, whatever way in was taken."""
    secure = parts.settings.secure
    name = session_cookie(parts.settings)
    response.set_cookie(name, signed.secret, httponly=True, samesite="strict", secure=secure, path="/")
    response.headers["Cache-Control"] = "no-store"
    return shown_session(signed.officer, signed.csrf)


def shown_session(officer: Officer, csrf: str) -> dict[str, Any]:
    return {
        "csrf": csrf,
        "officer": {
            "id": officer.id,
            "name": officer.name,
            "agency": officer.agency_id,
            "counter": officer.counter,
            "role": officer.role,
        },
    }


async def shown_again(parts: Parts, officer: Officer, body: Again) -> None:
    """Raises ``AccessRefused``."""
    await sign_in.reauthenticate(
        parts.database,
        parts.keyring,
        parts.appender,
        officer=officer,
        password=body.password,
        code=body.code or "",
    )
