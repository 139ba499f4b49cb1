"""The log's own tables (``protocols.md`` 6.2). Entries, nodes and bodies are inserted, never changed; the
application's database role may not update or delete them and triggers refuse it to everyone (hygiene: the tree is
the protection). Only a body may be erased, by the erasure flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.ledger.facts import FactTable


class LogHead(SQLModel, table=True):
    """The one lock: its row is locked by every batch."""

    __tablename__ = "log_head"
    id: int = Field(primary_key=True, sa_type=sa.SmallInteger)
    origin: str = Field(sa_type=sa.Text)
    size: int = Field(sa_type=sa.BigInteger)
    root: bytes
    at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class LogEntry(SQLModel, table=True):
    __tablename__ = "log_entry"
    idx: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    entry: bytes


class LogNode(SQLModel, table=True):
    """Complete subtrees above leaf level; ``idx`` counts within the level."""

    __tablename__ = "log_node"
    level: int = Field(primary_key=True, sa_type=sa.SmallInteger, sa_column_kwargs={"autoincrement": False})
    idx: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    hash: bytes


class AuditEvent(SQLModel, table=True):
    """``body`` is salt and JCS(event), sealed under the subject's trail key. ``subject_ref`` is a random
    reference or ``site``. ``prev_idx`` is the entry before it on the same trail. ``(item_id, part)`` is how an unknown commit is
    looked up; ids begin with a time, so that its index grows at one end.
    """

    __tablename__ = "audit_event"
    __table_args__ = (sa.Index("uq_audit_event_item", "item_id", "part", unique=True),)
    idx: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    item_id: str = Field(sa_type=sa.Text)
    part: int = Field(sa_type=sa.SmallInteger)
    subject_ref: str = Field(sa_type=sa.Text)
    subject_seq: int = Field(sa_type=sa.BigInteger)
    prev_idx: int | None = Field(sa_type=sa.BigInteger)
    at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    body: bytes


class LogCheckpoint(SQLModel, table=True):
    __tablename__ = "log_checkpoint"
    size: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    root: bytes
    note: str = Field(sa_type=sa.Text)
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True), index=True)


@dataclass(frozen=True, slots=True)
class SubjectTrail:
    """The dense counter of one citizen's entries, and the newest of them; ``id`` is the subject reference or ``site``."""

    id: str
    seq: int
    last_idx: int | None


SUBJECT_TRAILS = FactTable(SubjectTrail, "subject_trail")


@dataclass(frozen=True, slots=True)
class TrailErasure:
    """The order to erase a citizen's trail (``id``), never changed: its ``entries`` first entries go, as entry ``item_id`` on the site's
    trail says; ``basis`` is the law. The database deletes a body only where it finds both.
    """

    id: str
    item_id: str
    basis: str
    entries: int
    ordered_at: datetime


TRAIL_ERASURES = FactTable(TrailErasure, "trail_erasure")
