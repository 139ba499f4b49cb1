"""Agencies' back ends: who they are, the keys they sign with, and the tokens of theirs that are used up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.agencies import AGENCIES, Agency
from storage.database import Reading, Transaction
from storage.ledger.facts import FactTable, Json


@dataclass(frozen=True, slots=True)
class Client:
    """``id`` is the OAuth ``client_id``; ``scopes`` are separated by spaces, and so are ``purposes``: the services that it is for
    (none named: all that its agency offers). ``jwks_uri`` is where it publishes its keys (RFC 7591 2), empty for nowhere;
    ``jwks_at`` when they were last found there, to six hours. ``rs256``: it may sign its assertions with RSA.
    """

    id: str
    agency_id: str
    name: str
    scopes: str
    active: bool
    purposes: str = ""
    jwks_uri: str = ""
    jwks_at: datetime | None = None
    rs256: bool = False


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key (RFC 7517) under the name that the client gives it; ``id`` is ``<client>/<kid>``. Several may be active:
    that is how a client turns its keys without a pause. ``by_uri``: found at the client's address, not uploaded; ``withdrawn``
    by an operator, for good, while another that is not ``active`` may be found at the address again.
    """

    id: str
    client_id: str
    kid: str
    jwk: Json
    added_at: datetime
    active: bool
    alg: str = "ES256"
    by_uri: bool = False
    withdrawn: bool = False


CLIENTS = FactTable(Client, "client", groups=("agency_id",))
CLIENT_KEYS = FactTable(ClientKey, "client_key", groups=("client_id",))


class UsedOnce(SQLModel, table=True):
    """An assertion or a proof that was used, a token that was revoked, on whatever replica; after ``until`` nobody would accept
    it again.
    """

    __tablename__ = "used_once"
    id: str = Field(primary_key=True, sa_type=sa.Text)
    until: datetime = Field(sa_type=sa.DateTime(timezone=True), index=True)


class ClientKeyFetch(SQLModel, table=True):
    """When a client's address was last asked for its keys, by whatever replica, and why that failed (``cause``; empty when it did
    not). It says when to ask again; who may act it does not decide.
    """

    __tablename__ = "client_key_fetch"
    client_id: str = Field(primary_key=True, sa_type=sa.Text)
    tried_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    cause: str = Field(sa_type=sa.Text)


@dataclass(frozen=True, slots=True)
class Registered:
    """A client with its agency and all keys that it ever had."""

    client: Client
    agency: Agency
    keys: list[ClientKey]


async def registered(reading: Reading, client_id: str) -> Registered | None:
    """Asks the same for an unknown client, so that it takes the same time."""
    clients = await CLIENTS.load(reading.raw, "id", [client_id])
    agencies = await AGENCIES.load(reading.raw, "id", [client.agency_id for client in clients])
    keys = await CLIENT_KEYS.load(reading.raw, "client_id", [client_id])
    if not clients or not agencies:
        return None
    return Registered(clients[0], agencies[0], keys)


@dataclass(frozen=True, slots=True)
class Listed:
    """A client with all its keys, withdrawn ones too, and how the last call to its address ended (None: none was made)."""

    client: Client
    keys: list[ClientKey]
    fetch: str | None


async def all_clients(reading: Reading) -> list[Listed]:
    rows = await reading.raw.fetch(
        "SELECT c.id, f.cause FROM client c LEFT JOIN client_key_fetch f ON f.client_id = c.id ORDER BY c.id"
    )
    causes = {row["id"]: row["cause"] for row in rows}
    clients = {client.id: client for client in await CLIENTS.load(reading.raw, "id", list(causes))}
    keys = sorted(
        await CLIENT_KEYS.load(reading.raw, "client_id", list(causes)), key=lambda key: key.added_at
    )
    return [
        Listed(clients[each], [key for key in keys if key.client_id == each], cause)
        for each, cause in causes.items()
        if each in clients
    ]


async def clients_to_ask(reading: Reading, fresh: timedelta, again: timedelta, most: int) -> list[str]:
    """Whose address is due: ``fresh`` after a call that went well, ``again`` after one that did not. The longest due first."""
    rows = await reading.raw.fetch(
        "SELECT c.id FROM client c LEFT JOIN client_key_fetch f ON f.client_id = c.id JOIN agency a ON a.id = c.agency_id "
        "WHERE c.active AND a.active AND c.jwks_uri <> '' "
        "AND (f.tried_at IS NULL OR f.tried_at <= clock_timestamp() - CASE f.cause WHEN '' THEN $1::interval ELSE $2::interval END) "
        "ORDER BY f.tried_at NULLS FIRST LIMIT $3",
        fresh,
        again,
        most,
    )
    return [row["id"] for row in rows]


async def was_asked(reading: Reading, client_id: str, within: timedelta) -> bool:
    return bool(
        await reading.raw.fetchval(
            "SELECT tried_at > clock_timestamp() - $2::interval FROM client_key_fetch WHERE client_id = $1",
            client_id,
            within,
        )
    )


async def claim_asking(transaction: Transaction, client_id: str, within: timedelta) -> bool:
    """May this replica ask now? Of several that want to, one may; none while another asked ``within`` this time."""
    return bool(
        await transaction.raw.fetchval(
            "INSERT INTO client_key_fetch (client_id, tried_at, cause) VALUES ($1, clock_timestamp(), 'unfinished') "
            "ON CONFLICT (client_id) DO UPDATE SET tried_at = excluded.tried_at, cause = excluded.cause "
            "WHERE client_key_fetch.tried_at <= clock_timestamp() - $2::interval RETURNING true",
            client_id,
            within,
        )
    )


async def note_asked(transaction: Transaction, client_id: str, cause: str) -> None:
    await transaction.raw.execute(
        "INSERT INTO client_key_fetch (client_id, tried_at, cause) VALUES ($1, clock_timestamp(), $2) "
        "ON CONFLICT (client_id) DO UPDATE SET tried_at = excluded.tried_at, cause = excluded.cause",
        client_id,
        cause,
    )


async def use_once(transaction: Transaction, replay_id: str, until: datetime) -> bool:
    """Was it new? Two replicas that are asked at the same moment wait for each other here."""
    return bool(
        await transaction.raw.fetchval(
            "INSERT INTO used_once (id, until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING true",
            replay_id,
            until,
        )
    )


async def was_used(reading: Reading, replay_id: str) -> bool:
    return bool(await reading.raw.fetchval("SELECT true FROM used_once WHERE id = $1", replay_id))


async def forget_used(transaction: Transaction) -> None:
    await transaction.raw.execute(
        "DELETE FROM used_once WHERE until < clock_timestamp() - interval '1 minute'"
    )
