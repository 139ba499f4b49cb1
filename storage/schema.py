"""The schema: every table known to ``SQLModel.metadata``, and the migrations that make it."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

# Importing the nouns registers their tables.
from storage import agencies, consents, documents, keyring, outbox, subjects, tickets
from storage.database import Database, plain_url
from storage.ledger import tables

TABLES = (agencies, consents, documents, keyring, outbox, subjects, tickets, tables)
MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(owner_url: str, *, app_role: str, revision: str = "head") -> None:
    """Bring the database to ``revision``; ``app_role`` is the role that the application signs in with. Blocking."""
    command.upgrade(_config(owner_url, app_role), revision)


def downgrade(owner_url: str, *, app_role: str, revision: str = "base") -> None:
    """Take migrations back; ``base`` leaves an empty schema. Blocking."""
    command.downgrade(_config(owner_url, app_role), revision)


def head_revision() -> str:
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


async def current_revision(database: Database) -> str | None:
    """The revision of a database; None before the first migration."""
    async with database.transaction() as transaction:
        try:
            return await transaction.raw.fetchval("SELECT version_num FROM alembic_version")  # type: ignore[no-any-return]
        except asyncpg.UndefinedTableError:
            return None


def _config(owner_url: str, app_role: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = plain_url(owner_url).replace("postgresql://", "postgresql+asyncpg://", 1)
    config.attributes["app_role"] = app_role
    return config
