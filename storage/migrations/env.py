"""Runs migrations over asyncpg, the only driver of the project."""

from __future__ import annotations

import asyncio
from typing import Any

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel


def _run(connection: Any) -> None:
    # One lock for all migrations: two replicas that start at once must not both create the tables.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4266557)")
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        app_role=context.config.attributes["app_role"],
    )
    context.run_migrations()


async def _online() -> None:
    engine = create_async_engine(context.config.attributes["url"], poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_online())
