"""Agencies' back ends: who they are, the keys they sign with, and the tokens of theirs that are used up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.agencies import AGENCIES, Agency
from storage.database import Reading, Transaction
from storage.ledger.facts import FactTable, Json


@dataclass(frozen=True, slots=True)
class Client:
    """``id`` is the OAuth ``client_id``; ``scopes`` are separated by spaces."""

    id: str
    agency_id: str
    name: str
    scopes: str
    active: bool


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key (RFC 7517) under the name that the client gives it; ``id`` is ``<client>/<kid>``. Several may be active:
    that is how a client turns its keys without a pause.
    """

    id: str
    client_id: str
    kid: str
    jwk: Json
    added_at: datetime
    active: bool


CLIENTS = FactTable(Client, "client", groups=("agency_id",))
CLIENT_KEYS = FactTable(ClientKey, "client_key", groups=("client_id",))


class UsedOnce(SQLModel, table=True):
    """An assertion or a proof that was used, a token that was revoked, on whatever replica; after ``until`` nobody would accept
    it again.
    """

    __tablename__ = "used_once"
    id: str = Field(primary_key=True, sa_type=sa.Text)
    until: datetime = Field(sa_type=sa.DateTime(timezone=True), index=True)


@dataclass(frozen=True, slots=True)
class Registered:
    """A client with its agency and its active keys: kid -> public JWK in JSON."""

    client: Client
    agency: Agency
    keys: dict[str, Json]


async def registered(reading: Reading, client_id: str) -> Registered | None:
    """Asks the same for an unknown client, so that it takes the same time."""
    clients = await CLIENTS.load(reading.raw, "id", [client_id])
    agencies = await AGENCIES.load(reading.raw, "id", [client.agency_id for client in clients])
    keys = await CLIENT_KEYS.load(reading.raw, "client_id", [client_id])
    if not clients or not agencies:
        return None
    return Registered(clients[0], agencies[0], {key.kid: key.jwk for key in keys if key.active})


async def all_clients(reading: Reading) -> list[tuple[Client, list[ClientKey]]]:
    """Each with all its keys, withdrawn ones too."""
    ids = [row["id"] for row in await reading.raw.fetch("SELECT id FROM client")]
    clients = await CLIENTS.load(reading.raw, "id", ids)
    keys = await CLIENT_KEYS.load(reading.raw, "client_id", ids)
    return [
        (client, sorted((key for key in keys if key.client_id == client.id), key=lambda key: key.added_at))
        for client in sorted(clients, key=lambda client: client.id)
    ]


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
