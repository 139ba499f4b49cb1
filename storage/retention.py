"""Which papers are due, by one query: nothing is written when a paper is read, and no index exists for it.

Used was a paper when a version came in (``document_version``), when it was granted (``consent_item``) and when it left
(``ticket_use``). What has lain still long enough by the first is compared with the other two, each read through once for all of them
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.database import Reading
from storage.ids import earliest_id

PATIENCE_S = 60.0
CLOCKS_APART = timedelta(hours=1)
"""A ticket's id begins with the time of the replica that issued it, at most five minutes before it is redeemed."""


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """By type: what was used last at this moment or before is due, and what was superseded then."""

    unused: Mapping[str, datetime]
    superseded: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class DuePaper:
    """``reason`` unused: the whole paper; superseded: ``versions`` of it, which were replaced. ``legal_hold`` is the order's number."""

    document_id: str
    subject_ref: str
    type: str
    reason: str
    last_used_at: datetime
    versions: tuple[int, ...]
    legal_hold: str


@dataclass(frozen=True, slots=True)
class DuePage:
    """``total`` counts all that are due, not this page."""

    papers: tuple[DuePaper, ...]
    total: int


_PAGE = """
WITH term AS (
  SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS t (type, unused_before, superseded_before)
), still AS (
  SELECT v.document_id, v.subject_ref, v.type, t.unused_before, max(v.taken_at) AS taken_at,
         array_agg(v.version ORDER BY v.version) AS versions, max(v.legal_hold) AS hold
  FROM document_version v JOIN term t ON t.type = v.type
  WHERE v.state NOT IN ('erased', 'voided') GROUP BY 1, 2, 3, 4
  HAVING max(v.taken_at) <= t.unused_before AND NOT bool_or(v.state = 'disputed')
), read AS (
  SELECT u.document_id, max(u.released_at) AS at FROM ticket_use u
  WHERE u.document_id IN (SELECT document_id FROM still) GROUP BY 1
), granted AS (
  SELECT s.document_id, max(c.valid_from) AS at,
         bool_or(c.state IN ('active', 'frozen') AND c.valid_until > clock_timestamp()) AS live
  FROM still s JOIN consent c ON c.subject_ref = s.subject_ref
  JOIN consent_item i ON i.consent_id = c.id AND i.document_id = s.document_id AND i.decision = 'granted'
  GROUP BY 1
), asked AS (
  SELECT DISTINCT item ->> 'document_id' AS document_id
  FROM consent_request q CROSS JOIN LATERAL jsonb_array_elements(q.items::jsonb) item
  WHERE q.state = 'pending' AND q.expires_at > clock_timestamp()
  UNION SELECT unnest($8::text[])
), unused AS (
  SELECT s.document_id, s.subject_ref, s.type, 'unused' AS reason, s.versions, s.hold,
         greatest(s.taken_at, r.at, g.at) AS last_used_at
  FROM still s LEFT JOIN read r ON r.document_id = s.document_id LEFT JOIN granted g ON g.document_id = s.document_id
  WHERE (r.at IS NULL OR r.at <= s.unused_before) AND (g.at IS NULL OR (g.at <= s.unused_before AND NOT g.live))
    AND NOT EXISTS (SELECT FROM asked a WHERE a.document_id = s.document_id)
), superseded AS (
  SELECT v.document_id, v.subject_ref, v.type, 'superseded' AS reason, array_agg(v.version ORDER BY v.version) AS versions,
         max(v.legal_hold) AS hold, max(n.at) AS last_used_at
  FROM document_version v JOIN term t ON t.type = v.type
  CROSS JOIN LATERAL (
    SELECT min(l.taken_at) AS at FROM document_version l WHERE l.document_id = v.document_id AND l.version > v.version
  ) n
  WHERE v.state = 'superseded' AND n.at <= t.superseded_before
    AND NOT EXISTS (SELECT FROM unused u WHERE u.document_id = v.document_id)
    AND NOT EXISTS (SELECT FROM document_version d WHERE d.document_id = v.document_id AND d.state = 'disputed')
  GROUP BY 1, 2, 3
), waiting AS (
  SELECT k.subject_ref, CASE WHEN k.about IN ('everything', 'agency') THEN '' ELSE k.about_id END AS document_id
  FROM rights_case k WHERE k.state = 'open' AND k.about IN ('everything', 'agency', 'document')
  UNION ALL
  SELECT k.subject_ref, i.document_id FROM rights_case k JOIN consent_item i ON i.consent_id = k.consent_id
  WHERE k.state = 'open' AND i.decision = 'granted'
  UNION ALL
  SELECT w.subject_ref, i.document_id FROM withdrawal w JOIN consent_item i ON i.consent_id = w.consent_id
  WHERE w.answer = '' AND i.decision = 'granted'
), due AS (
  SELECT d.* FROM (
    SELECT document_id, subject_ref, type, reason, versions, hold, last_used_at FROM unused UNION ALL
    SELECT document_id, subject_ref, type, reason, versions, hold, last_used_at FROM superseded
  ) d
  WHERE NOT EXISTS (SELECT FROM waiting w WHERE w.subject_ref = d.subject_ref AND w.document_id = '')
    AND NOT EXISTS (SELECT FROM waiting w WHERE w.subject_ref = d.subject_ref AND w.document_id = d.document_id)
)
SELECT n.total, p.* FROM (SELECT count(*) AS total FROM due) n
LEFT JOIN (SELECT document_id, subject_ref, type, reason, last_used_at, versions, hold FROM due
           WHERE document_id > $4 AND (NOT $6::boolean OR hold = '') AND ($7::text[] IS NULL OR document_id = ANY($7))
           ORDER BY document_id LIMIT $5) p ON true
ORDER BY p.document_id
"""


