"""An officer marks where on a paper people stand, all of them, so that a copy can show one and hide the others (L18).

1. find the paper's newest copy
2. one batch item: caller and paper judged live; the row, an entry for the holder
What is marked is the copy's: a newer one begins without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from auth.callers import Officer
from auth.verdict import AccessRefused, Verdict
from exchange.own_papers import own_paper
from storage.database import Database
from storage.documents import AREAS, PeopleAreas
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender


async def mark(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    caller: Officer,
    document_id: str,
    areas: Sequence[Mapping[str, float]],
) -> int:
    """Marking again replaces what was marked. The version; raises ``AccessRefused`` after the refusal is on record."""
    paper = await own_paper(database, keyring, caller, document_id)
    row = paper.copy.id if paper.copy else ""
    kept = Json(json.dumps([dict(area) for area in areas]))

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        facts.put(AREAS, PeopleAreas(row, kept, caller.actor, now))

    settled = await appender.submit(
        paper.work(
            paper.judge,
            apply,
            lambda _verdict: paper.events("areas_marked", (), areas=len(areas)),
            [Need(AREAS, row)],
            lambda _facts, _now, _verdict: None,
        )
    )
    settled.verdict.enforce()
    if paper.copy is None:
        raise AccessRefused("version_unknown")
    return paper.copy.version
