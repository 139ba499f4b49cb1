"""When contacts were verified and removed, what a factor rests on, passkeys of citizens.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("verified_at", "removed_at"):
        op.add_column("contact", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_contact_value_index", "contact", ["value_index"])
    # Until now a one-time code was the only way.
    op.add_column("challenge", sa.Column("method", sa.Text(), nullable=False, server_default="otp_registered"))
    op.alter_column("challenge", "method", server_default=None)
    op.add_column("challenge", sa.Column("rests_on", sa.Text(), nullable=True))
    op.create_table(
        "citizen_passkey",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_citizen_passkey_subject_ref", "citizen_passkey", ["subject_ref"])
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON citizen_passkey TO {role}")


def downgrade() -> None:
    op.drop_table("citizen_passkey")
    # What the schema of before cannot tell apart from a code and from a contact.
    op.execute("DELETE FROM challenge WHERE method <> 'otp_registered'")
    op.execute("DELETE FROM contact WHERE removed_at IS NOT NULL")
    op.drop_column("challenge", "rests_on")
    op.drop_column("challenge", "method")
    op.drop_index("ix_contact_value_index", "contact")
    for column in ("removed_at", "verified_at"):
        op.drop_column("contact", column)
