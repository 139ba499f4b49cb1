"""Who may what with the log: it grows and nothing else; a trail goes only by an erasure that stands in it.

Revision ID: 0038
Revises: 0037
"""

import sqlalchemy as sa
from alembic import op

from storage.migrations.append_only import app_role, append_only, changeable_again, may_grow

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# log_entry and log_node have their triggers since 0002.
GROWS = ("log_checkpoint", "log_reopening", "trail_erasure")

# An order to erase is one that the log has an entry of, on the site's trail, and not one that somebody wrote beside it.
ORDERED = """
CREATE FUNCTION berkas_erasure_ordered(subject text, seq bigint) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM trail_erasure o
    JOIN audit_event a ON a.item_id = o.item_id AND a.subject_ref = 'site'
    JOIN log_entry e ON e.idx = a.idx
    WHERE o.id = subject AND seq <= o.entries AND e.idx < (SELECT size FROM log_head)
  )
$$
"""
KEPT = """
CREATE FUNCTION berkas_bodies_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' AND berkas_erasure_ordered(OLD.subject_ref, OLD.subject_seq) THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'a body goes only by an erasure that stands in the log' USING ERRCODE = 'insufficient_privilege';
END $$
"""
# Runs with the owner's rights: the application's role cannot delete a body, only ask for what was ordered.
ERASE = """
CREATE FUNCTION berkas_erase_trail(subject text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  IF NOT berkas_erasure_ordered(subject, 0) THEN
    RAISE EXCEPTION 'the log has no erasure of this trail' USING ERRCODE = 'insufficient_privilege';
  END IF;
  WITH RECURSIVE walk AS (
    SELECT a.idx, a.prev_idx FROM subject_trail t JOIN audit_event a ON a.idx = t.last_idx
    WHERE t.id = subject AND a.subject_ref = subject
    UNION ALL
    SELECT a.idx, a.prev_idx FROM walk w JOIN audit_event a ON a.idx = w.prev_idx WHERE a.subject_ref = subject
  )
  DELETE FROM audit_event WHERE idx IN (SELECT idx FROM walk) AND berkas_erasure_ordered(subject, subject_seq);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$
"""
FUNCTIONS = ("berkas_erase_trail(text)", "berkas_bodies_kept()", "berkas_erasure_ordered(text, bigint)")

# Conditions are looked at without a call: these two stand in the way of every batch.
HEAD_GOES_ON = """
CREATE TRIGGER goes_on BEFORE UPDATE ON log_head FOR EACH ROW
WHEN (NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root))
EXECUTE FUNCTION berkas_append_only()
"""
COUNTER_GOES_ON = """
CREATE TRIGGER goes_on BEFORE UPDATE ON subject_trail FOR EACH ROW
WHEN (NEW.id <> OLD.id OR NEW.seq < OLD.seq)
EXECUTE FUNCTION berkas_append_only()
"""


def upgrade() -> None:
    role = app_role()
    op.create_table(
        "trail_erasure",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "item_id", "basis")),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for function in (ORDERED, KEPT, ERASE):
        op.execute(function)
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION berkas_erase_trail(text) TO {role}")
    for table in GROWS:
        append_only(table)
    for table in ("log_entry", "log_node", "audit_event"):
        may_grow(table)
    op.execute(
        "CREATE TRIGGER bodies_kept BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION berkas_bodies_kept()"
    )
    may_grow("log_head")
    op.execute(f"GRANT UPDATE (size, root, at) ON log_head TO {role}")
    op.execute(HEAD_GOES_ON)
    op.execute(f"REVOKE DELETE, TRUNCATE ON subject_trail FROM {role}")
    op.execute(COUNTER_GOES_ON)
    for table in ("log_head", "subject_trail"):
        op.execute(
            f"CREATE TRIGGER stays BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION berkas_append_only()"
        )
    for table in ("audit_event", "log_head", "subject_trail"):
        op.execute(
            f"CREATE TRIGGER append_only_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION berkas_append_only()"
        )


def downgrade() -> None:
    role = app_role()
    for table, names in {
        "audit_event": ("bodies_kept", "append_only_all"),
        "log_head": ("goes_on", "stays", "append_only_all"),
        "subject_trail": ("goes_on", "stays", "append_only_all"),
    }.items():
        for name in names:
            op.execute(f"DROP TRIGGER {name} ON {table}")
    for table in GROWS:
        changeable_again(table)
    op.execute(f"GRANT UPDATE ON log_head TO {role}")
    op.execute(f"GRANT DELETE ON subject_trail TO {role}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("trail_erasure")
