"""Agencies' back ends: registered, their keys added and withdrawn. Batch items with entries, like all administration."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from auth.client_keys import KEY_ID, algorithm_of, bare_client_jwk, client_key_from_jwk
from auth.grants import first_refusal
from auth.keys import ALGORITHM, KeyRefused
from auth.scopes import SCOPES
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import administer
from exchange.guarded import CallRefused, Guarded
from exchange.naming import judge_names
from storage.agencies import AGENCIES, offered_services
from storage.clients import CLIENT_KEYS, CLIENTS, Client, ClientKey, Listed, all_clients
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender

CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)


async def add_client(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    client_id: str,
    agency_id: str,
    name: str,
    scopes: Sequence[str],
    purposes: Sequence[str] = (),
) -> None:
    """Register an agency's back end; it cannot do anything before it has a key. ``purposes`` are services that its agency
    offers, none for all of them. Raises ``AccessRefused``.
    """
    client = Client(client_id, agency_id, name, " ".join(scopes), active=True, purposes=" ".join(purposes))
    async with database.reading() as reading:
        offered = await offered_services(reading, agency_id)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if not CLIENT_ID.fullmatch(client_id):
            return Refused("client_unknown")
        if facts.get(AGENCIES, agency_id) is None:
            return Refused("agency_unknown")
        if not (named := judge_names(name)).allowed:
            return named
        if not scopes or not set(scopes) <= SCOPES.keys():
            return Refused("scope_unknown")
        if not set(purposes) <= offered:
            return Refused("purpose_unknown")
        return ALLOWED if facts.get(CLIENTS, client_id) is None else Refused("client_exists")

    details = {
        "act": "add_client",
        "agency": agency_id,
        "client": client_id,
        "scopes": client.scopes,
        "purposes": client.purposes,
    }
    await administer(
        keyring, appender, "agency", details,
        [Need(AGENCIES, agency_id), Need(CLIENTS, client_id)], judge,
        lambda facts, _now, _verdict: facts.put(CLIENTS, client),
    )  # fmt: skip


async def set_client_scopes(
    keyring: Keyring, appender: Appender, *, client_id: str, scopes: Sequence[str]
) -> None:
    """From the next request on, for tokens that are out already too. Raises ``AccessRefused``."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if not scopes or not set(scopes) <= SCOPES.keys():
            return Refused("scope_unknown")
        return _known(facts, client_id)

    details = {"act": "set_scopes", "client": client_id, "scopes": " ".join(scopes)}
    await _change(keyring, appender, client_id, details, judge, scopes=" ".join(scopes))


async def set_client_purposes(
    database: Database, keyring: Keyring, appender: Appender, *, client_id: str, purposes: Sequence[str]
) -> None:
    """Services that its agency offers, none for all of them; from the next request on, for tickets that are out already too.
    Raises ``AccessRefused``.
    """
    async with database.reading() as reading:
        found = await CLIENTS.load(reading.raw, "id", [client_id])
        offered = await offered_services(reading, found[0].agency_id if found else "")

    def judge(facts: Facts, _now: datetime) -> Verdict:
        fit = ALLOWED if set(purposes) <= offered else Refused("purpose_unknown")
        return first_refusal(_known(facts, client_id), fit)

    details = {"act": "set_purposes", "client": client_id, "purposes": " ".join(purposes)}
    await _change(keyring, appender, client_id, details, judge, purposes=" ".join(purposes))


async def set_client_active(keyring: Keyring, appender: Appender, *, client_id: str, active: bool) -> None:
    """Suspend or resume; its tokens too, with the next request on every replica. Raises ``AccessRefused``."""
    details = {"act": "resume_client" if active else "suspend_client", "client": client_id}
    await _change(
        keyring, appender, client_id, details, lambda facts, _now: _known(facts, client_id), active=active
    )


async def set_client_rs256(keyring: Keyring, appender: Appender, *, client_id: str, allowed: bool) -> None:
    """May it sign its assertions with RSA? Taken back, its RSA keys and what they got end with the next request. Raises
    ``AccessRefused``.
    """
    details = {"act": "allow_rs256" if allowed else "forbid_rs256", "client": client_id}
    await _change(
        keyring, appender, client_id, details, lambda facts, _now: _known(facts, client_id), rs256=allowed
    )


