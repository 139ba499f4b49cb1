"""An officer signs in at the office's own identity provider (OpenID Connect Core 1.0, authorization code with PKCE).

1. a sealed cookie remembers what was begun, for ten minutes: anonymous callers make no row anywhere
2. the provider sends the browser back; it must be the browser that began, and the provider that was asked
3. the code becomes an ID token, over a connection of our own; what it says is checked, and counts once
4. one batch item: the identity is linked to an officer who may sign in; the session, the entry
Who somebody is comes from the provider; what they may do only from our own rows. A person whom the provider vouches for and
whom nobody linked leaves no entry: every subject of a national provider could write one, and none of them is a caller here.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from auth.callers import csrf_of, new_session_secret, session_of
from auth.grants import first_refusal
from auth.id_tokens import Ended, Identity, key_id, read_logout_token
from auth.sign_in import judge_identity, judge_standing
from auth.token_checks import TokenRefused
from auth.verdict import ALLOWED, AccessRefused, Verdict
from exchange import code_flow
from exchange.identity_provider import Answer, IdentityProvider
from exchange.sessions import SignedIn, admit, officer_of
from storage.agencies import AGENCIES, IDENTITIES, OFFICERS, SESSIONS
from storage.clients import use_once
from storage.database import Database
from storage.factors import TRIES
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work

_PURPOSE = "single-sign-on"
_log = logging.getLogger("berkas.sign_in")


async def send_to_provider(keyring: Keyring, provider: IdentityProvider, now: datetime) -> tuple[str, str]:
    """(address at the provider, value of the cookie). Raises ``AccessRefused`` when the provider is away."""
    return await code_flow.begun(keyring, provider, _PURPOSE, "", now)


async def come_back(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    provider: IdentityProvider,
    *,
    cookie: str,
    answer: Answer,
    now: datetime,
) -> SignedIn:
    """Raises ``AccessRefused``, which reads the same for everybody whom the provider vouches for and who may not sign in."""
    identity, _about = await code_flow.finished(
        database, keyring, provider, _PURPOSE, cookie=cookie, answer=answer, now=now
    )
    # What the provider calls strong is what the operator named.
    strong = bool(provider.registration.acr)
    return await _admitted(database, keyring, appender, provider.registration.issuer, identity, strong=strong)


async def end_at_provider(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    provider: IdentityProvider,
    *,
    logout_token: str,
    now: datetime,
) -> None:
    """Back-Channel Logout 1.0: what ended at the provider ends here. Whom nobody linked has nothing to end, and no entry.
    Raises ``AccessRefused``.
    """
    party = code_flow.party_of(provider)
    try:
        key = await provider.key(key_id(logout_token, party))
        ended = read_logout_token(logout_token, key, party, now=now)
    except TokenRefused as refused:
        _log.warning("a logout token was refused", extra={"reason": refused.reason})
        raise AccessRefused("logout_token_invalid") from None
    async with database.transaction() as transaction:
        fresh = await use_once(transaction, ended.replay_id, ended.remember_until)
    if not fresh:
        raise AccessRefused("logout_token_invalid")
    await _end(database, keyring, appender, party.issuer, ended)


async def _admitted(
    database: Database, keyring: Keyring, appender: Appender, issuer: str, identity: Identity, *, strong: bool
) -> SignedIn:
    name = f"{issuer} {identity.subject}"
    async with database.reading() as reading:
        linked = await IDENTITIES.load(reading.raw, "id", [name])
        rows = await OFFICERS.load(reading.raw, "id", [row.officer_id for row in linked])
    if not rows:
        _log.info("whom the provider vouches for is linked to no officer")
        raise AccessRefused("identity_refused")
    row = rows[0]
    secret = new_session_secret()
    trail = keyring.site_trail()

    def judge(facts: Facts, now: datetime) -> Verdict:
        officer, agency = facts.get(OFFICERS, row.id), facts.get(AGENCIES, row.agency_id)
        return first_refusal(
            judge_identity(facts.get(IDENTITIES, name), row.id),
            judge_standing(officer, agency, facts.get(TRIES, row.id), now),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        admit(
            facts,
            row,
            session_of(secret),
            now,
            strong=strong,
            provider_session=f"{issuer} {identity.session}",
        )

    settled = await appender.submit(
        Work(
            kind="officer",
            caller=f"provider:{row.id}",  # apart from what the officer does, like every sign-in
            trail=trail,
            load=[
                Need(IDENTITIES, name),
                Need(OFFICERS, row.id),
                Need(AGENCIES, row.agency_id),
                Need(TRIES, row.id),
            ],
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [_event(trail, row.id, "sign_in", row.agency_id)],
        )
    )
    if not settled.verdict.allowed:  # on record with its reason; who is turned away learns none
        raise AccessRefused("identity_refused")
    return SignedIn(
        secret, csrf_of(secret), await officer_of(database, session_of(secret), now=settled.receipt.at)
    )


async def _end(database: Database, keyring: Keyring, appender: Appender, issuer: str, ended: Ended) -> None:
    """The session that the token names; all of the officer when it names none, or none that we know of."""
    async with database.reading() as reading:
        linked = await IDENTITIES.load(reading.raw, "id", [f"{issuer} {ended.subject}"])
        named = await SESSIONS.load(reading.raw, "provider_session", [f"{issuer} {ended.session}"])
    known = (
        [row.officer_id for row in linked if row.active]
        if ended.subject
        else [row.officer_id for row in named]
    )
    if not known:
        return
    officer_id = known[0]
    trail = keyring.site_trail()

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        sessions = facts.group(SESSIONS, "officer_id", officer_id)
        meant = [
            row for row in sessions if ended.session and row.provider_session == f"{issuer} {ended.session}"
        ]
        for session in meant or (sessions if ended.subject else ()):
            if session.ended_at is None:
                facts.put(SESSIONS, replace(session, ended_at=now))

    await appender.submit(
        Work(
            kind="officer",
            caller="",  # cannot be refused
            trail=trail,
            load=[Need(SESSIONS, officer_id, "officer_id")],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [_event(trail, officer_id, "sign_out")],
        )
    )


def _event(trail: Trail, officer_id: str, act: str, agency: str | None = None) -> Event:
    details = {"act": act, "way": "oidc"} | ({"agency": agency} if agency else {})
    return Event("officer", trail, f"officer:{officer_id}", details)
