"""Citizens' keys are judged facts; an erasure has the day on which it is complete.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("citizen_key", "subject_ref", new_column_name="id")
    op.alter_column("citizen_key", "root_key_version", type_=sa.BigInteger())
    op.add_column("citizen_key", sa.Column("document_key_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE citizen_key SET document_key_at = coalesce((SELECT created_at FROM subject WHERE ref = citizen_key.id), now())"
    )
    op.alter_column("citizen_key", "document_key_at", nullable=False)
    op.add_column("rights_case", sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("rights_case", "effective_at")
    op.drop_column("citizen_key", "document_key_at")
    op.alter_column("citizen_key", "root_key_version", type_=sa.Integer())
    op.alter_column("citizen_key", "id", new_column_name="subject_ref")
