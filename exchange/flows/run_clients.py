"""Agencies' back ends: registered, their keys added and withdrawn. Batch items with entries, like all administration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from auth.keys import KeyRefused, bare_jwk, public_key_from_jwk
from auth.scopes import SCOPES
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import administer
from storage.agencies import AGENCIES
from storage.clients import CLIENT_KEYS, CLIENTS, Client, ClientKey, all_clients
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender

CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)


async def add_client(
    keyring: Keyring, appender: Appender, *, client_id: str, agency_id: str, name: str, scopes: Sequence[str]
) -> None:
    """Register an agency's back end; it cannot do anything before it has a key. Raises ``AccessRefused``."""
    client = Client(client_id, agency_id, name, " ".join(scopes), active=True)

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if not CLIENT_ID.fullmatch(client_id):
            return Refused("client_unknown")
        if facts.get(AGENCIES, agency_id) is None:
            return Refused("agency_unknown")
        if not scopes or not set(scopes) <= SCOPES.keys():
            return Refused("scope_unknown")
        return ALLOWED if facts.get(CLIENTS, client_id) is None else Refused("client_exists")

    await administer(
        keyring, appender, "agency", {"act": "add_client", "agency": agency_id, "client": client_id, "scopes": client.scopes},
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
        return ALLOWED if facts.get(CLIENTS, client_id) is not None else Refused("client_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (client := facts.get(CLIENTS, client_id)) is not None:
            facts.put(CLIENTS, replace(client, scopes=" ".join(scopes)))

    details = {"act": "set_scopes", "client": client_id, "scopes": " ".join(scopes)}
    await administer(keyring, appender, "agency", details, [Need(CLIENTS, client_id)], judge, apply)


async def set_client_active(keyring: Keyring, appender: Appender, *, client_id: str, active: bool) -> None:
    """Suspend or resume; its tokens too, with the next request on every replica. Raises ``AccessRefused``."""

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(CLIENTS, client_id) is not None else Refused("client_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (client := facts.get(CLIENTS, client_id)) is not None:
            facts.put(CLIENTS, replace(client, active=active))

    details = {"act": "resume_client" if active else "suspend_client", "client": client_id}
    await administer(
        keyring, appender, "agency", details, [Need(CLIENTS, client_id)], judge, apply
    )  # fmt: skip


async def add_client_key(
    keyring: Keyring, appender: Appender, *, client_id: str, kid: str, jwk: Mapping[str, object]
) -> None:
    """Only a P-256 public key (A12), and one that the client never had: a key that was withdrawn must not come back under
    another name. Raises ``AccessRefused``.
    """
    try:
        key = public_key_from_jwk(jwk)
        kept = Json(json.dumps(bare_jwk(key), sort_keys=True)) if CLIENT_ID.fullmatch(kid) else None
    except KeyRefused:
        kept = None
    key_id = f"{client_id}/{kid}"

    def judge(facts: Facts, _now: datetime) -> Verdict:
        if kept is None:
            return Refused("client_key_refused")
        if facts.get(CLIENTS, client_id) is None:
            return Refused("client_unknown")
        had = facts.group(CLIENT_KEYS, "client_id", client_id)
        if any(key.id == key_id or key.jwk == kept for key in had):
            return Refused("client_key_exists")
        return ALLOWED

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if kept is not None:
            facts.put(CLIENT_KEYS, ClientKey(key_id, client_id, kid, kept, now, active=True))

    await administer(
        keyring, appender, "key", {"act": "add", "client": client_id, "kid": kid},
        [Need(CLIENTS, client_id), Need(CLIENT_KEYS, client_id, "client_id")], judge, apply,
    )  # fmt: skip


async def withdraw_client_key(keyring: Keyring, appender: Appender, *, client_id: str, kid: str) -> None:
    """With the next request it signs nobody in. Its name is never used again. Raises ``AccessRefused``."""
    key_id = f"{client_id}/{kid}"

    def judge(facts: Facts, _now: datetime) -> Verdict:
        return ALLOWED if facts.get(CLIENT_KEYS, key_id) is not None else Refused("client_key_unknown")

    def apply(facts: Facts, _now: datetime, _verdict: Verdict) -> None:
        if (key := facts.get(CLIENT_KEYS, key_id)) is not None:
            facts.put(CLIENT_KEYS, replace(key, active=False))

    await administer(
        keyring, appender, "key", {"act": "withdraw", "client": client_id, "kid": kid},
        [Need(CLIENT_KEYS, key_id)], judge, apply,
    )  # fmt: skip


async def list_clients(database: Database) -> list[tuple[Client, list[ClientKey]]]:
    async with database.reading() as reading:
        return await all_clients(reading)
