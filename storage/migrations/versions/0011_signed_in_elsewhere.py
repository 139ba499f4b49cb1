"""Officers who sign in at the office's identity provider.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "officer_identity",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("officer_id", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_officer_identity_officer_id", "officer_identity", ["officer_id"])
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON officer_identity TO {role}")
    op.add_column("session", sa.Column("provider_session", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("strong", sa.Boolean(), nullable=False, server_default="false"))
    op.alter_column("session", "strong", server_default=None)
    op.create_index("ix_session_provider_session", "session", ["provider_session"])


def downgrade() -> None:
    op.drop_index("ix_session_provider_session", "session")
    op.drop_column("session", "strong")
    op.drop_column("session", "provider_session")
    op.drop_table("officer_identity")
