"""Exports of the ledger's entries as evidence, which take two persons.

Revision ID: 0036
Revises: 0035
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    texts = ("agency_id", "of_agency", "subject_ref", "officer_id", "type", "outcome", "assignment", "requested_by", "state", "decided_by")
    op.create_table(
        "audit_export",
        sa.Column("id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("from_at", "to_at", "requested_at")),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON audit_export TO {role}")


def downgrade() -> None:
    op.drop_table("audit_export")
