"""The authorization code flow at a provider (OpenID Connect Core 1.0 3.1, PKCE of RFC 7636): of officers and of citizens alike.

1. a sealed cookie remembers what was begun, and for what, for ten minutes: anonymous callers make no row anywhere
2. the provider sends the browser back; it must be the browser that began, and the provider that was asked
3. the code becomes an ID token, over a connection of our own; what it says is checked, and counts once
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from auth.callers import same_text
from auth.id_tokens import Identity, Party, key_id, read_id_token
from auth.token_checks import TokenRefused
from auth.verdict import AccessRefused
from exchange.identity_provider import Answer, IdentityProvider
from storage.clients import use_once
from storage.database import Database
from storage.errors import SealBroken
from storage.keyring import SITE, Keyring, seal_field

BEGUN_LIFE = timedelta(minutes=10)
_log = logging.getLogger("berkas.sign_in")


@dataclass(frozen=True, slots=True)
class _Begun:
    """``until`` in whole seconds since 1970; ``about`` is what the caller gave to be kept."""

    state: str
    nonce: str
    verifier: str
    until: int
    about: str


async def begun(
    keyring: Keyring, provider: IdentityProvider, purpose: str, about: str, now: datetime, *, claim: str = ""
) -> tuple[str, str]:
    """(address at the provider, value of the cookie). ``claim`` is asked for in the ID token (Core 5.5). Raises ``AccessRefused``
    when the provider is away.
    """
    ours = provider.registration
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    kept = _Begun(state, nonce, verifier, int((now + BEGUN_LIFE).timestamp()), about)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    address = await provider.authorization(
        response_type="code",
        client_id=ours.client_id,
        redirect_uri=ours.redirect_uri,
        scope="openid",
        state=state,
        nonce=nonce,
        code_challenge=challenge,
        code_challenge_method="S256",
        **({"acr_values": " ".join(ours.acr)} if ours.acr else {}),
        **({"claims": json.dumps({"id_token": {claim: {"essential": True}}})} if claim else {}),
    )
    sealed = seal_field(keyring.site_trail(), purpose, json.dumps(asdict(kept)).encode())
    return address, base64.urlsafe_b64encode(sealed).decode()


async def finished(
    database: Database,
    keyring: Keyring,
    provider: IdentityProvider,
    purpose: str,
    *,
    cookie: str,
    answer: Answer,
    claim: str = "",
    now: datetime,
) -> tuple[Identity, str]:
    """(whom the provider vouches for, what was kept). Raises ``AccessRefused``."""
    kept = await _opened(keyring, purpose, cookie, now)
    if kept is None or not same_text(kept.state, answer.state):
        raise AccessRefused("sign_in_unfinished")
    if not await _from_whom_was_asked(provider, answer) or answer.error or not answer.code:
        raise AccessRefused("sign_in_unfinished")
    tokens = await provider.exchange(answer.code, kept.verifier)
    party = party_of(provider)
    try:
        key = await provider.key(key_id(tokens.id_token, party))
        identity = read_id_token(
            tokens.id_token, key, party, nonce=kept.nonce, access_token=tokens.access_token,
            acr=provider.registration.acr, claim=claim, now=now,
        )  # fmt: skip
    except TokenRefused as refused:
        _log.warning("an id token was refused", extra={"reason": refused.reason})
        raise AccessRefused("sign_in_unfinished") from None
    # The provider takes a code once; that one answer counts once here is not left to it.
    once = hashlib.sha256(f"nonce\x00{kept.nonce}".encode()).hexdigest()
    async with database.transaction() as transaction:
        fresh = await use_once(transaction, once, datetime.fromtimestamp(kept.until, UTC))
    if not fresh:
        raise AccessRefused("sign_in_unfinished")
    return identity, kept.about


def party_of(provider: IdentityProvider) -> Party:
    ours = provider.registration
    return Party(ours.issuer, ours.client_id, ours.algorithms)


async def _opened(keyring: Keyring, purpose: str, cookie: str, now: datetime) -> _Begun | None:
    try:
        opened = await keyring.unseal(SITE, purpose, base64.urlsafe_b64decode(cookie))
    except (SealBroken, ValueError):
        return None
    kept = _Begun(**json.loads(opened))
    return kept if now.timestamp() < kept.until else None


async def _from_whom_was_asked(provider: IdentityProvider, answer: Answer) -> bool:
    """RFC 9207 2.4: an answer that names its issuer names ours; of a provider that always does, no other answer is taken."""
    named = answer.issuer or (await provider.metadata()).names_itself
    return not named or same_text(answer.issuer, provider.registration.issuer)
