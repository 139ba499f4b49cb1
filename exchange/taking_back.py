"""Who takes a consent back, and who is told of it (UU 27/2022 art. 40)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Officer
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.citizen import By, Holder, Letter, Posted, judged_by
from exchange.family import trails_of
from exchange.representation import represented, told_to_both
from exchange.slip_codes import ShownCode
from storage.consents import Consent
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts
from storage.ledger.work import Event, Trail
from storage.outbox import addresses_of

STOP_WITHIN = timedelta(hours=72)
"""Real hours, not working days (UU 27/2022 art. 40)."""


def at_counter(by: By | ShownCode, consent: Consent | None) -> dict[str, Any]:
    """Where an officer acted for the citizen, or tried to: at the counter of another agency than the recipient's perhaps."""
    officer = officer_of(by)
    if officer is None:
        return {}
    details = {"counter": officer.counter, "for_citizen": True, "agency": officer.agency_id}
    if consent is not None and consent.agency_id != officer.agency_id:
        details["recipient"] = consent.agency_id
    return details | ({"act": "with_code"} if isinstance(by, ShownCode) else {})


def officer_of(by: By | ShownCode) -> Officer | None:
    return by if isinstance(by, Officer) else by.officer if isinstance(by, ShownCode) else None


async def decider_trail(keyring: Keyring, consent: Consent | None) -> tuple[Trail, ...]:
    """The trail of who decided for the subject."""
    if consent is None or not represented(consent):
        return ()
    return await trails_of(keyring, [consent.decider_ref])


async def letters_to(
    database: Database,
    keyring: Keyring,
    notice: Letter[[str, Sequence[str], str, datetime]],
    consent: Consent | None,
    types: Sequence[str],
    trails: Sequence[Trail],
    now: datetime,
) -> list[Posted]:
    """To everybody of these who can be reached."""
    if consent is None:
        return []
    addresses = [(trail, await addresses_of(database, keyring, trail.subject_ref)) for trail in trails]
    agency, request, deadline = consent.agency_id, consent.request_id, now + STOP_WITHIN
    posted = [
        notice.write(keyring, trail, address.values(), now, agency, types, request, deadline)
        for trail, address in addresses
    ]
    return [letter for letter in posted if letter]


def on_both(
    event: Event, consent: Consent | None, others: Sequence[Trail], by: By | ShownCode
) -> list[Event]:
    """On the subject's trail, and on that of who had decided: either may have taken it back."""
    if consent is None or not others:
        return [event]
    own, theirs = told_to_both(event, others[0], consent.relation, ())
    if isinstance(by, Holder) and by.link.subject_ref == consent.decider_ref:
        return [own, theirs]
    actor = "represented" if isinstance(by, Holder) else event.actor
    return [replace(own, actor=event.actor), replace(theirs, actor=actor)]


def caller_verdict(facts: Facts, by: By | ShownCode, consent: Consent | None, now: datetime) -> Verdict:
    if isinstance(by, ShownCode):
        return by.judge(facts, consent, now)
    verdict = judged_by(facts, by, now)
    if not verdict.allowed or consent is None:
        return verdict
    if isinstance(by, Officer):
        return ALLOWED if consent.agency_id == by.agency_id else Refused("consent_of_another_agency")
    own = by.link.subject_ref in {consent.subject_ref, consent.decider_ref}
    return ALLOWED if own else Refused("consent_of_another_citizen")
