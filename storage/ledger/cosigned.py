"""Cosignatures as rows: what each witness signed, which checkpoints had the quorum, and who keeps the log waiting.

Lines and quorums are inserted, never changed. ``log_witness`` is an ordinary row: how a witness answered last, and which replica is
asking it now. Nothing here is judged; a reader verifies every line with the policy that they hold themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.database import Reading, Transaction


class LogCosignature(SQLModel, table=True):
    """``witness`` is key name and key id (``CosignatureVerifier.id``), ``line`` with its newline."""

    __tablename__ = "log_cosignature"
    __table_args__ = (sa.Index("ix_log_cosignature_witness", "witness", "size"),)
    size: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    witness: str = Field(primary_key=True, sa_type=sa.Text)
    line: str = Field(sa_type=sa.Text)
    at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class LogQuorum(SQLModel, table=True):
    """Checkpoints whose cosignatures met the policy of their time."""

    __tablename__ = "log_quorum"
    size: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class LogWitness(SQLModel, table=True):
    """``cause`` is a stable word for why the last answer brought no cosignature, empty when it did."""

    __tablename__ = "log_witness"
    witness: str = Field(primary_key=True, sa_type=sa.Text)
    cause: str = Field(sa_type=sa.Text)
    known_since: datetime = Field(sa_type=sa.DateTime(timezone=True))
    claimed_until: datetime = Field(sa_type=sa.DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Standing:
    """``size`` is the newest checkpoint that has it, 0 for none; ``waiting_since`` when the first published one beyond it was signed (or
    the witness became known, if that was later), None while nothing waits. ``cause`` as in the row.
    """

    size: int
    waiting_since: datetime | None
    cause: str = ""


async def make_known(transaction: Transaction, witnesses: Collection[str]) -> None:
    """From now on they can be late: whoever starts with a policy says so, whether or not anybody ever asks them."""
    await transaction.raw.execute(
        "INSERT INTO log_witness (witness, cause, known_since, claimed_until) "
        "SELECT w, '', clock_timestamp(), '-infinity' FROM unnest($1::text[]) AS w ON CONFLICT (witness) DO NOTHING",
        sorted(witnesses),
    )


async def claim(transaction: Transaction, witness: str, seconds: float) -> bool:
    """Whether this replica may ask the witness now; the others leave it alone for so long, or until ``settle``."""
    won = await transaction.raw.fetchval(
        "UPDATE log_witness SET claimed_until = clock_timestamp() + make_interval(secs => $2) "
        "WHERE witness = $1 AND claimed_until < clock_timestamp() RETURNING true",
        witness,
        seconds,
    )
    return bool(won)


async def keep(transaction: Transaction, size: int, witness: str, line: str) -> None:
    """A line that was verified; the witness may be asked again at once."""
    await transaction.raw.execute(
        "INSERT INTO log_cosignature (size, witness, line, at) VALUES ($1, $2, $3, clock_timestamp()) "
        "ON CONFLICT (size, witness) DO NOTHING",
        size,
        witness,
        line,
    )
    await transaction.raw.execute(
        "UPDATE log_witness SET cause = '', claimed_until = '-infinity' WHERE witness = $1", witness
    )


async def keep_cause(transaction: Transaction, witness: str, cause: str) -> None:
    """No cosignature, and why. The claim stays: that is the pause before the next try."""
    await transaction.raw.execute("UPDATE log_witness SET cause = $2 WHERE witness = $1", witness, cause)


async def witnesses_at(reading: Reading, size: int) -> set[str]:
    """Who cosigned the checkpoint of this size."""
    rows = await reading.raw.fetch("SELECT witness FROM log_cosignature WHERE size = $1", size)
    return {row["witness"] for row in rows}


async def last_sizes(reading: Reading, witnesses: Collection[str]) -> dict[str, int]:
    """The newest size that each has cosigned; who never did is not in the answer."""
    rows = await reading.raw.fetch(
        "SELECT w, (SELECT max(size) FROM log_cosignature WHERE witness = w) FROM unnest($1::text[]) AS w",
        sorted(witnesses),
    )
    return {witness: size for witness, size in rows if size is not None}


async def keep_quorum(transaction: Transaction, size: int) -> None:
    await transaction.raw.execute(
        "INSERT INTO log_quorum (size, at) VALUES ($1, clock_timestamp()) ON CONFLICT (size) DO NOTHING", size
    )


_WAITING = """
SELECT s.who, s.size, CASE WHEN first.at IS NOT NULL THEN greatest(first.at, s.since) END, s.cause
FROM (
  SELECT w.witness AS who, w.known_since AS since, w.cause,
    coalesce((SELECT max(c.size) FROM log_cosignature c WHERE c.witness = w.witness), 0) AS size
  FROM log_witness w WHERE w.witness = ANY($1::text[])
  UNION ALL
  SELECT '', max(w.known_since), '', coalesce((SELECT max(q.size) FROM log_quorum q), 0)
  FROM log_witness w WHERE w.witness = ANY($1::text[])
) AS s
LEFT JOIN LATERAL (
  SELECT c.created_at AS at FROM log_checkpoint c
  WHERE c.size > s.size AND ($2 OR c.created_at < date_trunc('minute', clock_timestamp())) ORDER BY c.size LIMIT 1
) AS first ON true
"""


async def standings(
    reading: Reading, witnesses: Sequence[str], *, at_once: bool
) -> tuple[dict[str, Standing], Standing]:
    """Of each witness, and of the quorum. ``at_once`` as in ``published``."""
    rows = await reading.raw.fetch(_WAITING, sorted(witnesses), at_once)
    found = {who: Standing(size, since, cause) for who, size, since, cause in rows}
    return found, found.pop("")
