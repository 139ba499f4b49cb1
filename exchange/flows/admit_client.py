"""A machine that has shown who it is is given a short token (RFC 6749 4.4, RFC 9068; with DPoP RFC 9449), and admitted with it.

No entry in the ledger: a token alone opens nothing that is about a person.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from auth.authorization_details import Access, Asked, asked_details, shown_details
from auth.callers import Machine
from auth.client_keys import counts
from auth.client_tokens import NONCE, Proof, verified_proof
from auth.grants import first_refusal, judge_consent, judge_purpose
from auth.scopes import ACTS, TICKETS, granted_scopes
from auth.token_checks import LEEWAY_S
from auth.tokens import ACCESS, TokenDesk, TokenRefused
from auth.verdict import ALLOWED, AccessRefused, Refused
from exchange.acts import caller_details, refusal
from exchange.client_assertions import Authenticated, Denied, OAuthError, takes_part
from storage.clients import Client, Registered, registered, use_once, was_used
from storage.consents import consent_by_id, items_of
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.log import Appender

TOKEN_LIFE_S = 300


@dataclass(frozen=True, slots=True)
class Granted:
    """An access token; ``bound`` to the key of the proof that came with the request."""

    token: str
    scope: str
    bound: bool
    details: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What was asked for; None for what was not sent. ``uri`` is the token endpoint's public address."""

    scope: str | None
    resource: str | None
    proof: str | None
    details: str | None
    uri: str
    nonces: tuple[str, ...] = ()


async def issue_access_token(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    desk: TokenDesk,
    asker: Authenticated,
    asked: TokenRequest,
    *,
    audience: str,
    now: datetime,
) -> Granted | Denied:
    """For an authenticated client; bound to the key of the proof, which is used up."""
    proof = _proven(asked, now)
    if isinstance(proof, Denied):
        return proof
    if proof is not None and not await _is_fresh(database, proof):
        return Denied("invalid_dpop_proof", "replayed")
    if asked.resource not in {None, audience}:
        return Denied("invalid_target", "resource")
    scopes = granted_scopes(asked.scope, asker.client.scopes, bound=proof is not None)
    if scopes is None:
        return Denied("invalid_scope", "scope")
    if asked.details is None:
        return _signed(desk, asker, " ".join(scopes), proof, None, now)
    if proof is None or TICKETS not in scopes:
        return Denied("invalid_authorization_details", "no_tickets")
    try:
        wanted = asked_details(asked.details, audience)
    except TokenRefused as refused:
        return Denied("invalid_authorization_details", refused.reason)
    machine = Machine(asker.client.id, asker.agency.id, TICKETS, proof.jkt)
    found = [await _access(database, keyring, appender, asker.client, machine, one, now) for one in wanted]
    granted = [access for access in found if access is not None]
    if len(granted) != len(found):
        return Denied("invalid_authorization_details", "consent")
    details = shown_details(granted, audience)
    return _signed(desk, asker, " ".join(scopes), proof, details, now)


async def _access(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    client: Client,
    machine: Machine,
    asked: Asked,
    now: datetime,
) -> Access | None:
    """What the citizen granted of it, for a purpose of the client; None, with an entry, where that is nothing."""
    async with database.reading() as reading:
        consent = await consent_by_id(reading, asked.consent_id)
        items = await items_of(reading, asked.consent_id)
    types = frozenset(item.document_type for item in items if item.decision == "granted" and item.document_id)
    covered = bool(types) and (asked.datatypes or types) <= types
    verdict = first_refusal(
        judge_consent(consent, machine.agency_id, now),
        judge_purpose(client, consent.service) if consent else ALLOWED,
        ALLOWED if covered else Refused("not_granted"),
    )
    if consent is not None and verdict.allowed:
        return Access(asked.consent_id, asked.datatypes or types, consent.service)
    trail = keyring.site_trail() if consent is None else await keyring.trail(consent.subject_ref)
    details = caller_details(machine, act="authorize", consent=asked.consent_id)
    await appender.submit(refusal("ticket", trail, machine, verdict, details))
    return None


