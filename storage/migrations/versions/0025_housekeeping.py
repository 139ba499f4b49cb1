"""What is damaged, what was given up, what was destroyed.

Revision ID: 0025
Revises: 0023
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_index("ix_document_version_shard", "document_version", [sa.text("left(object_key, 2)")])
    op.create_table(
        "quarantine",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "subject_ref", "fault", "found_by")),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("lifted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_quarantine_subject_ref", "quarantine", ["subject_ref"])
    op.create_index(
        "ix_quarantine_open", "quarantine", ["found_at"], postgresql_where=sa.text("lifted_at IS NULL")
    )
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    for table in ("quarantine",):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")


def downgrade() -> None:
    op.drop_table("quarantine")
    op.drop_index("ix_document_version_shard", table_name="document_version")
