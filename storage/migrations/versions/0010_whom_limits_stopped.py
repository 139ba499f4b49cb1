"""An officer's own days, whom a limit stopped, where an officer is told, and who added the officer.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("officer", sa.Column("email", sa.LargeBinary(), nullable=False, server_default=""))
    op.alter_column("officer", "email", server_default=None)
    op.add_column("officer", sa.Column("added_by", sa.Text(), nullable=False, server_default=""))
    op.alter_column("officer", "added_by", server_default=None)
    for column, so_far in (("admitted", "true"), ("held_by_site", "false")):
        op.add_column("officer", sa.Column(column, sa.Boolean(), nullable=False, server_default=so_far))
        op.alter_column("officer", column, server_default=None)
    op.create_table(
        "reached_days",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("days", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("agency_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_alert_agency_id", "alert", ["agency_id"])
    op.create_index("ix_alert_untold", "alert", ["at"], postgresql_where=sa.text("told_at IS NULL"))
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    for table in ("reached_days", "alert"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")


def downgrade() -> None:
    op.drop_table("alert")
    op.drop_table("reached_days")
    for column in ("held_by_site", "admitted", "added_by"):
        op.drop_column("officer", column)
    op.drop_column("officer", "email")
