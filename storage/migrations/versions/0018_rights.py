"""What citizens ask for afterwards: withdrawals with their clock, cases, deaths.

Revision ID: 0018
Revises: 0017
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TEXT, TIME, NUMBER, BYTES, TRUTH = sa.Text(), sa.DateTime(timezone=True), sa.BigInteger(), sa.LargeBinary(), sa.Boolean()
TABLES: dict[str, dict[str, sa.types.TypeEngine[Any]]] = {
    "withdrawal": {
        "id": TEXT, "consent_id": TEXT, "subject_ref": TEXT, "agency_id": TEXT, "service": TEXT, "kind": TEXT, "case_id": TEXT,
        "received_at": TIME, "deadline": TIME, "answer": TEXT, "article": TEXT, "answered_by": TEXT, "answered_at": TIME,
        "reminded": NUMBER,
    },
    "rights_case": {
        "id": TEXT, "kind": TEXT, "reason": TEXT, "about": TEXT, "about_id": TEXT, "consent_id": TEXT, "subject_ref": TEXT,
        "agency_id": TEXT, "asked_by": TEXT, "opened_at": TIME, "deadline": TIME, "state": TEXT, "text": BYTES, "outcome": TEXT,
        "answer": BYTES, "offers_thaw": TRUTH, "answered_by": TEXT, "answered_at": TIME, "closed_at": TIME, "reminded": NUMBER,
    },
    "death_report": {
        "id": TEXT, "subject_ref": TEXT, "agency_id": TEXT, "document_id": TEXT, "version": NUMBER, "sha256": TEXT,
        "reported_by": TEXT, "reported_at": TIME, "state": TEXT, "decided_by": TEXT, "decided_at": TIME, "undo_by": TEXT,
        "undone_by": TEXT, "undone_at": TIME,
    },
}
MAY_BE_MISSING = {"answered_at", "closed_at", "decided_at", "undone_at"}
OWED = {"withdrawal": "answer = ''", "rights_case": "state = 'open'"}


def upgrade() -> None:
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    for table, columns in TABLES.items():
        op.create_table(
            table,
            *(sa.Column(name, kind, nullable=name in MAY_BE_MISSING) for name, kind in columns.items()),
            sa.PrimaryKeyConstraint("id"),
        )
        op.create_index(f"ix_{table}_subject_ref", table, ["subject_ref"])
        op.create_index(f"ix_{table}_of_agency", table, ["agency_id", "id"])
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")
    for table, owed in OWED.items():
        op.create_index(f"ix_{table}_owed", table, ["agency_id", "id"], postgresql_where=sa.text(owed))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
