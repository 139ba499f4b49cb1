"""What enrolling a citizen and changing their contacts share: a contact as a row, and the alarm over one that several citizens have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from auth.callers import Caller
from auth.contacts import ALARM_FROM_CITIZENS, citizens_sharing
from exchange.acts import caller_details
from exchange.requirements.numbers import contact_value, mask_email, mask_phone
from storage.ids import new_id
from storage.keyring import SITE, Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.work import Event, Trail
from storage.limits import ALERTS, Alert
from storage.subjects import CONTACTS, Contact

SHARED = "contact_shared"


@dataclass(frozen=True, slots=True)
class NewContact:
    """``channel`` is sms, whatsapp or email."""

    channel: str
    value: str


def contact_row(
    keyring: Keyring, trail: Trail, contact: NewContact, caller: Caller, now: datetime
) -> Contact:
    """``set_at`` is written anew by the batch, with its clock. Raises ``NumberError``."""
    value = contact_value(contact.channel, contact.value)
    return Contact(
        id=new_id("k"),
        subject_ref=trail.subject_ref,
        channel=contact.channel,
        value=seal_field(trail, "contact", value.encode()),
        value_index=keyring.keyed_hash("contact", value),
        set_by=caller.actor,
        set_at=now,
    )


def masked(channel: str, value: str) -> str:
    return mask_email(value) if channel == "email" else mask_phone(value)


class SharedValues:
    """One number on several citizens: families share a phone, and who collects consents with an own phone does it like this. From the
    third citizen on supervisors are told, once an hour for each officer, and it stands in the ledger. A flow loads ``needs``,
    calls ``note`` in ``apply`` after its rows are written, and adds ``events``.
    """

    def __init__(self, keyring: Keyring, caller: Caller, rows: Sequence[Contact], now: datetime) -> None:
        self._site = keyring.site_trail()
        self._caller = caller
        self._rows = rows
        self._alert = f"{caller.actor}/{now:%Y-%m-%dT%H}/{SHARED}"

    @property
    def needs(self) -> list[Need]:
        values = [Need(CONTACTS, row.value_index, "value_index") for row in self._rows]
        return [*values, Need(ALERTS, self._alert), Need(SUBJECT_TRAILS, SITE)]

    def note(self, facts: Facts, now: datetime) -> None:
        if self._citizens(facts) and facts.get(ALERTS, self._alert) is None:
            alert = Alert(self._alert, self._caller.agency_id, self._caller.actor, SHARED, now, None)
            facts.put(ALERTS, alert)

    def events(self, facts: Facts) -> list[Event]:
        """On nobody's trail: it is about several citizens, and names none."""
        citizens = self._citizens(facts)
        if not citizens:
            return []
        details = caller_details(self._caller, act=SHARED, citizens=citizens)
        return [Event("contact", self._site, self._caller.actor, details)]

    def _citizens(self, facts: Facts) -> int:
        """How many have the value that most have; zero below the alarm."""
        most = max(
            (
                citizens_sharing(facts.group(CONTACTS, "value_index", row.value_index), row.subject_ref)
                for row in self._rows
            ),
            default=0,
        )
        return most if most >= ALARM_FROM_CITIZENS else 0
