"""The schema: every table known to ``SQLModel.metadata``, and the migrations that make it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

# Importing the nouns registers their tables.
from storage import (
    administration,
    agencies,
    assistance,
    breaches,
    citizen_keys,
    clients,
    consents,
    copies,
    destructions,
    documents,
    factors,
    grounds,
    keyring,
    limits,
    outbox,
    quarantine,
    rights,
    signing_keys,
    subjects,
    tickets,
    voids,
)
from storage.database import Database, plain_url
from storage.ledger import reopening, tables

if TYPE_CHECKING:
    from alembic.config import Config

TABLES = (
    administration,
    agencies,
    breaches,
    assistance,
    citizen_keys,
    clients,
    consents,
    copies,
    destructions,
    documents,
    factors,
    grounds,
    keyring,
    limits,
    outbox,
    quarantine,
    rights,
    signing_keys,
    subjects,
    tickets,
    voids,
    tables,
    reopening,
)
MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0038"
"""The newest revision. Stated here, and compared with the files by a test, so that a start that has nothing to migrate
does not load Alembic (0.9 s)."""


def upgrade(owner_url: str, *, app_role: str, revision: str = "head") -> None:
    """Bring the database to ``revision``; ``app_role`` is the role that the application signs in with. Blocking."""
    from alembic import command

    command.upgrade(_config(owner_url, app_role), revision)


def downgrade(owner_url: str, *, app_role: str, revision: str = "base") -> None:
    """Take migrations back; ``base`` leaves an empty schema. Blocking."""
    from alembic import command

    command.downgrade(_config(owner_url, app_role), revision)


async def current_revision(database: Database) -> str | None:
    """The revision of a database; None before the first migration."""
    async with database.transaction() as transaction:
        try:
            return await transaction.raw.fetchval("SELECT version_num FROM alembic_version")  # type: ignore[no-any-return]
        except asyncpg.UndefinedTableError:
            return None


def _config(owner_url: str, app_role: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = plain_url(owner_url).replace("postgresql://", "postgresql+asyncpg://", 1)
    config.attributes["app_role"] = app_role
    return config
