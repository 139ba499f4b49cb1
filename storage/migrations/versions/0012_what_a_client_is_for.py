"""What a client is for, and where its keys come from.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("purposes", "jwks_uri"):
        op.add_column("client", sa.Column(column, sa.Text(), nullable=False, server_default=""))
    op.add_column("client", sa.Column("jwks_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("client", sa.Column("rs256", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("client_key", sa.Column("alg", sa.Text(), nullable=False, server_default="ES256"))
    for column in ("by_uri", "withdrawn"):
        op.add_column("client_key", sa.Column(column, sa.Boolean(), nullable=False, server_default=sa.false()))
    # Until now an operator's withdrawal was the only way to be inactive.
    op.execute("UPDATE client_key SET withdrawn = NOT active")
    for table, columns in (
        ("client", ("purposes", "jwks_uri", "rs256")),
        ("client_key", ("alg", "by_uri", "withdrawn")),
    ):
        for column in columns:
            op.alter_column(table, column, server_default=None)
    op.create_table(
        "client_key_fetch",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("client_id"),
    )
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON client_key_fetch TO {role}")


def downgrade() -> None:
    op.drop_table("client_key_fetch")
    for column in ("withdrawn", "by_uri", "alg"):
        op.drop_column("client_key", column)
    for column in ("rs256", "jwks_at", "jwks_uri", "purposes"):
        op.drop_column("client", column)
