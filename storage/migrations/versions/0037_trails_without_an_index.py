"""A citizen's entries are found from the newest back, without an index of all history; ids are compared by their bytes.

Revision ID: 0037
Revises: 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0034"
branch_labels = None
depends_on = None

# Ids are ASCII: a database with a language's own order would compare them letter by letter through its locale.
IDS = (("audit_event", "item_id"), ("ticket_use", "id"), ("subject_trail", "id"), ("hourly_budget", "id"))
# Rows of which each act changes one: room for the next version of the row on its own page spares their indexes.
CHANGED_OFTEN = ("subject_trail", "hourly_budget", "session")


def upgrade() -> None:
    op.add_column("audit_event", sa.Column("prev_idx", sa.BigInteger(), nullable=True))
    op.add_column("subject_trail", sa.Column("last_idx", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE audit_event a SET prev_idx = b.prev_idx FROM (SELECT idx, lag(idx) OVER "
        "(PARTITION BY subject_ref ORDER BY subject_seq) AS prev_idx FROM audit_event) b WHERE a.idx = b.idx"
    )
    op.execute(
        "UPDATE subject_trail t SET last_idx = b.idx FROM "
        "(SELECT subject_ref, max(idx) AS idx FROM audit_event GROUP BY 1) b WHERE t.id = b.subject_ref"
    )
    op.drop_index("ix_audit_event_subject", table_name="audit_event")
    for table, column in IDS:
        op.alter_column(table, column, type_=sa.Text(collation="C"))
    for table in CHANGED_OFTEN:
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 70)")


def downgrade() -> None:
    for table in CHANGED_OFTEN:
        op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
    for table, column in IDS:
        op.alter_column(table, column, type_=sa.Text(collation="default"))
    op.create_index("ix_audit_event_subject", "audit_event", ["subject_ref", "subject_seq"])
    op.drop_column("subject_trail", "last_idx")
    op.drop_column("audit_event", "prev_idx")
