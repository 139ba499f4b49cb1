"""Where a log was restored below a published checkpoint and goes on under a new origin.

Revision ID: 0032
Revises: 0031
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_reopening",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("origin", "previous", "note")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("restored_size", "lost_to")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("origin"),
    )
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"GRANT SELECT, INSERT ON log_reopening TO {role}")


def downgrade() -> None:
    op.drop_table("log_reopening")
