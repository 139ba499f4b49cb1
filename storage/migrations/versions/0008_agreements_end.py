"""Agreements end: until when an agency takes part.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agency", sa.Column("agreement_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("agency", "agreement_until")
