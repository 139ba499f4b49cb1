"""A machine shows who it is and is given a short token (RFC 6749 4.4, RFC 7523, RFC 9068; with DPoP RFC 9449).

No entry in the ledger: a token alone opens nothing that is about a person.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from auth.client_tokens import Proof, claimed_client, verified_assertion, verified_proof
from auth.keys import PublicKey, public_key_from_jwk
from auth.scopes import granted_scopes
from auth.tokens import ACCESS, TokenDesk, TokenRefused
from auth.verdict import AccessRefused
from storage.clients import Registered, registered, use_once
from storage.database import Database

TOKEN_LIFE_S = 300

OAuthError = Literal["invalid_client", "invalid_scope", "invalid_dpop_proof", "invalid_target"]


@dataclass(frozen=True, slots=True)
class Granted:
    """An access token; ``bound`` to the key of the proof that came with the request."""

    token: str
    scope: str
    bound: bool


@dataclass(frozen=True, slots=True)
class Denied:
    """``error`` is told to the client (RFC 6749 5.2), ``reason`` only to the log."""

    error: OAuthError
    reason: str


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What was asked for; None for what was not sent. ``uri`` is the token endpoint's public address."""

    assertion: str
    client_id: str | None
    scope: str | None
    resource: str | None
    proof: str | None
    uri: str


async def issue_access_token(
    database: Database, desk: TokenDesk, asked: TokenRequest, *, issuer: str, audience: str, now: datetime
) -> Granted | Denied:
    """Every reason why a client is not who it says it is looks the same to it: an unknown one, a wrong key, a suspended
    agency, a used assertion (A17, A19).
    """
    try:
        claimed = claimed_client(asked.assertion)
        async with database.reading() as reading:
            known = await registered(reading, claimed.client_id)
        assertion = verified_assertion(asked.assertion, _keys(known), {issuer, asked.uri}, now)
    except TokenRefused as refused:
        return Denied("invalid_client", refused.reason)
    if known is None or asked.client_id not in {None, known.client.id}:
        return Denied("invalid_client", "client_id")
    proof = _proven(asked, now)
    if isinstance(proof, Denied):
        return proof
    if not known.active:
        return Denied("invalid_client", "suspended")
    async with database.transaction() as transaction:
        if not await use_once(transaction, assertion.replay_id, assertion.remember_until):
            return Denied("invalid_client", "replayed")
        if proof is not None and not await use_once(transaction, proof.replay_id, proof.remember_until):
            return Denied("invalid_dpop_proof", "replayed")
    if asked.resource not in {None, audience}:
        return Denied("invalid_target", "resource")
    scopes = granted_scopes(asked.scope, known.client.scopes, bound=proof is not None)
    if scopes is None:
        return Denied("invalid_scope", "scope")
    return _signed(desk, known.client.id, " ".join(scopes), proof, now)


async def admit(database: Database, client_id: str, proof: Proof | None) -> str:
    """The agency of a client that shows a valid token, as things are now; its proof is used up. Raises ``AccessRefused``."""
    async with database.reading() as reading:
        known = await registered(reading, client_id)
    if known is None or not known.active:
        raise AccessRefused("access_token_invalid")
    if proof is not None:
        async with database.transaction() as transaction:
            if not await use_once(transaction, proof.replay_id, proof.remember_until):
                raise AccessRefused("proof_invalid")
    return known.agency.id


def _keys(known: Registered | None) -> dict[str, PublicKey]:
    if known is None:
        return {}
    return {kid: public_key_from_jwk(json.loads(jwk)) for kid, jwk in known.keys.items()}


def _proven(asked: TokenRequest, now: datetime) -> Proof | Denied | None:
    if asked.proof is None:
        return None
    try:
        return verified_proof(asked.proof, method="POST", uri=asked.uri, now=now)
    except TokenRefused as refused:
        return Denied("invalid_dpop_proof", refused.reason)


def _signed(desk: TokenDesk, client_id: str, scope: str, proof: Proof | None, now: datetime) -> Granted:
    issued_s = int(now.timestamp())
    claims = {
        "sub": client_id,
        "client_id": client_id,
        "iat": issued_s,
        "exp": issued_s + TOKEN_LIFE_S,
        "jti": secrets.token_urlsafe(16),
        "scope": scope,
    }
    if proof is not None:
        claims["cnf"] = {"jkt": proof.jkt}
    return Granted(desk.sign(ACCESS, claims), scope, bound=proof is not None)
