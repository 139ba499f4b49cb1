"""An object rests under a key of the form that Berkas gives: nowhere else is it looked for, copied to or deleted.

A row that breaks it was changed behind our back. It is named here and stays as it is: what it pointed to before, only the backups know.

Revision ID: 0037
Revises: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

FORM = "object_key ~ '^[0-9a-f]{2}/[0-9a-f]{32}$'"
TABLES = {
    "document_version": "SELECT document_id || '/' || version FROM document_version "
    "WHERE object_key !~ '^[0-9a-f]{2}/[0-9a-f]{32}$' LIMIT 20",
    "intake": "SELECT document_id || '/' || version FROM intake "
    "WHERE object_key !~ '^[0-9a-f]{2}/[0-9a-f]{32}$' LIMIT 20",
}


def upgrade() -> None:
    for table, odd_rows in TABLES.items():
        found = op.get_bind().execute(sa.text(odd_rows))
        if odd := [row[0] for row in found]:
            raise RuntimeError(
                f"{table}: object_key is not one of Berkas' own in {', '.join(odd)}: the database was changed by "
                "somebody else; put the keys of the last good backup back, then migrate again"
            )
        op.create_check_constraint(f"ck_{table}_object_key", table, FORM)


def downgrade() -> None:
    for table in TABLES:
        op.drop_constraint(f"ck_{table}_object_key", table, type_="check")
