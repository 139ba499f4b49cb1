"""Passkeys: an officer's own, and signing in with one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from exchange.deps import CurrentOfficer, Wired, clock, current_officer
from exchange.entrance import (
    Again,
    Assertion,
    CredentialId,
    Registration,
    answered,
    relying_party,
    shown_again,
)
from exchange.flows import passkey_sign_in, passkeys
from exchange.schemas import Strict

public = APIRouter(prefix="/v1", tags=["Officer"])
router = APIRouter(prefix="/v1", tags=["Officer"], dependencies=[Depends(current_officer)])


class NewPasskey(Strict):
    """``name`` is the officer's own label for it."""

    name: str = Field(min_length=1, max_length=60)
    credential: Registration


@public.post(
    "/session/passkey/options", operation_id="beginPasskeySignIn", summary="Begin to sign in with a passkey"
)
async def begin_sign_in(parts: Wired) -> dict[str, Any]:
    """Anyone. What ``navigator.credentials.get`` takes (WebAuthn Level 3, 5.1.10), good for 300 s and once. It names no credential,
    so that it tells nobody who has one.
    """
    return passkey_sign_in.offer(parts.keyring, relying_party(parts), now=clock())


@public.post(
    "/session/passkey",
    status_code=201,
    operation_id="signInWithPasskey",
    summary="Sign an officer in with a passkey",
)
async def sign_in(parts: Wired, body: Assertion, response: Response) -> dict[str, Any]:
    """Anyone with a registered passkey; it is both factors. Sets the session cookie like ``signIn``; one entry, allowed or refused,
    for a passkey that is known.
    """
    signed = await passkey_sign_in.sign_in(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.sign_ins,
        relying_party(parts),
        sent=body.model_dump(by_alias=True),
    )
    return answered(parts, signed, response)


@router.post("/session/passkeys/options", operation_id="beginPasskey", summary="Begin a passkey")
async def begin(parts: Wired, officer: CurrentOfficer, body: Again) -> dict[str, Any]:
    """The officer, who gives the password (and code) again, or a passkey. What ``navigator.credentials.create`` takes (WebAuthn Level 3,
    5.1.9), good for 300 s, once, in this session.
    """
    await shown_again(parts, officer, body)
    return await passkeys.offer(
        parts.database, parts.keyring, relying_party(parts), officer=officer, now=clock()
    )


@router.post(
    "/session/passkeys", status_code=201, operation_id="registerPasskey", summary="Register a passkey"
)
async def register(
    parts: Wired, officer: CurrentOfficer, body: NewPasskey, response: Response
) -> dict[str, Any]:
    """The officer, with what the authenticator made. From now on the password alone signs nobody in; the officer's other sessions
    end. Ten recovery codes, shown once, for who has none left; otherwise the list is empty.
    """
    credential_id, codes = await passkeys.register(
        parts.keyring,
        parts.appender,
        relying_party(parts),
        officer=officer,
        name=body.name,
        sent=body.credential.model_dump(by_alias=True),
    )
    response.headers["Cache-Control"] = "no-store"
    return {"id": credential_id, "recovery_codes": codes}


@router.get("/session/passkeys", operation_id="listPasskeys", summary="List one's own passkeys")
async def list_own(parts: Wired, officer: CurrentOfficer) -> dict[str, Any]:
    """The officer. Those that sign in, oldest first."""
    rows = await passkeys.listed(parts.database, officer=officer)
    return {
        "passkeys": [{"id": row.id, "name": row.name, "added_at": row.added_at.isoformat()} for row in rows]
    }


@router.post(
    "/session/passkeys/{credential_id}/removal",
    status_code=204,
    operation_id="removePasskey",
    summary="Remove a passkey",
)
async def remove(
    parts: Wired,
    officer: CurrentOfficer,
    credential_id: Annotated[CredentialId, Path()],
    body: Again,
) -> None:
    """The officer, who gives the password (and code) again, or a passkey. For ever: it is never registered again. The officer's
    other sessions end. After the last one the password signs in with the authenticator's code, or alone where there is none.
    """
    await shown_again(parts, officer, body)
    await passkeys.remove(parts.keyring, parts.appender, officer=officer, credential_id=credential_id)
