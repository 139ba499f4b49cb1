"""The asker follows its request: how it stands, and what was decided about each paper."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from auth.callers import Caller
from auth.grants import changed
from auth.verdict import AccessRefused, Refused
from exchange.acts import caller_details, may_look, refusal
from storage.assistance import assisted_of
from storage.consents import ConsentRequest, items_of, request_by_id
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.log import Appender


async def state_of(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    caller: Caller,
    request_id: str,
    now: datetime,
) -> ConsentRequest:
    """The request as its asker sees it. Raises ``AccessRefused`` alike for "not yours" and "not there", which differ in
    the ledger only.
    """
    async with database.reading() as reading:
        request = await request_by_id(reading, request_id)
        verdict = await may_look(reading, caller, request.service) if request else Refused("request_unknown")
    if request is not None and request.agency_id != caller.agency_id:
        verdict = Refused("request_of_another_agency")
    if request is None or not verdict.allowed:
        trail = keyring.site_trail() if request is None else await keyring.trail(request.subject_ref)
        details = caller_details(caller, act="look", request=request_id)
        await appender.submit(refusal("request", trail, caller, verdict, details))
        raise AccessRefused(verdict.reason or "")
    expired = changed(request.state, "expire") if now >= request.expires_at else None
    return replace(request, state=expired) if expired else request


async def recorded(database: Database, request: ConsentRequest) -> dict[str, str | list[str] | None]:
    """What one officer recorded of a citizen without a phone, while it waits for a second one; empty when nothing does."""
    if request.mode != "assisted" or request.state != "pending":
        return {}
    async with database.reading() as reading:
        found = await assisted_of(reading, request.id)
    if found is None or found.state != "recorded":
        return {}
    return {
        "recording": found.recording,
        "recorded_by": found.recorded_by,
        "recorded_at": found.recorded_at.isoformat(),
        "granted": json.loads(found.items),
        "witness": found.witness,
        "slip_sha256": found.slip_sha256,
    }


async def items_shown(database: Database, request: ConsentRequest) -> list[dict[str, str | None]]:
    """What was asked, with the decision once there is one."""
    asked = json.loads(request.items)
    decisions: dict[int, str] = {}
    if request.consent_id is not None:
        async with database.reading() as reading:
            items = await items_of(reading, request.consent_id)
        decisions = {number: item.decision for number, item in enumerate(items)}
    return [
        {
            "path": item["path"],
            "type": item["type"],
            "decision": decisions.get(number),
            "document_id": item["document_id"] if decisions.get(number) == "granted" else None,
        }
        for number, item in enumerate(asked)
    ]
