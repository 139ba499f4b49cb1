"""FastAPI only: an access token -> the client that calls (RFC 6750 2.1, RFC 9449 7).

Everything that is wrong with a token reads the same outside; the reason goes to the operational log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from fastapi import Request

from auth.authorization_details import read_details
from auth.callers import Caller, Machine, same_text
from auth.client_tokens import NONCE, Proof, verified_proof
from auth.roles import SERVE
from auth.scopes import ACTS, SCOPES
from auth.tokens import ACCESS, TokenRefused
from auth.verdict import AccessRefused
from exchange.acts import demand_right
from exchange.deps import authorization_of, clock, current_officer, parts_of
from exchange.errors import ProblemRaised
from exchange.flows.admit_client import admit, refuse_scope

_log = logging.getLogger("berkas.oauth")


async def current_machine(request: Request, scope: str) -> Machine:
    """With a token that holds ``scope``. Raises ``AccessRefused``. The token is judged as it is, its client and agency as they
    are now (A15).
    """
    parts = parts_of(request)
    scheme, _, token = authorization_of(request).partition(" ")
    now = clock()
    try:
        claims = parts.desk.verify(ACCESS, token, now)
    except TokenRefused as refused:
        _note(refused.reason)
        raise AccessRefused("access_token_invalid") from None
    bound_to = claims["cnf"]["jkt"] if "cnf" in claims else None
    if scheme.lower() != ("bearer" if bound_to is None else "dpop"):
        _note("scheme")  # a bound token that is shown without a proof (A13)
        raise AccessRefused("access_token_invalid")
    proof = None if bound_to is None else proof_of(request, token, bound_to, now)
    known = await admit(parts.database, claims, proof, now)
    machine = Machine(known.client.id, known.agency.id, scope, bound_to or "", read_details(claims))
    # What the token holds, and what the client holds by now.
    held = set(claims["scope"].split(" ")) & set(known.client.scopes.split(" "))
    if scope not in held or (SCOPES[scope] and proof is None):
        await refuse_scope(parts.keyring, parts.appender, machine)
    return machine


def officer_or_machine(scope: str, right: str = SERVE) -> Callable[[Request], Coroutine[Any, Any, Caller]]:
    """The dependency of what an agency may do: an officer who serves at a counter, or whose role has another ``right``; or a machine whose
    token holds ``scope``.
    """

    async def known(request: Request) -> Caller:
        if "authorization" not in request.headers:
            officer = await current_officer(request)
            if scope in ACTS:
                parts = parts_of(request)
                await demand_right(parts.keyring, parts.appender, officer, right, kind=ACTS[scope])
            return officer
        return await current_machine(request, scope)

    return known


def proof_of(request: Request, token: str, bound_to: str, now: datetime) -> Proof:
    """The one proof of a request that shows ``token``, by the key of thumbprint ``bound_to``. Raises ``AccessRefused``."""
    parts = parts_of(request)
    nonces: tuple[str, ...] = parts.keyring.nonces(now) if parts.settings.dpop_nonce else ()
    proofs = request.headers.getlist("dpop")
    if len(proofs) != 1:
        _note("proof_count")
        raise AccessRefused("proof_invalid")
    try:
        proof = verified_proof(
            proofs[0],
            method=request.method,
            # From the configured origin: Host and X-Forwarded-Host are the caller's to choose. The path as it was sent.
            uri=parts.settings.origin + request.scope["raw_path"].decode("latin-1"),
            now=now,
            access_token=token,
            nonces=nonces,
        )
    except TokenRefused as refused:
        _note(refused.reason)
        if refused.reason == NONCE:
            raise ProblemRaised("BK-1015", headers={"DPoP-Nonce": nonces[0]}) from None
        raise AccessRefused("proof_invalid") from None
    if not same_text(proof.jkt, bound_to):
        _note("proof_of_another_key")
        raise AccessRefused("proof_invalid")
    return proof


def _note(why: str) -> None:
    _log.info("machine refused", extra={"why": why})
