"""The breach register.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TEXTS = ("agency_id", "opened_by", "of_agency", "actor", "data", "how", "handling", "authority_reference")
TIMES = {"opened_at": False, "noticed_at": False, "from_at": False, "to_at": False} | {
    "authority_told_at": True,
    "closed_at": True,
}


def upgrade() -> None:
    op.create_table(
        "breach",
        sa.Column("id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=open_) for name, open_ in TIMES.items()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_breach_agency_id", "breach", ["agency_id"])
    op.create_table(
        "breach_person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("breach_id", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_breach_person_breach_id", "breach_person", ["breach_id"])
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    for table in ("breach", "breach_person"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")


def downgrade() -> None:
    op.drop_table("breach_person")
    op.drop_table("breach")
