"""Up, down to empty, up again; and the tables are what the code says they are."""

from __future__ import annotations

import asyncio
import uuid
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from storage import schema
from storage.database import Database
from tests.conftest import PostgresServer


@pytest.fixture
async def empty_url(postgres: PostgresServer) -> str:
    name = f"m_{uuid.uuid4().hex[:10]}"
    connection = await asyncpg.connect(postgres.superuser)
    await connection.execute(f'CREATE DATABASE {name} OWNER "{urlsplit(postgres.owner).username}"')
    await connection.close()
    return postgres.at(postgres.owner, name)


async def _tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_up_down_up(empty_url: str, postgres: PostgresServer) -> None:
    role = urlsplit(postgres.app).username or ""
    await asyncio.to_thread(schema.upgrade, empty_url, app_role=role)
    assert await _tables(empty_url) == set(SQLModel.metadata.tables) | {"alembic_version"}
    await asyncio.to_thread(schema.downgrade, empty_url, app_role=role)
    assert await _tables(empty_url) == {"alembic_version"}
    await asyncio.to_thread(schema.upgrade, empty_url, app_role=role)
    database = Database(empty_url)
    assert await schema.current_revision(database) == schema.HEAD
    await database.close()


async def test_a_key_that_was_withdrawn_before_stays_withdrawn(
    empty_url: str, postgres: PostgresServer
) -> None:
    """Until 0009 not to be active was to be withdrawn; now a client's address could bring a merely inactive key back."""
    role = urlsplit(postgres.app).username or ""
    await asyncio.to_thread(schema.upgrade, empty_url, app_role=role, revision="0008")
    connection = await asyncpg.connect(empty_url)
    insert = "INSERT INTO client_key (id, client_id, kid, jwk, added_at, active) VALUES ($1, 'c', $1, '{}', now(), $2)"
    for kid, active in (("old", False), ("good", True)):
        await connection.execute(insert, kid, active)
    await asyncio.to_thread(schema.upgrade, empty_url, app_role=role)
    rows = await connection.fetch("SELECT kid, alg, by_uri, active, withdrawn FROM client_key ORDER BY kid")
    await connection.close()
    assert [tuple(row) for row in rows] == [
        ("good", "ES256", False, True, False),
        ("old", "ES256", False, False, True),
    ]


async def test_no_difference_between_code_and_schema(database_url: str) -> None:
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), SQLModel.metadata)
        )
    await engine.dispose()
    assert [item for item in differences if "alembic_version" not in str(item)] == []


async def test_a_database_without_schema(empty_url: str) -> None:
    database = Database(empty_url)
    assert await schema.current_revision(database) is None
    await database.close()