async def admit(
    database: Database, claims: Mapping[str, Any], proof: Proof | None, now: datetime
) -> Registered:
    """The client that a valid access token names, and its agency, as things are now; its proof is used up. Raises
    ``AccessRefused``.
    """
    known = await _living(database, claims, now)
    if known is None:
        raise AccessRefused("access_token_invalid")
    if proof is not None and not await _is_fresh(database, proof):
        raise AccessRefused("proof_invalid")
    return known


async def refuse_scope(keyring: Keyring, appender: Appender, machine: Machine) -> NoReturn:
    """A known client asks for what its token does not hold. Raises ``AccessRefused``, after the entry where the act has one."""
    if machine.scope in ACTS:
        details = caller_details(machine, scope=machine.scope)
        refused = Refused("scope_missing")
        trail = keyring.site_trail()
        await appender.submit(refusal(ACTS[machine.scope], trail, machine, refused, details))
    raise AccessRefused("scope_missing")


async def revoke(
    database: Database, desk: TokenDesk, asker: Authenticated, token: str, now: datetime
) -> None:
    """RFC 7009: with the next request the token is refused on every replica. Says nothing of a token that is not this client's,
    or none.
    """
    with contextlib.suppress(TokenRefused):
        claims = desk.verify(ACCESS, token, now)
        if claims["client_id"] == asker.client.id:
            async with database.transaction() as transaction:
                await use_once(
                    transaction, _revoked(claims), now + timedelta(seconds=TOKEN_LIFE_S + LEEWAY_S)
                )


async def introspect(
    database: Database, desk: TokenDesk, asker: Authenticated, token: str, now: datetime
) -> Mapping[str, Any] | None:
    """RFC 7662, for an agency with a gateway of its own: the claims of a living access token of a client of the same agency;
    None for every other.
    """
    try:
        claims = desk.verify(ACCESS, token, now)
    except TokenRefused:
        return None
    known = await _living(database, claims, now)
    return claims if known is not None and known.agency.id == asker.agency.id else None


async def _living(database: Database, claims: Mapping[str, Any], now: datetime) -> Registered | None:
    async with database.reading() as reading:
        known = await registered(reading, claims["client_id"])
        if known is None or not takes_part(known, now) or await was_used(reading, _revoked(claims)):
            return None
    # A key that was withdrawn ends what it got (A15).
    own = [key for key in known.keys if key.kid == claims.get("client_kid")]
    return known if own and counts(own[0], known.client, now) else None


async def _is_fresh(database: Database, proof: Proof) -> bool:
    async with database.transaction() as transaction:
        return await use_once(transaction, proof.replay_id, proof.remember_until)


def _revoked(claims: Mapping[str, Any]) -> str:
    return f"revoked/{claims['jti']}"


def _proven(asked: TokenRequest, now: datetime) -> Proof | Denied | None:
    if asked.proof is None:
        return None
    try:
        return verified_proof(asked.proof, method="POST", uri=asked.uri, now=now, nonces=asked.nonces)
    except TokenRefused as refused:
        error: OAuthError = "use_dpop_nonce" if refused.reason == NONCE else "invalid_dpop_proof"
        return Denied(error, refused.reason)


def _signed(
    desk: TokenDesk,
    asker: Authenticated,
    scope: str,
    proof: Proof | None,
    details: list[dict[str, Any]] | None,
    now: datetime,
) -> Granted:
    issued_s = int(now.timestamp())
    claims: dict[str, Any] = {
        "sub": asker.client.id,
        "client_id": asker.client.id,
        "client_kid": asker.kid,
        "iat": issued_s,
        "exp": issued_s + TOKEN_LIFE_S,
        "jti": secrets.token_urlsafe(16),
        "scope": scope,
    }
    if proof is not None:
        claims["cnf"] = {"jkt": proof.jkt}
    if details is not None:
        claims["authorization_details"] = details
    return Granted(desk.sign(ACCESS, claims), scope, bound=proof is not None, details=details)
