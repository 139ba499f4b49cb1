"""Who may what: the application's role, and triggers that keep the log append-only.

Revision ID: 0002
Revises: 0001
"""

from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("log_entry", "log_node", "log_checkpoint", "audit_event")
HEAD = "log_head"


def upgrade() -> None:
    role = _role()
    op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    op.execute(f"REVOKE ALL ON alembic_version FROM {role}")
    op.execute(f"GRANT SELECT ON alembic_version TO {role}")
    for table in APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
    op.execute(f"REVOKE DELETE, TRUNCATE ON {HEAD} FROM {role}")
    op.execute(
        "CREATE FUNCTION berkas_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'insufficient_privilege'; END $$"
    )
    # The body of an event may be erased (the law's right), its entry and the tree never.
    for table in ("log_entry", "log_node"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION berkas_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER append_only_all BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION berkas_append_only()"
        )


def downgrade() -> None:
    role = _role()
    for table in ("log_entry", "log_node"):
        op.execute(f"DROP TRIGGER append_only ON {table}")
        op.execute(f"DROP TRIGGER append_only_all ON {table}")
    op.execute("DROP FUNCTION berkas_append_only()")
    op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {role}")


def _role() -> str:
    return op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
