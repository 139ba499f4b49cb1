"""What was handed out under a consent, by the ledger: who received nothing has nothing to stop.

Looked up before the batch in the citizen's own entries, so that no index of the fetch path exists for it; the batch then sees by the
dense count of the citizen's entries whether anything was written in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auth.rights import ANSWER_WITHIN
from storage.consents import Consent
from storage.database import Reading
from storage.ledger.facts import Facts
from storage.ledger.history import events_of
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.work import Trail
from storage.rights import Withdrawal

ENTRIES_A_LOOK = 500
ENTRIES_AT_MOST = 5_000
# A consent's beginning is by a replica's clock, an entry's time by the database's.
CLOCKS_APART = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Received:
    """The documents that were released under each consent. ``seq`` is the citizen's count of entries at that time; ``whole`` is false
    where there were too many entries to look at: then nothing is said to be missing.
    """

    documents: Mapping[str, frozenset[str]]
    seq: int
    whole: bool

    def nothing_under(self, facts: Facts, trail: Trail, consent_id: str) -> bool:
        """For sure: nothing was released under it before, and this item's ``trail`` had no entry since."""
        seen = facts.get(SUBJECT_TRAILS, trail.subject_ref)
        unchanged = (seen.seq if seen else 0) == self.seq
        return self.whole and unchanged and consent_id not in self.documents


async def received(reading: Reading, trail: Trail, since: datetime | None = None) -> Received:
    """By the entries from ``since`` on (None: all of them)."""
    documents: dict[str, frozenset[str]] = {}
    seq, before, looked = 0, None, 0
    while looked < ENTRIES_AT_MOST:
        events = await events_of(reading, trail, limit=ENTRIES_A_LOOK, before=before)
        for _, body in events:
            seq = seq or body["subject_seq"]
            if _handed_out(body):
                consent_id = body["consent"]
                documents[consent_id] = documents.get(consent_id, frozenset()) | {body["doc"]["id"]}
        looked += len(events)
        oldest = datetime.fromisoformat(events[-1][1]["t"]) if events else None
        if len(events) < ENTRIES_A_LOOK or (since and oldest and oldest < since - CLOCKS_APART):
            return Received(documents, seq, whole=True)
        before = events[-1][1]["subject_seq"]
    return Received(documents, seq, whole=False)


async def consents_served(
    reading: Reading, trail: Trail, document_id: str, version: int, since: datetime
) -> frozenset[str]:
    """The consents under which this very version was released from ``since`` on: all of them, however many entries there are. It is
    complete for a version that is served to nobody any more.
    """
    found: set[str] = set()
    before = None
    while True:
        events = await events_of(
            reading, trail, limit=ENTRIES_A_LOOK, before=before, since=since - CLOCKS_APART
        )
        for _, body in events:
            if _handed_out(body) and (body["doc"]["id"], body["doc"]["ver"]) == (document_id, version):
                found.add(body["consent"])
        if len(events) < ENTRIES_A_LOOK:
            return frozenset(found)
        before = events[-1][1]["subject_seq"]


def _handed_out(body: Mapping[str, Any]) -> bool:
    """An entry on the holder's list that lets bytes leave."""
    return (
        body["type"] in {"release", "redelivery"} and body["result"]["allowed"] and not body.get("names_you")
    )


def owed(
    withdrawal_id: str,
    consent: Consent,
    kind: str,
    now: datetime,
    *,
    nothing: bool = False,
    case_id: str = "",
) -> Withdrawal:
    """The recipient's clock. ``nothing`` was received: then the answer is ours, and given at once."""
    return Withdrawal(
        id=withdrawal_id,
        consent_id=consent.id,
        subject_ref=consent.subject_ref,
        agency_id=consent.agency_id,
        service=consent.service,
        kind=kind,
        case_id=case_id,
        received_at=now,
        deadline=now + ANSWER_WITHIN,
        answer="nothing_received" if nothing else "",
        article="",
        answered_by="system" if nothing else "",
        answered_at=now if nothing else None,
        reminded=0,
    )
