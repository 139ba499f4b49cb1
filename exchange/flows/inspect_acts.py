"""What administrators did, for those who look after them: the ledger's entries about officers, agencies and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auth.callers import Officer
from auth.roles import INSPECT, WHOLE_SITE
from exchange.acts import demand_right
from storage.agencies import all_officers
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.history import events_of
from storage.ledger.log import Appender

KINDS = frozenset({"officer", "agency", "key"})
PAGE = 200


@dataclass(frozen=True, slots=True)
class Acts:
    """``next`` is None at the end."""

    entries: list[dict[str, Any]]
    next: int | None


async def acts(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer, before: int | None
) -> Acts:
    """Of the own agency, or of all for who is over the whole site. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, INSPECT, kind="officer", act="look_at_administration")
    async with database.reading() as reading:
        found = await events_of(reading, keyring.site_trail(), limit=PAGE, before=before)
        officers = await all_officers(reading)
    own = {officer.id for officer in officers if officer.agency_id == by.agency_id}
    shown = [
        {"index": index, **body}
        for index, body in found
        if body["type"] in KINDS and (by.role in WHOLE_SITE or _is_about(body, by.agency_id, own))
    ]
    last = found[-1][1]["subject_seq"] if len(found) == PAGE else None
    return Acts(shown, last)


def _is_about(body: dict[str, Any], agency_id: str, officers: set[str]) -> bool:
    """Whom it was done to; where it was done to nobody, the agency or who did it."""
    if (whom := body.get("officer")) is not None:
        return whom in officers
    if (of_agency := body.get("of_agency", body.get("agency"))) is not None:
        return bool(of_agency == agency_id)
    return str(body.get("actor", "")).removeprefix("officer:") in officers
