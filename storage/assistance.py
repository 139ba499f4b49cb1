"""Consent without a phone: what one officer recorded and a second one confirmed, and the code on the printed slip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from storage.consents import CONSENTS
from storage.database import Reading
from storage.ledger.facts import FactTable, Json


@dataclass(frozen=True, slots=True)
class AssistedDecision:
    """``id`` is that of the request, ``recording`` of this one record of it: a second officer confirms what was read, and no
    later one. ``state`` is recorded, confirmed or discarded; ``items`` a JSON list of the granted paths; ``witness`` signature,
    thumb_mark or spoken_recorded; ``helped_by`` family, companion or interpreter, empty where only the office helped.
    ``slip_sha256`` is of the scan of the signed slip, or of the recorded voice; ``text_sha256`` of the slip that was read aloud.
    ``recorded_by`` and ``decided_by`` (who confirmed or discarded) are officers' ids, ``reason`` is why it was discarded.
    """

    id: str
    recording: str
    agency_id: str
    recorded_by: str
    recorded_at: datetime
    counter: str
    items: Json
    witness: str
    helped_by: str
    slip_sha256: str | None
    text_sha256: str
    state: str
    decided_by: str
    decided_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class SlipCode:
    """The withdrawal code of one consent; ``id`` is a keyed hash of the consent's number and the code. Never changed."""

    id: str
    consent_id: str
    made_at: datetime


ASSISTED = FactTable(AssistedDecision, "assisted_decision")
sa.Index("ix_assisted_decision_recorded_by", ASSISTED.table.c.recorded_by, ASSISTED.table.c.decided_at)
SLIP_CODES = FactTable(SlipCode, "slip_code")
# Decisions about the requests of one asker, by day.
sa.Index("ix_consent_asked_by", CONSENTS.table.c.asked_by, CONSENTS.table.c.valid_from)


class Decisions(NamedTuple):
    """Decided requests that are alike: who asked (an actor), and, where it was without a phone, who recorded and who confirmed
    (officers' ids).
    """

    agency_id: str
    asked_by: str
    recorded_by: str | None
    confirmed_by: str | None
    number: int


async def assisted_of(reading: Reading, request_id: str) -> AssistedDecision | None:
    """The newest record, also one that was discarded."""
    rows = await ASSISTED.load(reading.raw, "id", [request_id])
    return rows[0] if rows else None


async def slip_code(reading: Reading, hashed: str) -> SlipCode | None:
    rows = await SLIP_CODES.load(reading.raw, "id", [hashed])
    return rows[0] if rows else None


async def decisions_since(reading: Reading, since: datetime, agency_id: str | None) -> Sequence[Decisions]:
    """Of one agency, or of all."""
    rows = await reading.raw.fetch(
        "SELECT c.agency_id, c.asked_by, a.recorded_by, a.decided_by, count(*) FROM consent c "
        "LEFT JOIN assisted_decision a ON a.id = c.request_id AND a.state = 'confirmed' "
        "WHERE c.valid_from >= $1 AND ($2::text IS NULL OR c.agency_id = $2) GROUP BY 1, 2, 3, 4",
        since,
        agency_id,
    )
    return [Decisions(*row) for row in rows]


async def share_of(reading: Reading, officer_id: str, since: datetime) -> tuple[int, int]:
    """(requests that the officer recorded without a phone, all decided requests that the officer asked or recorded)."""
    row = await reading.raw.fetchrow(
        "SELECT (SELECT count(*) FROM consent WHERE asked_by = 'officer:' || $1::text AND valid_from >= $2) AS asked, "
        "count(*) AS recorded, count(*) FILTER (WHERE c.asked_by <> 'officer:' || $1::text) AS for_others "
        "FROM assisted_decision a JOIN consent c ON c.request_id = a.id "
        "WHERE a.recorded_by = $1 AND a.decided_at >= $2 AND a.state = 'confirmed'",
        officer_id,
        since,
    )
    return row["recorded"], row["asked"] + row["for_others"]
