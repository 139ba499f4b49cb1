"""An agency's client shows who it is, by an assertion that it signs (RFC 7521 4.2, RFC 7523 3)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from auth.client_keys import ClientPublicKey, client_key_from_jwk, counts
from auth.client_tokens import KEY_REASONS, Assertion, Claimed, claimed_client, verified_assertion
from auth.grants import judge_agency
from auth.token_checks import TokenRefused
from storage.agencies import Agency
from storage.clients import Client, Registered, registered, use_once
from storage.database import Database

# Who is not known by the key is told so after this long, whatever it was: in it a client's own address can be asked.
REFUSED_AFTER_S = 0.5
LookAgain = Callable[[str, datetime], Awaitable[None]]

OAuthError = Literal[
    "invalid_client",
    "invalid_scope",
    "invalid_dpop_proof",
    "invalid_target",
    "invalid_authorization_details",
    "use_dpop_nonce",
]


@dataclass(frozen=True, slots=True)
class Denied:
    """``error`` is told to the client (RFC 6749 5.2), ``reason`` only to the log."""

    error: OAuthError
    reason: str


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A client that has shown who it is, and with which of its keys."""

    client: Client
    agency: Agency
    kid: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A client's assertion, with the ``client_id`` beside it if there was one, and who may be its audience."""

    assertion: str
    client_id: str | None
    audiences: Collection[str]


async def authenticate(
    database: Database, look_again: LookAgain, shown: Shown, now: datetime
) -> Authenticated | Denied:
    """The client, whose assertion is used up. Every reason why it is not who it says it is looks the same to it: an unknown
    one, a wrong key, a suspended agency, a used assertion (A17, A19). ``look_again`` asks a client's own address for its keys.
    """
    try:
        claimed = claimed_client(shown.assertion)
        known, assertion = await _verified(database, look_again, claimed, shown, now)
    except TokenRefused as refused:
        return Denied("invalid_client", refused.reason)
    if shown.client_id not in {None, known.client.id}:
        return Denied("invalid_client", "client_id")
    if not takes_part(known, now):
        return Denied("invalid_client", "suspended")
    async with database.transaction() as transaction:
        fresh = await use_once(transaction, assertion.replay_id, assertion.remember_until)
    return (
        Authenticated(known.client, known.agency, claimed.kid)
        if fresh
        else Denied("invalid_client", "replayed")
    )


def takes_part(known: Registered, now: datetime) -> bool:
    """Suspending the client or the whole agency shuts it out with the next request, and so does the end of the agreement."""
    return known.client.active and judge_agency(known.agency, now).allowed


async def _verified(
    database: Database, look_again: LookAgain, claimed: Claimed, shown: Shown, now: datetime
) -> tuple[Registered, Assertion]:
    """Raises ``TokenRefused``; for a client or a key that is not known, and for a wrong signature, always after the same time, in
    which the keys of a client that publishes them are looked at once more.
    """
    until_s = asyncio.get_running_loop().time() + REFUSED_AFTER_S
    known = await _found(database, claimed.client_id)
    keys = _named(known, claimed.kid, now)
    if known is not None and known.client.jwks_uri and not keys and takes_part(known, now):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until_s):
                await look_again(claimed.client_id, now)
        known = await _found(database, claimed.client_id)
        keys = _named(known, claimed.kid, now)
    try:
        assertion = verified_assertion(shown.assertion, keys, shown.audiences, now)
    except TokenRefused as refused:
        if refused.reason in KEY_REASONS:
            await asyncio.sleep(until_s - asyncio.get_running_loop().time())
        raise
    if known is None:
        raise TokenRefused("client")
    return known, assertion


async def _found(database: Database, client_id: str) -> Registered | None:
    async with database.reading() as reading:
        return await registered(reading, client_id)


def _named(known: Registered | None, kid: str, now: datetime) -> dict[str, ClientPublicKey]:
    """The one key of this name, where the client may sign with it now."""
    if known is None:
        return {}
    good = (key for key in known.keys if key.kid == kid and counts(key, known.client, now))
    return {key.kid: client_key_from_jwk(json.loads(key.jwk)) for key in good}