async def set_client_jwks_uri(
    keyring: Keyring, appender: Appender, guarded: Guarded, *, client_id: str, uri: str
) -> None:
    """Where the client publishes its keys; empty for nowhere. What was found at the address before ends at once: another address
    is another word on who the client is. Raises ``AccessRefused``.
    """
    cause = ""
    try:
        if uri:
            await guarded.check(uri)
    except CallRefused as refused:
        cause = refused.cause

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return first_refusal(_known(facts, client_id), Refused("jwks_uri_refused") if cause else ALLOWED)

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (client := facts.get(CLIENTS, client_id)) is not None:
            facts.put(CLIENTS, replace(client, jwks_uri=uri, jwks_at=None))
        for key in facts.group(CLIENT_KEYS, "client_id", client_id):
            if key.by_uri and key.active:
                facts.put(CLIENT_KEYS, replace(key, active=False))

    # What was refused may hold a password.
    details = {"act": "set_jwks_uri", "client": client_id, **({"cause": cause} if cause else {"uri": uri})}
    await administer(
        keyring, appender, "key", details,
        [Need(CLIENTS, client_id), Need(CLIENT_KEYS, client_id, "client_id")], judge, apply,
    )  # fmt: skip


async def add_client_key(
    keyring: Keyring, appender: Appender, *, client_id: str, kid: str, jwk: Mapping[str, object]
) -> None:
    """Only a P-256 public key, or an RSA one where that is allowed (A12), and one that the client never had: a key that was
    withdrawn must not come back under another name. Raises ``AccessRefused``.
    """
    alg, kept = "", None
    try:
        key = client_key_from_jwk(jwk)
        if KEY_ID.fullmatch(kid):
            alg, kept = algorithm_of(key), Json(json.dumps(bare_client_jwk(key), sort_keys=True))
    except KeyRefused:
        pass
    key_id = f"{client_id}/{kid}"

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if kept is None:
            return Refused("client_key_refused")
        if (client := facts.get(CLIENTS, client_id)) is None:
            return Refused("client_unknown")
        if alg != ALGORITHM and not client.rs256:
            return Refused("client_key_refused")
        had = facts.group(CLIENT_KEYS, "client_id", client_id)
        if any(key.id == key_id or key.jwk == kept for key in had):
            return Refused("client_key_exists")
        return ALLOWED

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if kept is not None:
            facts.put(CLIENT_KEYS, ClientKey(key_id, client_id, kid, kept, now, active=True, alg=alg))

    await administer(
        keyring, appender, "key", {"act": "add", "client": client_id, "kid": kid},
        [Need(CLIENTS, client_id), Need(CLIENT_KEYS, client_id, "client_id")], judge, apply,
    )  # fmt: skip


async def withdraw_client_key(keyring: Keyring, appender: Appender, *, client_id: str, kid: str) -> None:
    """With the next request it signs nobody in. Neither its name nor the key itself is ever taken again, from the client's
    address either. Raises ``AccessRefused``.
    """
    key_id = f"{client_id}/{kid}"

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(CLIENT_KEYS, key_id) is not None else Refused("client_key_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (key := facts.get(CLIENT_KEYS, key_id)) is not None:
            facts.put(CLIENT_KEYS, replace(key, active=False, withdrawn=True))

    await administer(
        keyring, appender, "key", {"act": "withdraw", "client": client_id, "kid": kid},
        [Need(CLIENT_KEYS, key_id)], judge, apply,
    )  # fmt: skip


async def list_clients(database: Database) -> list[Listed]:
    async with database.reading() as reading:
        return await all_clients(reading)


def _known(facts: Facts, client_id: str) -> Verdict:
    return ALLOWED if facts.get(CLIENTS, client_id) is not None else Refused("client_unknown")


async def _change(
    keyring: Keyring,
    appender: Appender,
    client_id: str,
    details: Mapping[str, str],
    judge: Callable[[Facts, datetime], Verdict],
    **members: Any,
) -> None:
    """Members of a client's row, once ``judge`` has allowed it. Raises ``AccessRefused``."""

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (client := facts.get(CLIENTS, client_id)) is not None:
            facts.put(CLIENTS, replace(client, **members))

    await administer(keyring, appender, "agency", details, [Need(CLIENTS, client_id)], judge, apply)
