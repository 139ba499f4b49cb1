"""Why a message was not sent.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("cause", sa.Text(), nullable=False, server_default=""))
    op.alter_column("outbox", "cause", server_default=None)
    op.create_index(
        "ix_outbox_dead", "outbox", ["created_at"], postgresql_where=sa.text("state = 'dead'")
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_dead", table_name="outbox")
    op.drop_column("outbox", "cause")
