"""What the routes of every way in share: the answer that begins a session, and showing once more who sits at an open one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import Field, StringConstraints, model_validator

from auth.callers import Officer
from auth.passkeys import RelyingParty
from exchange.deps import Parts, session_cookie
from exchange.flows import passkey_sign_in, sign_in
from exchange.schemas import FromBrowser, Strict
from exchange.sessions import SignedIn

# Bytes in base64url (RFC 4648 5). A credential id has at most 1,023 bytes, a user handle 64 (WebAuthn 4, 5.4.3).
BASE64URL = "^[A-Za-z0-9_-]+$"
CredentialId = Annotated[str, StringConstraints(pattern=BASE64URL, max_length=1364)]
UserHandle = Annotated[str, StringConstraints(pattern=BASE64URL, max_length=86)]
Bytes = Annotated[str, StringConstraints(pattern=BASE64URL, max_length=4096)]


class Signed(FromBrowser):
    """``AuthenticatorAssertionResponseJSON``; the user handle is there because nobody was named before (7.2)."""

    client_data: Bytes = Field(alias="clientDataJSON")
    authenticator_data: Bytes = Field(alias="authenticatorData")
    signature: Bytes
    user_handle: UserHandle = Field(alias="userHandle")


class Assertion(FromBrowser):
    """``AuthenticationResponseJSON``: what ``navigator.credentials.get`` gives."""

    id: CredentialId
    raw_id: CredentialId = Field(alias="rawId")
    type: Literal["public-key"]
    response: Signed


# Room for an RSA key and a long credential id; certificates are not read anyway.
Attestation = Annotated[str, StringConstraints(pattern=BASE64URL, max_length=8192)]


class Made(FromBrowser):
    """``AuthenticatorAttestationResponseJSON``."""

    client_data: Bytes = Field(alias="clientDataJSON")
    attestation_object: Attestation = Field(alias="attestationObject")


class Registration(FromBrowser):
    """``RegistrationResponseJSON``: what ``navigator.credentials.create`` gives."""

    id: CredentialId
    raw_id: CredentialId = Field(alias="rawId")
    type: Literal["public-key"]
    response: Made


class Again(Strict):
    """Who sits at an open session shows once more that it is theirs: by the password and, where there is a second factor, a code,
    or by a passkey (an answer to ``POST /v1/session/passkey/options``).
    """

    password: str | None = Field(default=None, max_length=500)
    code: str | None = Field(default=None, max_length=20)
    passkey: Assertion | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Again:
        if (self.password is None) == (self.passkey is None):
            raise ValueError("the password or a passkey")
        return self


def relying_party(parts: Parts) -> RelyingParty:
    return RelyingParty(parts.settings.relying_party, parts.settings.origin, parts.site_name)


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
    if body.passkey is not None:
        await passkey_sign_in.reauthenticate(
            parts.database,
            parts.keyring,
            parts.appender,
            relying_party(parts),
            officer=officer,
            sent=body.passkey.model_dump(by_alias=True),
        )
        return
    await sign_in.reauthenticate(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.sign_ins,
        officer=officer,
        password=body.password or "",
        code=body.code or "",
    )
