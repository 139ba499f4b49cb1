"""Destructions of papers whose time is over: proposal, approval, and what became of each paper.

Revision ID: 0034
Revises: 0033
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def upgrade() -> None:
    op.create_table(
        "destruction",
        *_texts("id", "agency_id", "proposed_by", "state", "decided_by"),
        *_moments("until", "proposed_at"),
        *_moments("decided_at", "finished_at", "effective_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "destruction_paper",
        *_texts("id", "destruction_id", "document_id", "subject_ref", "type", "reason", "versions", "state", "why"),
        sa.Column("months", sa.BigInteger(), nullable=False),
        *_moments("last_used_at"),
        *_moments("at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_destruction_paper_destruction_id", "destruction_paper", ["destruction_id"])
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON destruction, destruction_paper TO {role}")


def downgrade() -> None:
    op.drop_table("destruction_paper")
    op.drop_table("destruction")
