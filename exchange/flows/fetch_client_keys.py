"""A client's keys are found where its agency publishes them (RFC 7591 2).

1. one replica asks: ten minutes after the last time, a minute after a failure, and where an assertion names a key that nobody
   knows; never more than once a minute and client
2. the set is read: public signing keys, nothing else
3. one batch item where it changed, or six hours after the last: keys that are new, keys that are gone, the entry
What was found last counts for 24 hours when the address fails. A name and its key stay together for good: a name is never
used for another key, nor a key under another name, and what an operator withdrew is never taken again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from auth.client_keys import (
    ClientPublicKey,
    algorithm_of,
    bare_client_jwk,
    jwk_thumbprint,
    keys_in_set,
)
from auth.keys import ALGORITHM, KeyRefused
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.guarded import CallRefused, Guarded
from storage.clients import (
    CLIENT_KEYS,
    CLIENTS,
    Client,
    ClientKey,
    claim_asking,
    clients_to_ask,
    note_asked,
    registered,
    was_asked,
)
from storage.database import Database
from storage.errors import StorageError
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work

FRESH = timedelta(minutes=10)
AGAIN_AFTER = timedelta(seconds=60)
CONFIRMED_EVERY = timedelta(hours=6)
KEYS_EVER = 500
AT_ONCE = 8
MEDIA_TYPES = ("application/jwk-set+json", "application/json")
_log = logging.getLogger("berkas.client_keys")


class ClientKeySets:
    """Asks clients' addresses for their keys, from this replica."""

    def __init__(self, database: Database, keyring: Keyring, appender: Appender, guarded: Guarded) -> None:
        self._database = database
        self._keyring = keyring
        self._appender = appender
        self._guarded = guarded
        self._running: dict[str, asyncio.Task[None]] = {}

    async def stop(self) -> None:
        """Calls that are under way end; their clients are asked again a minute later."""
        running = list(self._running.values())
        for call in running:
            call.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def refresh_due(self, now: datetime) -> None:
        """Every address whose time has come, eight at once."""
        async with self._database.reading() as reading:
            due = await clients_to_ask(reading, FRESH, AGAIN_AFTER, AT_ONCE)
        await asyncio.gather(*(self.look_again(client_id, now) for client_id in due))

    async def look_again(self, client_id: str, now: datetime) -> None:
        """Unless that was done in the last minute, by whatever replica. Whoever waits may stop waiting: the call goes on."""
        if (running := self._running.get(client_id)) is None:
            running = self._running[client_id] = asyncio.create_task(self._asked(client_id, now))
            running.add_done_callback(lambda _: self._running.pop(client_id, None))
        await asyncio.shield(running)

    async def refresh(self, client_id: str, now: datetime) -> str:
        """At once. Returns why nothing was learnt, empty when something was."""
        cause = await self._learnt(client_id, now)
        async with self._database.transaction() as transaction:
            await note_asked(transaction, client_id, cause)
        if cause:
            _log.warning("client keys not fetched", extra={"client": client_id, "cause": cause})
        return cause

    async def _asked(self, client_id: str, now: datetime) -> None:
        try:
            # Looked up first: whoever knows a client's name could make us write otherwise.
            async with self._database.reading() as reading:
                if await was_asked(reading, client_id, AGAIN_AFTER):
                    return
            async with self._database.transaction() as transaction:
                if not await claim_asking(transaction, client_id, AGAIN_AFTER):
                    return
            await self.refresh(client_id, now)
        except StorageError as error:
            _log.warning("client keys not kept", extra={"client": client_id, "error": type(error).__name__})

    async def _learnt(self, client_id: str, now: datetime) -> str:
        async with self._database.reading() as reading:
            known = await registered(reading, client_id)
        if known is None or not known.client.jwks_uri:
            return "no_address"
        try:
            found = keys_in_set(await self._guarded.get(known.client.jwks_uri, MEDIA_TYPES))
        except CallRefused as refused:
            return refused.cause
        except KeyRefused as refused:
            return refused.reason
        confirmed_at = known.client.jwks_at
        is_due = confirmed_at is None or now - confirmed_at >= CONFIRMED_EVERY
        if is_due or changes(known.client, known.keys, found, now):
            await self._kept(known.client, found)
        # No new one is taken any more: an operator must see it before the old ones are gone.
        return "too_many_keys" if len(known.keys) >= KEYS_EVER else ""

    async def _kept(self, asked: Client, found: Mapping[str, ClientPublicKey]) -> None:
        trail = self._keyring.site_trail()
        changed: list[ClientKey] = []

        def judge(facts: Facts, _now: datetime) -> Verdict:
            client = facts.get(CLIENTS, asked.id)
            same = client is not None and client.jwks_uri == asked.jwks_uri
            return ALLOWED if same else Refused("jwks_uri_refused")  # it is the client's no more

        def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
            if (client := facts.get(CLIENTS, asked.id)) is not None:
                facts.put(CLIENTS, replace(client, jwks_at=now))
                # In place of what an attempt before this one found, whose batch was lost.
                changed[:] = changes(client, facts.group(CLIENT_KEYS, "client_id", client.id), found, now)
            for key in changed:
                facts.put(CLIENT_KEYS, key)

        def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
            if not verdict.allowed:
                return [Event("key", trail, "system", {"act": "fetch", "client": asked.id})]
            taken = [
                {"kid": key.kid, "jkt": jwk_thumbprint(json.loads(key.jwk))} for key in changed if key.active
            ]
            ended = [key.kid for key in changed if not key.active]
            details = {"act": "fetch", "client": asked.id, "taken": taken, "ended": ended}
            return [Event("key", trail, "system", details)]

        needs = [Need(CLIENTS, asked.id), Need(CLIENT_KEYS, asked.id, "client_id")]
        await self._appender.submit(Work("key", "", trail, needs, judge, events, apply))


def changes(
    client: Client, had: Sequence[ClientKey], found: Mapping[str, ClientPublicKey], now: datetime
) -> list[ClientKey]:
    """The rows that are new or other than before, once ``found`` is what stands at the client's address."""
    named = {key.kid: key for key in had}
    taken = {key.jwk for key in had}
    offered = {
        kid: Json(json.dumps(bare_client_jwk(key), sort_keys=True))
        for kid, key in found.items()
        if algorithm_of(key) == ALGORITHM or client.rs256
    }
    changed = [
        replace(key, active=False)
        for key in had
        if key.by_uri and key.active and offered.get(key.kid) != key.jwk
    ]
    for kid, jwk in offered.items():
        before = named.get(kid)
        if before is None and jwk not in taken and len(taken) < KEYS_EVER:
            taken.add(jwk)
            alg = algorithm_of(found[kid])
            changed.append(
                ClientKey(f"{client.id}/{kid}", client.id, kid, jwk, now, active=True, alg=alg, by_uri=True)
            )
        elif (
            before is not None
            and before.jwk == jwk
            and before.by_uri
            and not (before.active or before.withdrawn)
        ):
            changed.append(replace(before, active=True))
    return changed
