"""On what a request and its consent rest, who decides, and how.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Until now every citizen decided for themselves, by link, and every basis was consent.
SHARED = {"mode": "link", "lawful_basis": "consent", "decider_ref": "", "relation": "self"}
REQUEST_ONLY = {"evidence": "[]"}


def upgrade() -> None:
    for table, columns in (("consent_request", SHARED | REQUEST_ONLY), ("consent", SHARED)):
        for column, before in columns.items():
            op.add_column(table, sa.Column(column, sa.Text(), nullable=False, server_default=before))
            op.alter_column(table, column, server_default=None)
        op.execute(f"UPDATE {table} SET decider_ref = subject_ref")
    op.add_column("consent_request", sa.Column("legal_reference", sa.Text(), nullable=True))
    op.create_index("ix_consent_decider_ref", "consent", ["decider_ref"])


def downgrade() -> None:
    op.drop_index("ix_consent_decider_ref", "consent")
    op.drop_column("consent_request", "legal_reference")
    for table, columns in (("consent", SHARED), ("consent_request", SHARED | REQUEST_ONLY)):
        for column in reversed(columns):
            op.drop_column(table, column)