async def due_papers(
    reading: Reading,
    cutoffs: Cutoffs,
    *,
    after: str = "",
    limit: int,
    free: bool = False,
    document_ids: Sequence[str] | None = None,
) -> DuePage:
    """By document id above ``after``; ``free``: without those that an order keeps. In a transaction of its own, whose plans may scan: it
    may take longer than what others wait for, and holds no lock meanwhile.
    """
    await reading.raw.execute(f"SET LOCAL statement_timeout = {PATIENCE_S * 1000:.0f}")
    await reading.raw.execute("SET LOCAL work_mem = '64MB'")
    types = sorted(cutoffs.unused)
    rows = await reading.raw.fetch(
        _PAGE,
        types,
        [cutoffs.unused[code] for code in types],
        [cutoffs.superseded[code] for code in types],
        after,
        limit,
        free,
        document_ids,
        await evidence_now(reading),
        timeout=PATIENCE_S,
    )
    return DuePage(
        tuple(
            DuePaper(
                row["document_id"], row["subject_ref"], row["type"], row["reason"], row["last_used_at"],
                tuple(row["versions"]), row["hold"],
            )
            for row in rows
            if row["document_id"] is not None
        ),
        rows[0]["total"],
    )  # fmt: skip


async def evidence_now(reading: Reading) -> list[str]:
    """Documents that show why somebody may decide for another, in a request that waits or under a consent that lives. In a transaction,
    whose plans may scan.
    """
    rows = await reading.raw.fetch(
        "SELECT DISTINCT paper ->> 'document_id' AS id FROM consent_request q LEFT JOIN consent c ON c.id = q.consent_id "
        "CROSS JOIN LATERAL jsonb_array_elements(q.evidence::jsonb) paper WHERE q.evidence <> '[]' "
        "AND ((q.state = 'pending' AND q.expires_at > clock_timestamp()) "
        "OR (c.state IN ('active', 'frozen') AND c.valid_until > clock_timestamp()))"
    )
    return [row["id"] for row in rows]


async def last_releases(
    reading: Reading, document_ids: Sequence[str], *, issued_since: datetime | None = None
) -> dict[str, datetime]:
    """When each left last; those that never did are left out. Of tickets ``issued_since`` alone it is a look at the end of the index, of
    all of them the table is read through.
    """
    since = earliest_id("t", issued_since - CLOCKS_APART) if issued_since else ""
    rows = await reading.raw.fetch(
        "SELECT document_id, max(released_at) AS at FROM ticket_use WHERE document_id = ANY($1) AND id >= $2 GROUP BY 1",
        list(document_ids),
        since,
    )
    return {row["document_id"]: row["at"] for row in rows}
