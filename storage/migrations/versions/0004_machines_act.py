"""Machines act: a row names who made it as the ledger does, and the use of a ticket remembers the proofs shown for it.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ASKED = ("consent_request", "consent")
_MADE = (("document_version", "taken_by"), ("contact", "set_by"), ("enrolment", "enrolled_by"))


def upgrade() -> None:
    for table in _ASKED:
        op.alter_column(table, "officer_id", new_column_name="asked_by")
    op.drop_column("consent_request", "session_id")
    for table, column in [(table, "asked_by") for table in _ASKED] + list(_MADE):
        op.execute(f"UPDATE {table} SET {column} = 'officer:' || {column}")  # noqa: S608 - names from above
    op.add_column("ticket_use", sa.Column("proofs", sa.Text(), nullable=False, server_default=""))
    op.alter_column("ticket_use", "proofs", server_default=None)


def downgrade() -> None:
    op.drop_column("ticket_use", "proofs")
    for table, column in [(table, "asked_by") for table in _ASKED] + list(_MADE):
        op.execute(f"UPDATE {table} SET {column} = regexp_replace({column}, '^officer:', '')")  # noqa: S608 - the same
    op.add_column("consent_request", sa.Column("session_id", sa.Text(), nullable=False, server_default=""))
    op.alter_column("consent_request", "session_id", server_default=None)
    for table in _ASKED:
        op.alter_column(table, "asked_by", new_column_name="officer_id")
