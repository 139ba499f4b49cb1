"""On whose contact a citizen's passkey rests: whoever set that contact asks for nothing that the passkey then allows.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Which contact a passkey of before came from was not kept: one of those that were there then.
    op.add_column("citizen_passkey", sa.Column("set_by", sa.Text(), nullable=False, server_default=""))
    op.execute(
        "UPDATE citizen_passkey p SET set_by = c.set_by FROM contact c "
        "WHERE c.subject_ref = p.subject_ref AND c.set_at <= p.added_at"
    )
    op.alter_column("citizen_passkey", "set_by", server_default=None)


def downgrade() -> None:
    op.drop_column("citizen_passkey", "set_by")
