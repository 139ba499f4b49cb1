"""What a law or a court wants kept: the order's number on every version.

Revision ID: 0028
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "document_version", sa.Column("legal_hold", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.alter_column("document_version", "legal_hold", server_default=None)


def downgrade() -> None:
    op.drop_column("document_version", "legal_hold")
