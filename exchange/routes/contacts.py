"""At the counter: a citizen's contacts, masked."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from auth.callers import Officer
from exchange.answers import agency_code, checked_contact, contact_rules_of, limits_of
from exchange.contacts import NewContact
from exchange.deps import CurrentOfficer, Parts, Wired, clock
from exchange.flows import keep_contacts
from exchange.flows.keep_contacts import Shown
from exchange.pages import messages
from exchange.schemas import ContactId, ContactIn, Reference

router = APIRouter(prefix="/v1/subjects/{ref}/contacts", tags=["Agency"])


@router.get("", operation_id="listContacts", summary="A citizen's contacts, masked")
async def list_contacts(
    parts: Wired, officer: CurrentOfficer, ref: Reference, response: Response
) -> dict[str, Any]:
    """An officer of the counter. Newest first; one entry on the citizen's trail. A contact may carry a one-time code from `serves_from` on, but not for
    a request of whoever set it (`set_by_you`).
    """
    found = await keep_contacts.listed(
        parts.database,
        parts.keyring,
        parts.appender,
        officer=officer,
        subject_ref=parts.keyring.meant(officer.agency_id, ref),
        limits=limits_of(parts),
        now=clock(),
    )
    response.headers["Cache-Control"] = "no-store"
    return {"contacts": [_shown(parts, officer, row) for row in found]}


@router.post("", status_code=201, operation_id="addContact", summary="Add a contact of a citizen")
async def add_contact(
    parts: Wired, officer: CurrentOfficer, ref: Reference, body: ContactIn, response: Response
) -> dict[str, Any]:
    """An officer of the counter, three a day and citizen. The citizen is told at every contact, the new one too; one entry. It may carry a one-time
    code from `serves_from` on.
    """
    checked_contact(body, "/value")
    now = clock()
    added = await keep_contacts.add(
        parts.database,
        parts.keyring,
        parts.appender,
        officer=officer,
        subject_ref=parts.keyring.meant(officer.agency_id, ref),
        contact=NewContact(body.channel, body.value),
        limits=limits_of(parts),
        words=_words(parts, officer, added=True),
        now=now,
    )
    response.headers["Cache-Control"] = "no-store"
    return _shown(parts, officer, added)


@router.post(
    "/{contact_id}/removal", status_code=204, operation_id="removeContact", summary="Remove a contact"
)
async def remove_contact(
    parts: Wired, officer: CurrentOfficer, ref: Reference, contact_id: ContactId
) -> None:
    """An officer of the counter, three a day and citizen. The citizen is told at every contact, this one too; one entry. A code that was sent there
    counts no more.
    """
    await keep_contacts.remove(
        parts.database,
        parts.keyring,
        parts.appender,
        officer=officer,
        subject_ref=parts.keyring.meant(officer.agency_id, ref),
        contact_id=contact_id,
        limits=limits_of(parts),
        words=_words(parts, officer, added=False),
        now=clock(),
    )


def _shown(parts: Parts, officer: Officer, row: Shown) -> dict[str, Any]:
    contact, rules = row.contact, contact_rules_of(parts)
    return {
        "id": contact.id,
        "channel": contact.channel,
        "value": row.masked,
        "set_at": contact.set_at.isoformat(),
        "set_by_you": contact.set_by == officer.actor,
        "serves_from": (contact.set_at + rules.rest).isoformat(),
        "verified_at": contact.verified_at.isoformat() if contact.verified_at else None,
    }


def _words(parts: Parts, officer: Officer, *, added: bool) -> keep_contacts.Words:
    at = clock()

    def text(channel: str) -> str:
        return messages.contact_notice(
            site=parts.site_name,
            agency=agency_code(officer.agency_id),
            counter=officer.counter,
            channel=channel,
            added=added,
            at=at,
            zone=parts.zone,
        )

    return text
