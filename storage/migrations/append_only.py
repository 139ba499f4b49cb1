"""What migrations share: a table of the log that the application may read and add to, and nobody may change.

Grants keep the application's role from it; triggers refuse it to everybody else too, the owner included (who may take a trigger away:
hygiene, the tree is the protection). A later table of the log joins by one call.
"""

from __future__ import annotations

from alembic import context, op


def app_role() -> str:
    """The application's role, quoted."""
    return op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])


def append_only(table: str) -> None:
    """Rows come and stay as they are."""
    may_grow(table)
    for name, moment in (
        ("append_only", "BEFORE UPDATE OR DELETE ON {} FOR EACH ROW"),
        ("append_only_all", "BEFORE TRUNCATE ON {} FOR EACH STATEMENT"),
    ):
        op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        op.execute(f"CREATE TRIGGER {name} {moment.format(table)} EXECUTE FUNCTION berkas_append_only()")


def may_grow(table: str) -> None:
    """What the application's role may do with it: read and add."""
    op.execute(f"REVOKE ALL ON {table} FROM {app_role()}")
    op.execute(f"GRANT SELECT, INSERT ON {table} TO {app_role()}")


def changeable_again(table: str) -> None:
    """The way back of ``append_only``."""
    for name in ("append_only", "append_only_all"):
        op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
