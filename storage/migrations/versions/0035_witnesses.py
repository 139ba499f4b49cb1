"""Cosignatures of witnesses, which checkpoints had their quorum, and how each witness answers.

Revision ID: 0035
Revises: 0034
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

APPEND_ONLY = ("log_cosignature", "log_quorum")


def upgrade() -> None:
    op.create_table(
        "log_cosignature",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness"),
    )
    op.create_index("ix_log_cosignature_witness", "log_cosignature", ["witness", "size"])
    op.create_table(
        "log_quorum",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "log_witness",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("witness", "cause")),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("known_since", "claimed_until")),
        sa.PrimaryKeyConstraint("witness"),
    )
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(APPEND_ONLY)} TO {role}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON log_witness TO {role}")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION berkas_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER append_only_all BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION berkas_append_only()"
        )


def downgrade() -> None:
    for table in ("log_witness", "log_quorum", "log_cosignature"):
        op.drop_table(table)
