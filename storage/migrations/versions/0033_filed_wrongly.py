"""Papers that were filed wrongly.

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

TEXTS = ("version_id", "document_id", "document_type", "subject_ref", "agency_id", "reason", "belongs_to", "was", "state", "reported_by", "decided_by")


def upgrade() -> None:
    op.create_table(
        "void_report",
        sa.Column("id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_void_report_of_agency", "void_report", ["agency_id", "id"])
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON void_report TO {role}")


def downgrade() -> None:
    op.drop_table("void_report")
