"""The digest of a paper as it was sent, beside that of what is kept.

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("document_version", sa.Column("received_sha256", sa.Text(), nullable=True))
    op.execute("UPDATE document_version SET received_sha256 = sha256")  # nothing was left out before
    op.alter_column("document_version", "received_sha256", nullable=False)


def downgrade() -> None:
    op.drop_column("document_version", "received_sha256")
